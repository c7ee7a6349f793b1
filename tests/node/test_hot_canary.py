"""A canary from its begin to what follows from the verdict, whatever happens in between."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from aiex.cluster import (
    Answer,
    CountTraffic,
    Failure,
    Member,
    MemberState,
    Reason,
    Traffic,
    View,
)
from aiex.fastglobal import CanaryEnded, FastGlobal, Schema, Trials
from aiex.node.canary_verdict import Judgement, Verdict
from aiex.node.hot_canary import (
    SETTLE_S,
    Canary,
    CanaryDesk,
    CanaryPlan,
    CanaryRefused,
    action_after,
    chosen_nodes,
)
from aiex.telemetry.latency import cell_of
from aiex.testing.hot_nodes import HotNodes

NAMES = ("n1", "n2", "n3")


class Values(msgspec.Struct, frozen=True):
    limit: Annotated[int, Meta(ge=0)] = 10


def view(*states: str) -> View:
    members = [
        Member(name, 7, MemberState(state), 1.0, "", "", 1, "", "", 0, 1)
        for name, state in zip(NAMES, states, strict=True)
    ]
    return View(tuple(members))


class Stage:
    """Three nodes with traffic that a test sets, and a desk at n1."""

    own_name = "n1"

    def __init__(self, nodes: HotNodes) -> None:
        self.nodes = nodes
        self.hots: dict[str, FastGlobal[Values]] = {}
        self.events: list[Any] = []
        self.states = ["up", "up", "up"]
        self.requests_a_look = 100
        self.error_ratios = dict.fromkeys(NAMES, 0.0)
        self.silent: set[str] = set()
        self._counts = {name: [0, 0] for name in NAMES}
        self.desk: CanaryDesk

    async def begin(self) -> "Stage":
        for name in NAMES:
            self.hots[name] = await self.nodes.start(name, Schema(Values))
        self.desk = CanaryDesk(
            self.hots["n1"], self, clock=self.nodes.clock, emit=self.events.append
        )
        return self

    def view(self) -> View:
        return view(*self.states)

    async def call_all(
        self, request: CountTraffic, *, deadline_s: float
    ) -> AsyncGenerator[Answer[Traffic] | Failure]:
        for name in NAMES:
            if name in self.silent:
                yield Failure(name, Reason.DOWN, f"{name} is down")
                continue
            counts = self._counts[name]
            counts[0] += self.requests_a_look
            counts[1] += round(self.requests_a_look * self.error_ratios[name])
            yield Answer(name, Traffic(7, counts[0], counts[1], {cell_of(1000): counts[0]}))

    async def advance(self, duration_s: float) -> None:
        """Second by second, with time for files between."""
        for _ in range(int(duration_s)):
            await self.nodes.clock.advance(1.0)
            await self.nodes.settle()

    def limits(self) -> list[int]:
        return [hot.ns.limit for hot in self.hots.values()]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    nodes = HotNodes()
    stage = await Stage(nodes).begin()
    task = asyncio.create_task(stage.desk.run(lambda: None))
    await nodes.settle()
    yield stage
    task.cancel()
    await asyncio.wait([task])
    await nodes.stop_all()


def ended(stage: Stage) -> tuple[str, str]:
    (event,) = [one for one in stage.events if isinstance(one, CanaryEnded)]
    return event.verdict, event.outcome


async def test_a_harmless_value_is_promoted_where_that_was_asked_for(stage: Stage) -> None:
    plan = CanaryPlan(for_s=20, promote=True)
    canary, spread = await stage.desk.begin("limit", 99, plan, by="admin")
    assert (canary.nodes, spread.is_everywhere) == (("n2",), True)
    assert stage.limits() == [10, 99, 10]
    await stage.advance(5)
    running = stage.desk.canary("limit")
    assert running is not None
    assert (running.outcome, running.canary.requests, running.others.requests) == ("", 500, 1000)
    await stage.advance(16)
    assert stage.limits() == [99, 99, 99]
    assert ended(stage) == ("not worse", "promoted")


async def test_a_harmful_value_is_reverted_long_before_its_time_is_over(stage: Stage) -> None:
    stage.error_ratios["n2"] = 0.2
    plan = CanaryPlan(for_s=60, auto_revert=True, watch=("error_rate",))
    await stage.desk.begin("limit", 99, plan, by="admin")
    await stage.advance(3)
    assert stage.limits() == [10, 10, 10]
    assert ended(stage) == ("worse", "reverted")


async def test_what_harms_all_nodes_alike_is_not_held_against_the_value(stage: Stage) -> None:
    stage.error_ratios = dict.fromkeys(NAMES, 0.3)
    await stage.desk.begin("limit", 99, CanaryPlan(for_s=10, promote=True), by="admin")
    await stage.advance(11)
    assert ended(stage) == ("not worse", "promoted")


async def test_without_a_word_of_what_is_to_follow_the_value_stays_where_it_is(
    stage: Stage,
) -> None:
    stage.error_ratios["n2"] = 0.2
    await stage.desk.begin("limit", 99, CanaryPlan(for_s=10), by="admin")
    await stage.advance(11)
    assert ended(stage) == ("worse", "kept")
    await stage.advance(int(SETTLE_S) + 5)
    assert stage.limits() == [10, 99, 10]


async def test_a_value_that_nobody_could_judge_is_undone_for_who_asked_for_safety(
    stage: Stage,
) -> None:
    stage.requests_a_look = 1
    plan = CanaryPlan(for_s=10, auto_revert=True, promote=True)
    await stage.desk.begin("limit", 99, plan, by="admin")
    await stage.advance(11)
    assert ended(stage) == ("too few requests", "reverted")
    assert stage.limits() == [10, 10, 10]


async def test_a_node_that_falls_silent_with_the_value_reverts_it(stage: Stage) -> None:
    plan = CanaryPlan(for_s=60, auto_revert=True)
    await stage.desk.begin("limit", 99, plan, by="admin")
    stage.silent = {"n2"}
    await stage.advance(2)
    assert stage.limits() == [10, 99, 10]
    await stage.advance(2)
    assert stage.limits() == [10, 10, 10]


async def test_when_the_node_that_compares_dies_the_value_ends_by_itself(stage: Stage) -> None:
    await stage.desk.begin("limit", 99, CanaryPlan(for_s=10, promote=True), by="admin")
    await stage.nodes.stop("n1")  # and its desk has nobody to settle it with
    stage.nodes.bucket.go_down("a drill")
    await stage.advance(11)
    assert stage.hots["n2"].ns.limit == 99
    await stage.advance(int(SETTLE_S))
    assert stage.hots["n2"].ns.limit == 10


async def test_while_the_engine_is_away_the_verdict_is_carried_out_once_it_is_back(
    stage: Stage,
) -> None:
    await stage.desk.begin("limit", 99, CanaryPlan(for_s=5, promote=True), by="admin")
    stage.nodes.bucket.go_down("a drill")
    await stage.advance(7)
    stage.nodes.bucket.come_back()
    await stage.advance(2)
    assert stage.limits() == [99, 99, 99]
    assert ended(stage) == ("not worse", "promoted")


async def test_an_engine_that_stays_away_leaves_the_value_to_end_by_itself(stage: Stage) -> None:
    await stage.desk.begin("limit", 99, CanaryPlan(for_s=5, promote=True), by="admin")
    stage.nodes.bucket.go_down("a drill")
    await stage.advance(int(SETTLE_S) + 7)
    assert ended(stage) == ("not worse", "left")
    assert stage.limits() == [10, 10, 10]


async def test_a_value_that_is_set_meanwhile_ends_the_canary(stage: Stage) -> None:
    await stage.desk.begin("limit", 99, CanaryPlan(for_s=60), by="admin")
    await stage.hots["n3"].put("limit", 30)
    await stage.advance(2)
    assert ended(stage)[1] == "overtaken"
    assert stage.limits() == [30, 30, 30]


async def test_one_key_has_one_canary_at_a_time(stage: Stage) -> None:
    await stage.desk.begin("limit", 99, CanaryPlan(for_s=60), by="admin")
    with pytest.raises(CanaryRefused, match="tried on n2 already"):
        await stage.desk.begin("limit", 98, CanaryPlan(for_s=60), by="admin")
    await stage.desk.settle("limit", is_promoted=False, by="admin")
    await stage.desk.begin("limit", 98, CanaryPlan(for_s=60), by="admin")


async def test_a_value_that_ended_by_itself_stands_in_nobodys_way(stage: Stage) -> None:
    await Trials(stage.hots["n3"], stage.nodes.clock).begin("limit", 99, nodes=("n3",), for_s=5)
    with pytest.raises(CanaryRefused, match="tried on n3 already"):
        await stage.desk.begin("limit", 98, CanaryPlan(), by="admin")
    await stage.advance(6)
    await stage.desk.begin("limit", 98, CanaryPlan(), by="admin")
    assert stage.limits() == [10, 98, 10]


async def test_a_desk_that_begins_anew_knows_that_it_compares_nothing_any_more(
    stage: Stage,
) -> None:
    task = asyncio.create_task(stage.desk.run(lambda: None))
    await stage.nodes.settle()
    await stage.desk.begin("limit", 99, CanaryPlan(for_s=60), by="admin")
    task.cancel()
    await asyncio.wait([task])
    again = asyncio.create_task(stage.desk.run(lambda: None))
    await stage.nodes.settle()
    assert ended(stage)[1] == "left"
    again.cancel()
    await asyncio.wait([again])


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (CanaryPlan(for_s=0), "up to 24 hours"),
        (CanaryPlan(for_s=1e9), "up to 24 hours"),
        (CanaryPlan(watch=()), "what to watch"),
        (CanaryPlan(nodes=3), "one that does not; 3 are up"),
        (CanaryPlan(nodes=0), "one that does not; 3 are up"),
        (CanaryPlan(nodes=-1), "one that does not; 3 are up"),
        (CanaryPlan(nodes=("n9",)), "n9 cannot try it: the nodes that are up are n1, n2, n3"),
    ],
)
async def test_a_plan_that_compares_nothing_is_refused(
    stage: Stage, plan: CanaryPlan, words: str
) -> None:
    with pytest.raises(CanaryRefused, match=words):
        await stage.desk.begin("limit", 99, plan, by="admin")
    assert stage.limits() == [10, 10, 10]


async def test_a_value_that_its_node_refuses_is_tried_by_nobody(stage: Stage) -> None:
    await stage.nodes.stop("n2")
    await stage.nodes.start("n2", Schema(Values, check=lambda *_: "not in this release"))
    with pytest.raises(CanaryRefused, match=r"undone \(n2: limit: not in this release\)"):
        await stage.desk.begin("limit", 99, CanaryPlan(), by="admin")
    await stage.advance(1)
    assert stage.limits()[::2] == [10, 10]
    assert stage.desk.canary("limit") is None


async def test_a_desk_that_does_not_run_begins_nothing() -> None:
    stage = await Stage(HotNodes()).begin()
    with pytest.raises(CanaryRefused, match="ask another one"):
        await stage.desk.begin("limit", 99, CanaryPlan(), by="admin")
    await stage.nodes.stop_all()


def test_the_node_that_compares_is_chosen_last_and_those_that_are_gone_never() -> None:
    assert chosen_nodes(CanaryPlan(nodes=2), view("up", "up", "up"), "n1") == ("n2", "n3")
    assert chosen_nodes(CanaryPlan(), view("up", "down", "up"), "n1") == ("n3",)
    assert chosen_nodes(CanaryPlan(nodes=("n1",)), view("up", "up", "up"), "n1") == ("n1",)


@pytest.mark.parametrize(
    ("verdict", "auto_revert", "promote", "actions"),
    [
        (Verdict.WORSE, True, True, ("reverted", "reverted")),
        (Verdict.WORSE, False, True, ("", "kept")),
        (Verdict.NOT_WORSE, True, True, ("", "promoted")),
        (Verdict.NOT_WORSE, True, False, ("", "kept")),
        (Verdict.TOO_FEW, True, True, ("", "reverted")),
        (Verdict.TOO_FEW, False, True, ("", "kept")),
    ],
)
def test_what_follows_from_a_verdict(
    verdict: Verdict, auto_revert: bool, promote: bool, actions: tuple[str, str]
) -> None:
    canary = Canary(
        key="limit",
        revision=1,
        nodes=("n2",),
        began_at_s=0.0,
        plan=CanaryPlan(auto_revert=auto_revert, promote=promote),
        judgement=Judgement(verdict, ()),
    )
    told = [action_after(canary, is_at_the_end=is_at_the_end) for is_at_the_end in (False, True)]
    assert tuple(told) == actions
