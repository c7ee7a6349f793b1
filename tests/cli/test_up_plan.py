"""What `aiex up` starts."""

from pathlib import Path
from typing import Any, Literal

import pytest

from aiex.cli.up_plan import NodePlan, UnfitForUp, cluster_plan, node_count, single_plan
from aiex.settings import ClusterSettings, EngineSettings, Settings

DATA = Path("/data/laptop")
PORTS = {"shared_port": 8080, "admin_port": 8081}


def planned(
    count: int, settings: Settings | None = None, name: str = "laptop", **more: Any
) -> list[NodePlan]:
    options: dict[str, Any] = {"set_paths": (), **PORTS, **more}
    return cluster_plan(settings or Settings(), count, name, DATA, ["--set=a=b"], **options)


def told(plan: NodePlan) -> dict[str, str]:
    """The settings a node is started with; a later one wins, as on the command line."""
    pairs = (argument.removeprefix("--set=").partition("=") for argument in plan.arguments)
    return {path: value for path, _, value in pairs}


@pytest.mark.parametrize(
    ("asked", "core_count", "count"),
    [("", 2, 3), ("1", 2, 1), ("5", 2, 5), ("auto", 2, 2), ("auto", 64, 9), ("auto", 1, 1)],
)
def test_how_many_is_as_asked_else_three(asked: str, core_count: int, count: int) -> None:
    assert node_count(asked, core_count, Settings()) == count


@pytest.mark.parametrize("discovery", ["static", "dns"])
def test_a_node_of_a_cluster_of_several_machines_is_one(
    discovery: Literal["static", "dns"],
) -> None:
    settings = Settings(cluster=ClusterSettings(discovery=discovery))
    assert node_count("", 8, settings) == node_count("1", 8, settings) == 1
    with pytest.raises(UnfitForUp, match="aiex up --nodes 1"):
        node_count("3", 8, settings)


def test_a_single_node_is_told_what_was_given_and_its_directory() -> None:
    (only,) = single_plan("laptop", DATA, ["--set=a=b"])
    assert only == ("laptop", DATA, ("--set=a=b", "--set=node.data_dir=/data/laptop"))


def test_the_first_node_is_called_as_a_single_one_and_has_its_directory() -> None:
    first, second, third = planned(3)
    assert (first.name, first.data_dir) == ("laptop", DATA)
    assert (second.name, second.data_dir) == ("laptop-2", Path("/data/laptop-2"))
    assert (third.name, third.data_dir) == ("laptop-3", Path("/data/laptop-3"))
    assert "node.name" not in told(first)
    assert told(second)["node.name"] == "laptop-2"


def test_all_share_a_port_and_have_others_of_their_own() -> None:
    settings = [told(plan) for plan in planned(3)]
    assert {one["api.shared_port"] for one in settings} == {"8080"}
    assert {one["api.port"] for one in settings} == {"0"}
    assert [one["admin.port"] for one in settings] == ["8081", "0", "0"]
    assert all(one["a"] == "b" for one in settings)


def test_what_up_decides_wins_over_what_was_given() -> None:
    plans = cluster_plan(
        Settings(), 2, "n", DATA, ["--set=api.port=9000"], set_paths=["api.port"], **PORTS
    )
    assert [told(plan)["api.port"] for plan in plans] == ["0", "0"]


@pytest.mark.parametrize(
    ("count", "wanted", "carriers"),
    [(2, 3, 1), (3, 3, 3), (4, 3, 3), (4, 5, 3), (5, 5, 5), (9, 3, 3), (9, 1, 1)],
)
def test_the_first_ones_carry_as_many_as_wanted_and_there_are(
    count: int, wanted: Literal[1, 3, 5], carriers: int
) -> None:
    settings = [
        told(plan) for plan in planned(count, Settings(cluster=ClusterSettings(carriers=wanted)))
    ]
    assert {one["cluster.discovery"] for one in settings} == {"local"}
    assert {one["cluster.carriers"] for one in settings} == {str(carriers)}
    assert [one["cluster.carries"] for one in settings] == ["yes"] * carriers + ["no"] * (
        count - carriers
    )


def test_nodes_at_an_external_engine_meet_there() -> None:
    for plan in planned(3, Settings(engine=EngineSettings(url="nats://engine"))):
        assert not [path for path in told(plan) if path.startswith("cluster.")]


def test_a_named_one_is_a_cluster_of_its_own_unless_somebody_said_which() -> None:
    def cluster(*set_paths: str, name: str = "My Team.2") -> str | None:
        return told(planned(2, name=name, set_paths=set_paths)[0]).get("cluster.name")

    assert cluster() is None
    assert cluster("node.name") == "my-team-2"
    assert cluster("node.name", name="-._") == "aiex"
    assert cluster("node.name", "cluster.name") is None


def test_a_long_name_leaves_room_for_the_number() -> None:
    assert [len(plan.name) for plan in planned(32, name="x" * 63)][-1] == 63
