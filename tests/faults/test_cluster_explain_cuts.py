"""Cuts, firewalls and full discs between three nodes of a lab: `explain` names each of them."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from aiex.testing.lab_cluster import LabCluster, OwnEngines
from aiex.testing.lab_inspection import LabInspection, until_well
from aiex.testing.namespaces import NamespacesUnavailable
from aiex.testing.nats_process import ROUTE_PORT
from aiex.testing.network_lab import NetworkLab
from aiex.testing.node_process import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.fault]

NAMES = ("n1", "n2", "n3")
ALL_UP = dict.fromkeys(NAMES, "up")
FORM_S = 60.0
NOTICED_S = 60.0
SETTLES_S = 2.0
CUT = "n1 and n2 do not reach each other; n3 reaches both."


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, lab_programs: None) -> Iterator[LabCluster]:
    directory = tmp_path_factory.mktemp("explain")
    try:
        lab = NetworkLab(directory / "machines", NAMES)
    except NamespacesUnavailable as error:
        pytest.skip(str(error))
    with lab, LabCluster(lab, directory / "nodes", OwnEngines(lab)) as made:
        made.start_all()
        yield made


def explained(cluster: LabCluster, name: str) -> list[dict[str, Any]]:
    findings: list[dict[str, Any]] = cluster.nodes[name].admin("/admin/v1/cluster/explain")[
        "findings"
    ]
    return findings


def states(cluster: LabCluster, observer: str) -> dict[str, str]:
    """Of the members, as that node sees them."""
    seen = cluster.nodes[observer].admin("/admin/v1/cluster")["members"]
    return {one["name"]: one["state"] for one in seen}


def until_named(cluster: LabCluster, name: str, rule: str) -> list[str]:
    """Wait until the node names just that, and goes on to; its sentences."""
    deadline_s = time.monotonic() + NOTICED_S
    since_s = float("inf")
    while time.monotonic() - since_s < SETTLES_S:
        found = explained(cluster, name)
        is_so = {one["rule"] for one in found} == {rule}
        since_s = min(since_s, time.monotonic()) if is_so else float("inf")
        assert time.monotonic() < deadline_s, f"not {rule}: {found}"
        time.sleep(0.2)
    return [one["text"] for one in found]


@pytest.fixture(autouse=True)
def all_well(cluster: LabCluster) -> Iterator[None]:
    """Before each test, and nothing of it is left afterwards."""
    troubles, _ = until_well(LabInspection(cluster).members, FORM_S)
    assert not troubles, troubles
    for name in NAMES:
        found, _ = until_well(
            lambda name=name: [one["text"] for one in explained(cluster, name)],  # type: ignore[misc]
            NOTICED_S,
        )
        assert found == []
    yield
    cluster.lab.heal()


@pytest.mark.parametrize("asked", NAMES)
def test_a_cable_cut_between_two(cluster: LabCluster, asked: str) -> None:
    cluster.lab.cut("n1", "n2")
    assert until_named(cluster, asked, "partial_cut") == [CUT]


def test_a_cable_cut_while_all_hear_each_other_over_the_third(cluster: LabCluster) -> None:
    """A node whose own server was away stays at another one's, and its server has no route."""
    cluster.lab.cut("n1", "n2")
    until_named(cluster, "n1", "partial_cut")
    thaw = cluster.freeze_engine("n1")
    try:
        wait_until(lambda: states(cluster, "n1")["n2"] == "up", NOTICED_S, "n1 hears n2")
    finally:
        thaw()
    for asked in NAMES:
        wait_until(lambda asked=asked: states(cluster, asked) == ALL_UP, NOTICED_S, asked)  # type: ignore[misc]
    for asked in NAMES:
        assert until_named(cluster, asked, "partial_cut") == [CUT]
    assert all(states(cluster, asked) == ALL_UP for asked in NAMES)


def test_a_cable_that_carries_one_way_only(cluster: LabCluster) -> None:
    cluster.lab.cut_one_way("n1", "n2")
    assert until_named(cluster, "n3", "partial_cut") == [CUT]


def test_a_firewall_before_the_port_of_routes(cluster: LabCluster) -> None:
    with cluster.lab.firewall("n1", "n2", ROUTE_PORT):
        told = until_named(cluster, "n3", "port_blocked")
        assert told == [
            f"{one} does not get through to port {ROUTE_PORT} of {other}, and does to its other "
            "port."
            for one, other in (("n1", "n2"), ("n2", "n1"))
        ]


def test_a_node_that_is_cut_off_knows_that_it_is_the_few(cluster: LabCluster) -> None:
    cluster.lab.cut_off("n1")
    assert "no quorum" in until_named(cluster, "n1", "no_quorum")[0]
    assert until_named(cluster, "n2", "carrier_away") == [
        "n1 is away, of the 3 that carry the engine."
    ]


def test_a_full_disc(cluster: LabCluster) -> None:
    machine = cluster.machine("n2")
    machine.fill_disc()
    try:
        told = until_named(cluster, "n1", "disk_full")
    finally:
        machine.free_disc()
    assert told[0].startswith("The disk under the engine of n2 ")
