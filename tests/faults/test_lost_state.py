"""The runbook's three cases, with real nodes: of the rows that were acknowledged none is lost.

The steps are those of docs/guides/backup-and-restore.md.
"""

import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from aiex.testing.node_process import MOCK_ONLY, AdminRefused, NodeProcess, wait_until
from aiex.testing.saved_rows import put_threads, threads_changing, threads_of
from aiex.testing.static_nodes import StaticNodes

pytestmark = [pytest.mark.integration, pytest.mark.fault, pytest.mark.timeout(180)]

WELL_S = 60.0
QUIET = [f"conv_quiet_{number}" for number in range(200)]
BUSY = [f"conv_busy_{number}" for number in range(5)]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[StaticNodes]:
    with StaticNodes(tmp_path) as cluster:
        cluster.formed(1, 2, 3)
        yield cluster


def kill(node: NodeProcess) -> None:
    """As the power does: the node, and with it its engine's server."""
    node.stop(signal.SIGKILL)


def of_this_machine(directory: Path, name: str) -> NodeProcess:
    """A node that finds the others of its user."""
    (directory / name).mkdir()
    told = [f"--set=node.name={name}", "--set=cluster.discovery=local"]
    home = {"XDG_DATA_HOME": str(directory / "home")}
    return NodeProcess(directory / name, [*MOCK_ONLY, *told], home)


def until_whole(nodes: Mapping[str, NodeProcess], *names: str) -> None:
    """What `aiex cluster status` waits for, on each of these nodes."""

    def conditions() -> dict[str, str]:
        seen = {name: nodes[name].admin("/admin/v1/cluster") for name in names}
        return {name: f"{one['condition']}: {one['reason']}" for name, one in seen.items()}

    wait_until(
        lambda: all(text.startswith("whole") for text in conditions().values()),
        WELL_S,
        lambda: str(conditions()),
    )


def check_nothing_lost(node: NodeProcess, acknowledged: int) -> None:
    """Every thread is there, and none is older than the last round that was acknowledged."""
    found = threads_of(node)
    missing = {*QUIET, *(BUSY if acknowledged else ())} - set(found)
    assert not missing, f"{len(missing)} threads of {len(QUIET)} are lost"
    old = [name for name in BUSY if acknowledged and int(found[name]["left"]) < acknowledged]
    assert not old, f"{old} are older than round {acknowledged}"
    for name in found:
        assert found[name]["left"] == found[name]["right"], "a batch is there in half"


def test_a_carrier_whose_disc_is_wiped_gets_all_from_the_others(cluster: StaticNodes) -> None:
    put_threads(cluster.nodes["n1"], QUIET)
    with threads_changing(lambda _: cluster.nodes["n1"], BUSY) as rounds:
        for number, wiped in ((2, "n2"), (3, "n3")):
            kill(cluster.nodes[wiped])
            shutil.rmtree(cluster.nodes[wiped].data_dir)
            cluster.start(number).until_ready()
            until_whole(cluster.nodes, "n1", "n2", "n3")
        wait_until(lambda: bool(rounds), WELL_S, "rows are written")
    # Now only those that were wiped are left.
    kill(cluster.nodes["n1"])
    wait_until(lambda: reads(cluster.nodes["n2"]), WELL_S, "n2 and n3 go on")
    check_nothing_lost(cluster.nodes["n2"], rounds[-1])


def test_a_node_that_is_lost_for_good_is_replaced_by_one_that_is_there_already(
    tmp_path: Path,
) -> None:
    with ExitStack() as cleanup:
        nodes = {
            name: cleanup.enter_context(of_this_machine(tmp_path, name)).ready()
            for name in ("n1", "n2", "n3", "n4")
        }
        until_whole(nodes, *nodes)
        put_threads(nodes["n1"], QUIET)
        carrying = [name for name, node in nodes.items() if is_carrier(node)]
        assert len(carrying) == 3
        [spare] = set(nodes) - set(carrying)
        lost, first, second = carrying
        with threads_changing(lambda _: nodes[second], BUSY) as rounds:
            kill(nodes[lost])
            shutil.rmtree(nodes[lost].data_dir)
            wait_until(lambda: is_forgotten(nodes[first], lost), WELL_S, f"{lost} is down")
            wait_until(lambda: is_carrier(nodes[spare]), WELL_S, f"{spare} takes the place")
            until_whole(nodes, first, second, spare)
            wait_until(lambda: bool(rounds), WELL_S, "rows are written")
        # The new carrier keeps all: with it and one of the old ones the cluster goes on.
        kill(nodes[first])
        wait_until(lambda: reads(nodes[spare]), WELL_S, f"{second} and {spare} go on")
        check_nothing_lost(nodes[spare], rounds[-1])


def test_a_power_cut_of_all_nodes_loses_no_acknowledged_row(cluster: StaticNodes) -> None:
    put_threads(cluster.nodes["n1"], QUIET)
    with threads_changing(lambda number: cluster.nodes[f"n{number % 3 + 1}"], BUSY) as rounds:
        wait_until(lambda: len(rounds) >= 5, WELL_S, "rows are written")
        nodes = list(cluster.nodes.values())
        for node in nodes:
            node.process.kill()
        for node in nodes:
            node.process.wait()
    for number in (1, 2, 3):
        cluster.start(number)
    for name in ("n1", "n2", "n3"):
        cluster.nodes[name].until_ready()
    until_whole(cluster.nodes, "n1", "n2", "n3")
    # Lost is what does not come back: servers that all began at once learn of their streams one
    # after another, and for a moment the table may be unknown.
    wait_until(lambda: reads(cluster.nodes["n3"]), WELL_S, "the table is read")
    check_nothing_lost(cluster.nodes["n3"], rounds[-1])


def reads(node: NodeProcess) -> bool:
    try:
        return bool(threads_of(node))
    except AdminRefused:
        return False


def is_forgotten(node: NodeProcess, name: str) -> bool:
    """It can be removed once it is known to be down."""
    try:
        node.admin(f"/admin/v1/cluster/nodes/{name}", "DELETE")
    except AdminRefused:
        return False
    return True


def is_carrier(node: NodeProcess) -> bool:
    members = node.admin("/admin/v1/cluster")["members"]
    return any(one["is_self"] and one["carrier"] for one in members)
