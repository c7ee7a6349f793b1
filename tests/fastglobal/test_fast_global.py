"""Hot values on several nodes: in force everywhere, refused in words, remembered, undone, tried."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta

from aiex.errors import (
    Conflict,
    EngineUnavailable,
    HotKeyUnknown,
    HotValueInvalid,
    HotVersionUnknown,
)
from aiex.fastglobal import (
    HOLD_S,
    PATIENCE_S,
    SPREAD_S,
    HotChange,
    HotValueChanged,
    HotValueRefused,
    Schema,
)
from aiex.fastglobal.fast_global import LARGE_BYTES, FastGlobal
from aiex.fastglobal.spread import NOT_AWAITED, Said
from aiex.testing.bucket_memory import MemoryBucket
from aiex.testing.hot_nodes import HotNodes

# NATS's servers stand for election four to nine seconds after they last heard of a leader
# (`maxElectionTimeoutDefault` in its `server/raft.go`), and once more when nobody won.
ELECTION_S = 18.0

type Level = Literal["debug", "info", "error"]


class Values(msgspec.Struct, frozen=True):
    level: Level = "info"
    limit: Annotated[int, Meta(ge=0, le=100)] = 10
    weights: Mapping[str, float] = {}


class OlderValues(msgspec.Struct, frozen=True):
    """Of a release that knows fewer levels and no weights."""

    level: Literal["info", "error"] = "info"
    limit: Annotated[int, Meta(ge=0, le=100)] = 10


SCHEMA = Schema(Values)
OLDER = Schema(OlderValues)


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[HotNodes]:
    nodes = HotNodes(tmp_path)
    yield nodes
    await nodes.stop_all()


async def test_a_value_put_at_one_node_is_in_force_at_all_once_that_is_answered(
    nodes: HotNodes,
) -> None:
    one, other = await nodes.start("n1", SCHEMA), await nodes.start("n2", SCHEMA)
    spread = await one.put("level", "debug", by="anna")
    assert (one.ns.level, other.ns.level) == ("debug", "debug")
    assert (spread.key, spread.revision, spread.applied) == ("level", 1, ("n1", "n2"))
    assert spread.is_everywhere
    told = HotValueChanged("level", "debug", 1, "set", "anna")
    assert nodes.events == [("n1", told), ("n2", told)]
    assert (one.revision, other.revision) == (1, 1)


async def test_what_was_read_before_is_never_changed_under_its_reader(nodes: HotNodes) -> None:
    hot = await nodes.start("n1", SCHEMA)
    await hot.put("weights", {"a": 1.0})
    weights = hot.ns.weights
    await hot.put("weights", {"a": 2.0, "b": 1.0})
    assert weights == {"a": 1.0}
    assert hot.ns.weights == {"a": 2.0, "b": 1.0}


async def test_a_wrong_value_changes_nothing_anywhere(nodes: HotNodes) -> None:
    hot = await nodes.start("n1", SCHEMA)
    with pytest.raises(HotValueInvalid, match="limit: expected a whole number from 0 to 100"):
        await hot.put("limit", 101)
    with pytest.raises(HotKeyUnknown, match="Did you mean 'limit'"):
        await hot.put("limits", 1)
    assert (hot.ns.limit, hot.revision, nodes.events) == (10, 0, [])


async def test_a_node_that_cannot_take_a_value_keeps_the_old_one_and_says_so(
    nodes: HotNodes,
) -> None:
    new, old = await nodes.start("new", SCHEMA), await nodes.start("old", OLDER)
    await new.put("level", "error")
    spread = await new.put("level", "debug")
    why = 'level: expected error or info (it is "debug").'
    assert (new.ns.level, old.ns.level) == ("debug", "error")
    assert (spread.applied, spread.refused) == (("new",), (Said("old", why),))
    assert old.refusals() == {"level": why}
    assert ("old", HotValueRefused("level", 2, why)) in nodes.events
    again = await new.put("level", "info")
    assert again.is_everywhere
    assert (old.refusals(), old.ns.level) == ({}, "info")


async def test_a_refused_value_leaves_the_old_one_in_force_over_a_restart_without_the_engine(
    nodes: HotNodes,
) -> None:
    new, _ = await nodes.start("new", SCHEMA), await nodes.start("old", OLDER)
    await new.put("level", "error")
    await new.put("level", "debug")
    await nodes.stop("old")
    nodes.bucket.go_down("a drill")
    old = await nodes.start("old", OLDER)
    assert old.ns.level == "error"
    assert "level" in old.refusals()


async def test_an_upgraded_node_takes_what_it_refused_before(nodes: HotNodes) -> None:
    new, _ = await nodes.start("new", SCHEMA), await nodes.start("old", OLDER)
    await new.put("level", "debug")
    await nodes.stop("old")
    upgraded = await nodes.start("old", SCHEMA)
    assert (upgraded.ns.level, upgraded.refusals()) == ("debug", {})


async def test_a_key_of_a_newer_release_is_kept_and_ignored(nodes: HotNodes) -> None:
    new, old = await nodes.start("new", SCHEMA), await nodes.start("old", OLDER)
    spread = await new.put("weights", {"a": 2.0})
    assert spread.refused == (Said("old", "its release does not know this key, and ignores it"),)
    assert (old.unknown_keys(), old.refusals()) == (["weights"], {})
    await nodes.stop("old")
    nodes.bucket.go_down("a drill")
    upgraded = await nodes.start("old", SCHEMA)
    assert upgraded.ns.weights == {"a": 2.0}


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b"null"])
async def test_an_entry_nobody_can_read_changes_nothing_and_is_told(
    nodes: HotNodes, content: bytes
) -> None:
    hot = await nodes.start("n1", SCHEMA)
    await hot.put("level", "debug")
    await nodes.bucket.put("level", content)
    await nodes.settle()
    assert hot.ns.level == "debug"
    assert hot.refusals() == {"level": "level: this release cannot read the entry"}
    assert (await hot.put("level", "error")).is_everywhere


async def test_a_change_that_expects_another_revision_is_a_conflict(nodes: HotNodes) -> None:
    hot = await nodes.start("n1", SCHEMA)
    first = await hot.put("limit", 1, expects=0)
    second = await hot.put("limit", 2, expects=first.revision)
    for stale in (0, first.revision, second.revision + 1):
        with pytest.raises(Conflict):
            await hot.put("limit", 3, expects=stale)
    assert hot.ns.limit == 2


async def test_without_the_engine_values_stay_and_cannot_be_changed(nodes: HotNodes) -> None:
    hot = await nodes.start("n1", SCHEMA)
    await hot.put("limit", 1)
    nodes.bucket.go_down("a drill")
    with pytest.raises(EngineUnavailable, match="a drill"):
        await hot.put("limit", 2)
    assert hot.ns.limit == 1


async def test_values_outlive_a_restart_while_the_engine_is_away(nodes: HotNodes) -> None:
    await (await nodes.start("n1", SCHEMA)).put("limit", 1)
    await nodes.stop("n1")
    nodes.bucket.go_down("a drill")
    hot = await nodes.start("n1", SCHEMA)
    assert hot.ns.limit == 1
    assert nodes.file("n1").stat().st_mode & 0o777 == 0o600


async def test_what_changed_while_a_node_was_away_is_in_force_before_it_is_ready(
    nodes: HotNodes,
) -> None:
    here = await nodes.start("n1", SCHEMA)
    await nodes.start("n2", SCHEMA)
    await nodes.stop("n2")
    await here.put("limit", 1)
    seen: list[int] = []
    late = nodes.built("n2", SCHEMA)
    assert late.ns.limit == 10
    task = asyncio.create_task(late.run(lambda: seen.append(late.ns.limit)))
    await nodes.settle()
    assert seen == [1]
    assert (late.is_settled, late.is_caught_up) == (True, True)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_node_starts_without_the_engine_and_serves_without_it_after_a_patient_while(
    nodes: HotNodes,
) -> None:
    nodes.bucket.go_down("a drill")
    hot = await nodes.start("n1", SCHEMA)
    await nodes.clock.advance(HOLD_S - 0.1)
    assert (nodes.readies, hot.is_settled) == ([], False)
    await nodes.clock.advance(0.1)
    assert (nodes.readies, hot.is_settled) == (["n1"], False)
    await nodes.clock.advance(PATIENCE_S - HOLD_S)
    assert (nodes.readies, hot.is_settled, hot.is_caught_up) == (["n1"], True, False)
    nodes.bucket.come_back()
    await nodes.settle()
    assert (nodes.readies, hot.is_caught_up) == (["n1"], True)


@pytest.mark.parametrize("holds_start", [True, False])
async def test_a_node_that_was_away_waits_for_the_newest_value_while_servers_choose_a_leader(
    nodes: HotNodes, holds_start: bool
) -> None:
    one, _ = await nodes.start("n1", SCHEMA), await nodes.start("n2", SCHEMA)
    await nodes.stop("n2")
    await one.put("limit", 1)
    nodes.bucket.go_down("no leader")
    back = await nodes.start("n2", SCHEMA, holds_start=holds_start)
    await nodes.clock.advance(ELECTION_S)
    assert (back.is_settled, back.ns.limit) == (False, 10)
    nodes.bucket.come_back()
    await nodes.settle()
    assert (back.is_settled, back.ns.limit) == (True, 1)


async def test_one_that_need_not_hold_the_start_says_ready_at_once_and_settles_later(
    nodes: HotNodes,
) -> None:
    nodes.bucket.go_down("a drill")
    hot = await nodes.start("n1", SCHEMA, holds_start=False)
    assert (nodes.readies, hot.is_settled) == (["n1"], False)
    await nodes.clock.advance(PATIENCE_S)
    assert (nodes.readies, hot.is_settled) == (["n1"], True)


async def test_an_engine_that_lost_everything_takes_the_values_with_it(nodes: HotNodes) -> None:
    hot = await nodes.start("n1", SCHEMA)
    await hot.put("limit", 1)
    nodes.bucket.lose_everything()
    await nodes.settle()
    assert hot.ns.limit == 10
    assert (await hot.put("limit", 2)).is_everywhere
    assert hot.ns.limit == 2


async def test_a_node_that_was_away_while_the_engine_became_another_one_follows_that(
    nodes: HotNodes,
) -> None:
    hot = await nodes.start("n1", SCHEMA)
    for limit in range(5):
        await hot.put("limit", limit)
    await nodes.stop("n1")
    nodes.bucket.lose_everything()
    other = await nodes.start("n2", SCHEMA)
    await other.put("level", "debug")
    late = await nodes.start("n1", SCHEMA)
    assert (late.ns.limit, late.ns.level) == (10, "debug")


async def test_a_member_that_does_not_answer_is_behind_and_named(nodes: HotNodes) -> None:
    hot = await nodes.start("n1", SCHEMA)
    nodes.missing["n9"] = "n9 is down"
    spread = await hot.put("limit", 1)
    assert (spread.applied, spread.behind) == (("n1",), (Said("n9", "n9 is down"),))


class HeldBucket(MemoryBucket):
    """Its watchers hear nothing new while it is held."""

    def __init__(self) -> None:
        super().__init__(64)
        self.is_free = asyncio.Event()
        self.is_free.set()

    async def watch(self) -> AsyncIterator[Any]:  # type: ignore[override]
        async for change in super().watch():
            await self.is_free.wait()
            yield change


async def test_a_node_that_hears_nothing_is_behind_after_the_deadline(tmp_path: Path) -> None:
    bucket = HeldBucket()
    nodes = HotNodes(tmp_path, bucket)
    hot = await nodes.start("n1", SCHEMA)
    bucket.is_free.clear()
    putting = asyncio.create_task(hot.put("limit", 1))
    await nodes.clock.advance(SPREAD_S)
    spread = await putting
    assert (spread.applied, spread.behind[0].node) == ((), "n1")
    assert hot.ns.limit == 10
    bucket.is_free.set()
    await nodes.settle()
    assert hot.ns.limit == 1
    await nodes.stop_all()


async def test_a_quorum_is_enough_where_that_is_asked_for(nodes: HotNodes) -> None:
    hot = await nodes.start("n1", SCHEMA)
    await nodes.start("n2", SCHEMA)
    await nodes.start("n3", SCHEMA)
    spread = await hot.put("limit", 1, wait="quorum")
    assert len(spread.applied) == 2
    assert [one.why for one in spread.behind] == [NOT_AWAITED]
    assert [one.why for one in (await hot.put("limit", 2, wait="none")).behind] == [NOT_AWAITED] * 3
    await nodes.settle()
    assert hot.ns.limit == 2


async def test_a_reset_key_has_its_default_again(nodes: HotNodes) -> None:
    hot = await nodes.start("n1", Schema(Values, Values(limit=50)))
    await hot.put("limit", 1)
    assert (await hot.reset("limit", by="anna")).is_everywhere
    assert hot.ns.limit == 50
    assert nodes.events[-1][1] == HotValueChanged("limit", "50", 2, "reset", "anna")


async def test_a_deleted_entry_is_a_reset(nodes: HotNodes) -> None:
    hot = await nodes.start("n1", SCHEMA)
    await hot.put("limit", 1)
    await nodes.bucket.delete("limit")
    await nodes.settle()
    assert hot.ns.limit == 10


async def test_history_says_who_changed_what_when(nodes: HotNodes) -> None:
    hot = await nodes.start("n1", SCHEMA)
    await hot.put("limit", 1, by="anna")
    await nodes.clock.advance(60)
    await hot.put("level", "debug")
    await hot.reset("limit", by="otto")
    told = [(one.revision, one.entry) for one in await hot.history("limit")]
    entries = [(revision, entry.what, entry.by, entry.at) for revision, entry in told if entry]
    assert entries == [
        (1, "set", "anna", "2023-11-14T22:13:20.000+00:00"),
        (3, "reset", "otto", "2023-11-14T22:14:20.000+00:00"),
    ]


async def test_a_rollback_sets_what_was_before_and_is_a_change_of_its_own(nodes: HotNodes) -> None:
    hot = await nodes.start("n1", SCHEMA)
    await hot.put("limit", 1)
    await hot.put("limit", 2)
    await hot.reset("limit")
    assert (await hot.rollback("limit", 1, by="anna")).revision == 4
    assert hot.ns.limit == 1
    newest = (await hot.history("limit"))[-1].entry
    assert newest is not None
    assert (newest.what, newest.by, newest.from_revision) == ("rolled back", "anna", 1)
    await hot.rollback("limit", 3)
    assert hot.ns.limit == 10


async def test_a_revision_the_key_never_had_is_told_with_those_it_had(nodes: HotNodes) -> None:
    hot = await nodes.start("n1", SCHEMA)
    await hot.put("level", "debug")
    await hot.put("limit", 1)
    with pytest.raises(HotVersionUnknown, match=r"no entry at revision 1; the newest are 2\."):
        await hot.rollback("limit", 1)


async def test_a_value_that_this_release_cannot_take_is_not_rolled_back_to(nodes: HotNodes) -> None:
    new, old = await nodes.start("new", SCHEMA), await nodes.start("old", OLDER)
    await new.put("level", "debug")
    await new.put("level", "error")
    with pytest.raises(HotValueInvalid, match="expected error or info"):
        await old.rollback("level", 1)
    assert new.ns.level == "error"


async def test_a_slow_watcher_misses_no_newest_value_and_queues_nothing(nodes: HotNodes) -> None:
    hot = await nodes.start("n1", SCHEMA)
    watch = hot.watch()
    first = asyncio.ensure_future(anext(watch))
    await nodes.settle()
    await hot.put("limit", 1)
    assert await first == HotChange("limit", 1, 1)
    await hot.put("limit", 2)
    await hot.put("level", "debug")
    await hot.put("limit", 3)
    assert [await anext(watch), await anext(watch)] == [
        HotChange("level", "debug", 3),
        HotChange("limit", 3, 4),
    ]
    waiting = asyncio.ensure_future(anext(watch))
    await nodes.settle()
    assert not waiting.done()
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting


async def test_what_is_bound_is_called_now_and_at_each_other_value(nodes: HotNodes) -> None:
    hot = await nodes.start("n1", SCHEMA)
    seen: list[int] = []
    hot.bind("limit", seen.append)
    for limit in (1, 1, 2):
        await hot.put("limit", limit)
    await hot.put("level", "debug")
    assert seen == [10, 1, 2]
    with pytest.raises(HotKeyUnknown):
        hot.bind("nothing", seen.append)


async def test_a_large_value_is_read_off_the_loop_and_is_whole(nodes: HotNodes) -> None:
    hot = await nodes.start("n1", SCHEMA)
    weights = {f"model-{number}": float(number) for number in range(LARGE_BYTES // 16)}
    assert (await hot.put("weights", weights)).is_everywhere
    assert hot.ns.weights == weights
    with pytest.raises(TypeError):
        hot.ns.weights["x"] = 1.0  # type: ignore[index]


async def test_a_file_that_cannot_be_written_costs_no_value(nodes: HotNodes) -> None:
    nodes.file("n1").mkdir()
    hot = await nodes.start("n1", SCHEMA)
    assert (await hot.put("limit", 1)).is_everywhere
    assert hot.ns.limit == 1


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"limit":{}}'])
async def test_a_broken_file_is_no_values(nodes: HotNodes, content: bytes) -> None:
    nodes.file("n1").write_bytes(content)
    assert nodes.built("n1", SCHEMA).ns.limit == 10


async def test_alone_and_without_a_file_a_node_needs_nobody() -> None:
    from aiex.testing.clock import FakeClock

    clock = FakeClock()
    hot = FastGlobal(SCHEMA, MemoryBucket(64), node="n1", clock=clock, emit=lambda _: None)
    hot.load()
    task = asyncio.create_task(hot.run(lambda: None))
    await clock.settle()
    assert (await hot.put("limit", 1)).applied == ("n1",)
    assert hot.ns.limit == 1
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


# Whatever is done in whatever order.

NAMES = ("n1", "n2", "n3")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(NAMES), st.integers(-1, 101)),
        st.tuples(st.just("rollback"), st.sampled_from(NAMES), st.integers(0, 3)),
        st.tuples(st.just("reset"), st.sampled_from(NAMES), st.just(0)),
        st.tuples(st.just("restart"), st.sampled_from(NAMES), st.just(0)),
        st.tuples(st.just("crash"), st.sampled_from(NAMES), st.just(0)),
        st.tuples(st.just("engine"), st.just(""), st.integers(0, 1)),
    ),
    max_size=14,
)


class Story:
    """What should be in force, by what was acknowledged."""

    def __init__(self, nodes: HotNodes) -> None:
        self.nodes = nodes
        self.hots: dict[str, FastGlobal[Values]] = {}
        self.values: list[tuple[int, int]] = []  # revision and value, oldest first

    @property
    def limit(self) -> int:
        return self.values[-1][1] if self.values else 10

    async def take(self, what: str, name: str, number: int) -> None:
        match what:
            case "restart":
                await self.nodes.stop(name)
                self.hots[name] = await self.nodes.start(name, SCHEMA)
            case "crash":
                await self.hots[name].until_remembered()
                # The process is gone before it could write anything more.
                file = self.nodes.file(name)
                content = file.read_bytes() if file.exists() else None
                await self.nodes.stop(name)
                file.unlink(missing_ok=True)
                if content is not None:
                    file.write_bytes(content)
                self.hots[name] = await self.nodes.start(name, SCHEMA)
            case "engine" if number:
                self.nodes.bucket.come_back()
                await self.nodes.settle()
            case "engine":
                self.nodes.bucket.go_down("a drill")
            case _:
                await self._change(what, self.hots[name], number)

    async def _change(self, what: str, hot: FastGlobal[Values], number: int) -> None:
        is_down = bool(self.nodes.bucket.trouble)
        back = self.values[-1 - number % len(self.values)] if self.values else (99, 0)
        try:
            match what:
                case "put":
                    value, spread = number, await hot.put("limit", number)
                case "reset":
                    value, spread = 10, await hot.reset("limit")
                case _:
                    value, spread = back[1], await hot.rollback("limit", back[0])
        except HotValueInvalid:
            assert not 0 <= number <= 100
        except EngineUnavailable:
            assert is_down
        except HotVersionUnknown:
            assert not self.values
        else:
            assert not is_down
            assert spread.is_everywhere
            self.values.append((spread.revision, value))


@settings(max_examples=40, deadline=None)  # it waits for the disc
@given(STEPS)
def test_whatever_happens_every_node_has_what_was_acknowledged_last(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, int]]
) -> None:
    async def story() -> None:
        nodes = HotNodes(tmp_path_factory.mktemp("nodes"))
        told = Story(nodes)
        for name in NAMES:
            told.hots[name] = await nodes.start(name, SCHEMA)
        try:
            for step in steps:
                await told.take(*step)
                # With the engine or without it, restarted or not.
                limits = {name: hot.ns.limit for name, hot in told.hots.items()}
                assert limits == dict.fromkeys(NAMES, told.limit), step
        finally:
            await nodes.stop_all()

    asyncio.run(story())
