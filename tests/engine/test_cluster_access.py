"""Passwords made of the cluster's secret: one for each use, none that tells another."""

from aiex.engine import ClusterAccess

ONE = ClusterAccess("one", "a secret that is long enough")


def test_nodes_with_one_secret_have_the_same_passwords() -> None:
    again = ClusterAccess("one", "a secret that is long enough")
    assert (ONE.node, ONE.system, ONE.route) == (again.node, again.system, again.route)


def test_every_use_has_a_password_of_its_own() -> None:
    passwords = {ONE.node.password, ONE.system.password, ONE.route.password}
    assert len(passwords) == 3
    assert all(len(password) >= 40 for password in passwords)
    assert {ONE.node.user, ONE.system.user, ONE.route.user} == {"node", "system", "route"}


def test_another_cluster_or_secret_has_other_passwords() -> None:
    other = ClusterAccess("other", ONE.secret)
    assert other.node.password != ONE.node.password
    assert ClusterAccess("one", "another secret").node.password != ONE.node.password


def test_the_secret_is_in_no_password_and_no_text() -> None:
    shown = f"{ONE} {ONE!r} {ONE.node} {ONE.route!r}"
    for hidden in (ONE.secret, ONE.node.password, ONE.route.password):
        assert hidden not in shown
    assert ONE.secret not in ONE.node.password


def test_passwords_need_no_quoting_in_an_address() -> None:
    for number in range(200):
        password = ClusterAccess("one", f"secret {number}").route.password
        assert password.replace("-", "").replace("_", "").isalnum()
