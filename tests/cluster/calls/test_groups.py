"""Groups: which names they may have, what changes, and how their members see and ask each other."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.cluster import Answer, GroupJoined, GroupLeft, Ping, Reason
from aiex.cluster.membership.groups import GROUPS_LEN_MAX, group_changes, with_group, without_group
from aiex.errors import GroupRefused
from aiex.testing.cluster_node import ClusterNode, together
from aiex.testing.engine_memory import MemoryEngine

NAMES = ("n1", "n2", "n3")
DEADLINE_S = 10.0

groups = st.sets(st.sampled_from("abcde"))
lives = st.tuples(st.just("n1"), st.integers(1, 3))


def test_joining_twice_is_joining_once_and_leaving_undoes_it() -> None:
    joined = with_group(with_group((), "keys"), "keys")
    assert joined == ("keys",)
    assert without_group(joined, "keys") == ()
    assert without_group((), "keys") == ()


@pytest.mark.parametrize("name", ["", "A", "a b", "-a", "a" * 65, "a\n", "schlüssel", "a/b"])
def test_a_name_that_does_not_travel_is_refused(name: str) -> None:
    with pytest.raises(GroupRefused, match="is no name of a group"):
        with_group((), name)


def test_a_node_is_in_so_many_groups_and_no_more() -> None:
    full: tuple[str, ...] = ()
    for number in range(GROUPS_LEN_MAX):
        full = with_group(full, f"g{number}")
    assert with_group(full, "g0") == full
    with pytest.raises(GroupRefused, match="at most 32"):
        with_group(full, "one-more")


@given(lives, groups, lives, groups)
def test_the_changes_lead_from_one_telling_to_the_next(
    life_before: Any, before: set[str], life: Any, after: set[str]
) -> None:
    seen = {(group, *life_before) for group in before}
    for change in group_changes(life_before, before, life, after):
        key = (change.group, change.name, change.incarnation)
        if isinstance(change, GroupJoined):
            assert key not in seen
            seen.add(key)
        else:
            seen.remove(key)
    assert seen == {(group, *life) for group in after}


class Trio:
    """Three nodes, each with the group `keys`."""

    def __init__(self, directory: Path) -> None:
        engine = MemoryEngine()
        self.connections = {name: engine.connection() for name in NAMES}
        self.nodes = {}
        for name in NAMES:
            (directory / name).mkdir()
            self.nodes[name] = ClusterNode(
                name, self.connections[name], directory / name, handlers={}
            )
        self.groups = {name: node.cluster.group("keys") for name, node in self.nodes.items()}

    def names(self, observer: str) -> list[str]:
        return [member.name for member in self.groups[observer].members()]

    async def until(self, *names: str, observers: tuple[str, ...] = NAMES) -> None:
        """All observers see just these in the group."""
        for observer in observers:
            node = self.nodes[observer]
            await node.until(lambda observer=observer: self.names(observer) == list(names))  # type: ignore[misc]


@pytest.fixture
async def trio(tmp_path: Path) -> AsyncIterator[Trio]:
    trio = Trio(tmp_path)
    async with together(list(trio.nodes.values())):
        yield trio


async def test_whoever_joins_is_seen_by_all_and_whoever_leaves_by_none(trio: Trio) -> None:
    trio.groups["n2"].join()
    trio.groups["n1"].join()
    await trio.until("n1", "n2")
    trio.groups["n2"].leave()
    await trio.until("n1")
    told = [one for one in trio.nodes["n3"].events if isinstance(one, GroupJoined | GroupLeft)]
    incarnation = trio.nodes["n2"].cluster.incarnation()
    assert GroupJoined("keys", "n2", incarnation) in told
    assert told[-1] == GroupLeft("keys", "n2", incarnation)


async def test_one_that_joins_before_it_runs_is_in_from_its_start(tmp_path: Path) -> None:
    trio = Trio(tmp_path)
    trio.groups["n3"].join()
    assert trio.names("n3") == []
    async with together(list(trio.nodes.values())):
        await trio.until("n3")


async def test_a_late_joiner_of_the_cluster_learns_all(tmp_path: Path) -> None:
    trio = Trio(tmp_path)
    for group in trio.groups.values():
        group.join()
    async with together([trio.nodes["n1"], trio.nodes["n2"]]):
        await trio.until("n1", "n2", observers=("n1", "n2"))
        async with together([trio.nodes["n3"]]):
            await trio.until(*NAMES)
        await trio.until("n1", "n2", observers=("n1", "n2"))


async def test_one_that_lost_its_connection_is_back_in_its_groups_with_it(trio: Trio) -> None:
    trio.groups["n2"].join()
    await trio.until("n2")
    trio.connections["n2"].go_down("the connection was lost")
    await trio.until(observers=("n1", "n3"))
    trio.connections["n2"].come_back()
    await trio.until("n2")


async def test_any_of_its_members_that_is_up_is_picked(trio: Trio) -> None:
    assert trio.groups["n1"].pick() is None
    for name in ("n2", "n3"):
        trio.groups[name].join()
    await trio.until("n2", "n3")
    assert picked_of(trio) == {"n2", "n3"}
    trio.connections["n3"].freeze()
    await trio.nodes["n1"].until(lambda: trio.nodes["n1"].sees("n3") == "suspect")
    assert trio.names("n1") == ["n2", "n3"]
    assert picked_of(trio) == {"n2"}
    trio.connections["n3"].thaw()


def picked_of(trio: Trio) -> set[str]:
    return {one.name for _ in range(200) if (one := trio.groups["n1"].pick())}


async def test_a_broadcast_reaches_its_members_and_tells_who_did_not_answer(trio: Trio) -> None:
    for name in ("n2", "n3"):
        trio.groups[name].join()
    await trio.until("n2", "n3")
    trio.connections["n3"].freeze()
    came = await trio.groups["n1"].broadcast(Ping(), deadline_s=0.5)
    assert [one.node for one in came.answers] == ["n2"]
    assert isinstance(came.answers[0], Answer)
    assert [(one.node, one.reason) for one in came.failures] == [("n3", Reason.DEADLINE)]
    trio.connections["n3"].thaw()


async def test_a_broadcast_to_nobody_is_answered_by_nobody(trio: Trio) -> None:
    came = await trio.groups["n1"].broadcast(Ping(), deadline_s=DEADLINE_S)
    assert (came.answers, came.failures) == ((), ())
