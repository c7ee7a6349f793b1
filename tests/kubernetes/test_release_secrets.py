"""What is made, and that what is there stays as it is."""

import re
import time
from collections.abc import Mapping

import pytest

from aiex.certificates import ends_at_s
from aiex.errors import KubernetesRefused
from aiex.kubernetes.private_authority import AUTHORITY_LIFE, CERTIFICATE_LIFE
from aiex.kubernetes.release_secrets import Change, Data, Wanted, changes, made_secrets

NOW_S = time.time()
DAY_S = 24 * 3600.0
NAMES = ("r-nats", "*.r-nats-headless")
ALL = Wanted("r", nodes=True, engine_login=True, nats=True, nats_names=NAMES)


def after(there: Mapping[str, Data], found: list[Change]) -> dict[str, Data]:
    return {**there, **{one.secret: one.data for one in found}}


def installed() -> dict[str, Data]:
    return after({}, changes(ALL, {}, NOW_S))


def test_all_is_made_where_nothing_is_there() -> None:
    found = changes(ALL, {}, NOW_S)
    assert {one.secret: sorted(one.data) for one in found} == {
        "r-secrets": ["admin-token", "api-key", "engine-password", "engine-user"],
        "r-nats-auth": ["route-password", "system-password"],
        "r-nats-ca": ["ca.crt", "ca.key"],
        "r-nats-tls": ["ca.crt", "tls.crt", "tls.key"],
    }
    assert all(one.is_new for one in found)
    assert [one.secret for one in found] == list(made_secrets("r"))


def test_a_second_look_changes_nothing() -> None:
    assert changes(ALL, installed(), NOW_S + 365 * DAY_S) == []


def test_what_nats_reads_from_its_environment_needs_no_quoting() -> None:
    there = installed()
    said = {**there["r-secrets"], **there["r-nats-auth"]}
    assert all(re.fullmatch(rb"[A-Za-z0-9-]+", value) for value in said.values())
    assert len({*said.values()}) == len(said)
    assert all(len(value) >= 64 for key, value in said.items() if key != "engine-user")


def test_only_what_is_wanted_is_made() -> None:
    found = changes(Wanted("r", nodes=True), {}, NOW_S)
    assert [(one.secret, sorted(one.data)) for one in found] == [
        ("r-secrets", ["admin-token", "api-key"])
    ]


def test_a_key_that_is_missing_is_added_and_the_others_stay() -> None:
    there = installed()
    kept = {**there["r-secrets"]}
    password = kept.pop("engine-password")
    (change,) = changes(ALL, {**there, "r-secrets": kept}, NOW_S)
    assert not change.is_new
    assert change.data["engine-password"] != password
    assert {key: change.data[key] for key in kept} == kept
    assert change.why == "engine-password made"


def test_a_certificate_near_its_end_is_made_anew_by_the_same_authority() -> None:
    there = installed()
    almost_s = NOW_S + CERTIFICATE_LIFE.total_seconds() - 31 * DAY_S
    assert changes(ALL, there, almost_s) == []
    (change,) = changes(ALL, there, almost_s + 2 * DAY_S)
    assert (change.secret, change.is_new) == ("r-nats-tls", False)
    assert change.data["ca.crt"] == there["r-nats-ca"]["ca.crt"]
    ends_s = ends_at_s(change.data["tls.crt"])
    assert ends_s is not None
    assert ends_s > almost_s + 365 * DAY_S
    assert "NATS is told" in change.why


def test_a_name_that_is_missing_is_a_reason_too() -> None:
    more = ALL._replace(nats_names=(*NAMES, "new"))
    (change,) = changes(more, installed(), NOW_S)
    assert "is not for new" in change.why


def test_an_authority_that_is_gone_or_ends_is_for_a_person() -> None:
    there = installed()
    late_s = NOW_S + CERTIFICATE_LIFE.total_seconds()
    orphan = {name: data for name, data in there.items() if name != "r-nats-ca"}
    assert changes(ALL, orphan, NOW_S) == []
    with pytest.raises(KubernetesRefused, match="the Secret r-nats-ca, is gone"):
        changes(ALL, orphan, late_s)
    with pytest.raises(KubernetesRefused, match="authority in the Secret r-nats-ca is not whole"):
        changes(ALL, there, NOW_S + AUTHORITY_LIFE.total_seconds())


def test_after_a_crash_between_the_two_the_authority_that_is_there_is_used() -> None:
    there = installed()
    half = {name: data for name, data in there.items() if name != "r-nats-tls"}
    (change,) = changes(ALL, half, NOW_S)
    assert (change.secret, change.is_new) == ("r-nats-tls", True)
    assert change.data["ca.crt"] == there["r-nats-ca"]["ca.crt"]
