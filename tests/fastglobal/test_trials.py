"""Values tried on some nodes: on these only, over restarts, ended by themselves or by a verdict."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from aiex.errors import Conflict, HotVersionUnknown
from aiex.fastglobal import FastGlobal, HotValueChanged, Schema, Trials
from aiex.testing.hot_nodes import HotNodes


class Values(msgspec.Struct, frozen=True):
    limit: Annotated[int, Meta(ge=0, le=100)] = 10


SCHEMA = Schema(Values)


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[HotNodes]:
    nodes = HotNodes(tmp_path)
    yield nodes
    await nodes.stop_all()


async def trying(nodes: HotNodes) -> tuple[FastGlobal[Values], FastGlobal[Values], int]:
    one, other = await nodes.start("n1", SCHEMA), await nodes.start("n2", SCHEMA)
    await one.put("limit", 20)
    spread = await Trials(one, nodes.clock).begin("limit", 99, nodes=("n2",), for_s=60, by="anna")
    assert spread.is_everywhere
    assert (one.ns.limit, other.ns.limit) == (20, 99)
    return one, other, spread.revision


async def test_a_canary_is_on_its_nodes_only_and_ends_by_itself(nodes: HotNodes) -> None:
    one, other, _ = await trying(nodes)
    assert (one.is_on_trial("limit"), other.is_on_trial("limit")) == (False, True)
    assert nodes.events[-1] == ("n2", HotValueChanged("limit", "99", 2, "canary", "anna"))
    nodes.bucket.go_down("nobody can end it")
    await nodes.clock.advance(59.9)
    assert other.ns.limit == 99
    await nodes.clock.advance(0.2)
    assert (one.ns.limit, other.ns.limit) == (20, 20)
    assert nodes.events[-1] == ("n2", HotValueChanged("limit", "20", 2, "canary over", "anna"))


async def test_a_canary_outlives_a_restart_and_ends_in_time_all_the_same(nodes: HotNodes) -> None:
    await trying(nodes)
    await nodes.stop("n2")
    nodes.bucket.go_down("a drill")
    await nodes.clock.advance(30)
    other = await nodes.start("n2", SCHEMA)
    assert other.ns.limit == 99
    await nodes.clock.advance(31)
    assert other.ns.limit == 20


async def test_a_canary_that_is_promoted_is_in_force_everywhere(nodes: HotNodes) -> None:
    one, other, revision = await trying(nodes)
    assert (await Trials(one, nodes.clock).promote("limit", revision, by="anna")).is_everywhere
    await nodes.clock.advance(120)
    assert (one.ns.limit, other.ns.limit) == (99, 99)


async def test_a_canary_that_is_kept_has_no_end(nodes: HotNodes) -> None:
    one, other, revision = await trying(nodes)
    await Trials(one, nodes.clock).keep("limit", revision)
    await nodes.clock.advance(3600)
    assert (one.ns.limit, other.ns.limit) == (20, 99)


async def test_a_canary_that_is_reverted_is_over_at_once(nodes: HotNodes) -> None:
    one, other, revision = await trying(nodes)
    await Trials(other, nodes.clock).revert("limit", revision)
    assert (one.ns.limit, other.ns.limit) == (20, 20)
    with pytest.raises(HotVersionUnknown, match="no canary"):
        await Trials(one, nodes.clock).promote("limit", revision + 1)


async def test_of_a_key_that_was_never_set_the_others_have_the_default(nodes: HotNodes) -> None:
    one, other = await nodes.start("n1", SCHEMA), await nodes.start("n2", SCHEMA)
    await Trials(one, nodes.clock).begin("limit", 99, nodes=("n2",), for_s=60)
    assert (one.ns.limit, other.ns.limit) == (10, 99)
    await nodes.clock.advance(61)
    assert (one.ns.limit, other.ns.limit) == (10, 10)


async def test_a_value_set_meanwhile_ends_a_canary_for_good(nodes: HotNodes) -> None:
    one, other, revision = await trying(nodes)
    await one.put("limit", 30)
    assert (one.ns.limit, other.ns.limit) == (30, 30)
    with pytest.raises(Conflict):
        await Trials(one, nodes.clock).promote("limit", revision)
    await nodes.clock.advance(61)
    assert (one.ns.limit, other.ns.limit) == (30, 30)
