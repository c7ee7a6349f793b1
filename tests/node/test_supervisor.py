"""A supervisor held to what OTP documents (https://www.erlang.org/doc/apps/stdlib/supervisor.html)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiex.errors import RestartIntensityExceeded, StartTimeout
from aiex.node.supervision import Backoff, Child, Intensity, Restart, Strategy
from aiex.node.supervisor import StartFailed, Supervisor
from aiex.service import (
    IntensityExceeded,
    Ready,
    ServiceAbandoned,
    ServiceFailed,
    ServiceStarted,
)
from aiex.testing.clock import FakeClock

AT_ONCE = Backoff(first_s=0.0)
TIRELESS = Intensity(restarts_max=None)


class Scripted:
    """A service that does as it is told; what happened to it is in the shared `story`."""

    def __init__(self, name: str, story: list[str]) -> None:
        self.name = name
        self.story = story
        self.failures_at_start: list[Exception] = []
        self.is_silent = False
        self.is_stubborn = False
        self.error_at_stop: Exception | None = None
        self._end: asyncio.Future[None] | None = None

    async def run(self, ready: Ready) -> None:
        self.story.append(f"start {self.name}")
        if self.failures_at_start:
            raise self.failures_at_start.pop(0)
        self._end = asyncio.get_running_loop().create_future()
        if not self.is_silent:
            ready()
        try:
            await self._end
        except asyncio.CancelledError:
            while self.is_stubborn:
                await self._stay()
            self.story.append(f"stop {self.name}")
            if self.error_at_stop is not None:
                raise self.error_at_stop from None
            raise

    async def _stay(self) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            return

    def crash(self) -> None:
        assert self._end is not None
        self._end.set_exception(RuntimeError(f"{self.name} broke"))

    def finish(self) -> None:
        assert self._end is not None
        self._end.set_result(None)


class Stage:
    """A supervisor of scripted services, a clock that stands still, and what was emitted."""

    def __init__(self, names: str = "abc", **options: Any) -> None:
        self.story: list[str] = []
        self.events: list[Any] = []
        self.clock = FakeClock()
        self.services = {name: Scripted(name, self.story) for name in names}
        self._options = options

    def __getattr__(self, name: str) -> Scripted:
        return self.services[name]

    def supervisor(self, restart: Restart | Sequence[Restart] = Restart.PERMANENT) -> Supervisor:
        restarts = [restart] * len(self.services) if isinstance(restart, Restart) else restart
        children = [
            Child(service, restart=one, start_timeout_s=10, stop_timeout_s=5)
            for service, one in zip(self.services.values(), restarts, strict=True)
        ]
        return self.of(children)

    def of(self, children: Sequence[Child], name: str = "top", **options: Any) -> Supervisor:
        return Supervisor(
            name,
            children,
            clock=self.clock,
            random=Random(7),
            emit=self.events.append,
            **{"backoff": AT_ONCE, "intensity": TIRELESS, **self._options, **options},
        )

    @asynccontextmanager
    async def running(self, supervisor: Supervisor) -> AsyncIterator["asyncio.Task[None]"]:
        is_ready = asyncio.Event()
        task = asyncio.create_task(supervisor.run(is_ready.set))
        await self.clock.settle()
        try:
            yield task
        finally:
            task.cancel()
            await self.clock.settle()
            await self.clock.advance(100)
            await asyncio.wait([task])
            if not task.cancelled():
                task.exception()

    def told(self) -> list[str]:
        """What happened since the last time."""
        told = list(self.story)
        self.story.clear()
        return told


async def test_children_start_in_order_and_stop_in_reverse() -> None:
    stage = Stage()
    async with stage.running(stage.supervisor()):
        assert stage.told() == ["start a", "start b", "start c"]
    assert stage.told() == ["stop c", "stop b", "stop a"]


@pytest.mark.parametrize("strategy", [Strategy.REST_FOR_ONE, Strategy.ONE_FOR_ALL])
async def test_a_restart_does_not_wait_for_what_depends_on_a_dead_child(strategy: Strategy) -> None:
    stage = Stage(strategy=strategy)
    async with stage.running(stage.supervisor()):
        stage.b.is_silent = True
        stage.a.crash()
        await stage.clock.settle()
        stage.told()
        stage.b.is_silent = False
        stage.a.crash()
        await stage.clock.settle()
        assert stage.told() == ["stop b", "start a", "start b", "start c"]


async def test_a_restart_alone_waits_for_nobody_else() -> None:
    stage = Stage(strategy=Strategy.ONE_FOR_ONE)
    async with stage.running(stage.supervisor()):
        stage.told()
        stage.b.is_silent = True
        stage.b.crash()
        await stage.clock.settle()
        stage.a.crash()
        await stage.clock.settle()
        assert stage.told() == ["start b"]
        stage.b.is_silent = False
        await stage.clock.advance(10)
        assert stage.told() == ["stop b", "start b", "start a"]


async def test_the_next_child_starts_when_the_one_before_says_it_is_ready() -> None:
    stage = Stage()
    stage.b.is_silent = True
    supervisor = stage.supervisor()
    async with stage.running(supervisor):
        assert stage.told() == ["start a", "start b"]
        assert [one.state for one in supervisor.state().children] == [
            "running",
            "starting",
            "stopped",
        ]


async def test_a_child_that_fails_to_start_stops_those_before_and_the_supervisor() -> None:
    stage = Stage()
    stage.c.failures_at_start = [ValueError("no disc")]
    async with stage.running(stage.supervisor()) as task:
        assert stage.told() == ["start a", "start b", "start c", "stop b", "stop a"]
        with pytest.raises(StartFailed, match="c did not start: no disc") as caught:
            await task
    assert isinstance(caught.value.__cause__, ValueError)


async def test_a_child_that_is_never_ready_fails_after_its_time() -> None:
    stage = Stage("a")
    stage.a.is_silent = True
    async with stage.running(stage.supervisor()) as task:
        await stage.clock.advance(9.9)
        assert not task.done()
        await stage.clock.advance(0.2)
        with pytest.raises(StartFailed) as caught:
            await task
    assert isinstance(caught.value.__cause__, StartTimeout)
    assert stage.told() == ["start a", "stop a"]


async def test_one_for_one_restarts_only_the_child_that_ended() -> None:
    stage = Stage(strategy=Strategy.ONE_FOR_ONE)
    async with stage.running(stage.supervisor()):
        stage.told()
        stage.b.crash()
        await stage.clock.settle()
        assert stage.told() == ["start b"]


async def test_one_for_all_stops_the_others_in_reverse_and_restarts_all_in_order() -> None:
    stage = Stage(strategy=Strategy.ONE_FOR_ALL)
    async with stage.running(stage.supervisor()):
        stage.told()
        stage.b.crash()
        await stage.clock.settle()
        assert stage.told() == ["stop c", "stop a", "start a", "start b", "start c"]


async def test_rest_for_one_restarts_it_and_those_started_after_it() -> None:
    stage = Stage("abcd", strategy=Strategy.REST_FOR_ONE)
    async with stage.running(stage.supervisor()):
        stage.told()
        stage.b.crash()
        await stage.clock.settle()
        assert stage.told() == ["stop d", "stop c", "start b", "start c", "start d"]


async def test_a_permanent_child_is_restarted_when_it_returns_too() -> None:
    stage = Stage("a")
    async with stage.running(stage.supervisor(Restart.PERMANENT)):
        stage.told()
        stage.a.finish()
        await stage.clock.settle()
        assert stage.told() == ["start a"]


async def test_a_transient_child_is_restarted_after_a_failure_and_not_after_returning() -> None:
    stage = Stage("a")
    supervisor = stage.supervisor(Restart.TRANSIENT)
    async with stage.running(supervisor) as task:
        stage.told()
        stage.a.crash()
        await stage.clock.settle()
        assert stage.told() == ["start a"]
        stage.a.finish()
        await stage.clock.settle()
        assert stage.told() == []
        assert supervisor.state().children[0].state == "stopped"
        assert not task.done()


async def test_a_temporary_child_is_never_restarted_not_even_with_its_siblings() -> None:
    stage = Stage(strategy=Strategy.ONE_FOR_ALL)
    kinds = [Restart.PERMANENT, Restart.TEMPORARY, Restart.PERMANENT]
    async with stage.running(stage.supervisor(kinds)):
        stage.told()
        stage.a.crash()
        await stage.clock.settle()
        assert stage.told() == ["stop c", "stop b", "start a", "start c"]


async def test_a_temporary_child_that_fails_takes_nobody_with_it() -> None:
    stage = Stage(strategy=Strategy.ONE_FOR_ALL)
    kinds = [Restart.PERMANENT, Restart.TEMPORARY, Restart.PERMANENT]
    async with stage.running(stage.supervisor(kinds)):
        stage.told()
        stage.b.crash()
        await stage.clock.settle()
        assert stage.told() == []


async def test_a_transient_child_that_returned_starts_again_with_all_the_others() -> None:
    stage = Stage(strategy=Strategy.ONE_FOR_ALL)
    async with stage.running(stage.supervisor(Restart.TRANSIENT)):
        stage.b.finish()
        await stage.clock.settle()
        stage.told()
        stage.a.crash()
        await stage.clock.settle()
        assert stage.told() == ["stop c", "start a", "start b", "start c"]


async def test_too_many_restarts_stop_all_children_and_fail_the_supervisor() -> None:
    stage = Stage("ab", intensity=Intensity(restarts_max=2, within_s=5))
    async with stage.running(stage.supervisor()) as task:
        for _ in range(3):
            stage.told()
            stage.a.crash()
            await stage.clock.settle()
        assert stage.told() == ["stop b"]
        with pytest.raises(RestartIntensityExceeded, match="a broke"):
            await task
    assert IntensityExceeded("top", 3, 5) in stage.events


async def test_restarts_spread_over_time_are_never_too_many() -> None:
    stage = Stage("a", intensity=Intensity(restarts_max=1, within_s=5))
    async with stage.running(stage.supervisor()) as task:
        for _ in range(20):
            stage.a.crash()
            await stage.clock.advance(5.1)
        assert not task.done()


async def test_restarts_of_different_children_count_together() -> None:
    stage = Stage("abc", intensity=Intensity(restarts_max=2, within_s=5))
    async with stage.running(stage.supervisor()) as task:
        for one in (stage.a, stage.b, stage.c):
            one.crash()
            await stage.clock.settle()
        assert task.done()


async def test_a_restart_that_fails_counts_and_is_tried_again() -> None:
    stage = Stage("a", intensity=Intensity(restarts_max=4, within_s=5))
    async with stage.running(stage.supervisor()) as task:
        stage.told()
        stage.a.failures_at_start = [OSError("once"), OSError("twice")]
        stage.a.crash()
        await stage.clock.settle()
        assert stage.told() == ["start a"] * 3
        stage.a.failures_at_start = [OSError("once more")]
        stage.a.crash()
        await stage.clock.settle()
        with pytest.raises(RestartIntensityExceeded, match="once more"):
            await task


async def test_a_sibling_that_fails_to_restart_is_tried_again_and_the_rest_after_it() -> None:
    stage = Stage("abc", strategy=Strategy.REST_FOR_ONE)
    async with stage.running(stage.supervisor()):
        stage.told()
        stage.b.failures_at_start = [OSError("not yet")]
        stage.a.crash()
        await stage.clock.settle()
        assert stage.told() == ["stop c", "stop b", "start a", "start b", "start b", "start c"]


async def test_an_inner_supervisor_that_gives_up_is_restarted_by_the_outer_one() -> None:
    stage = Stage("ab")
    inner = stage.of([Child(stage.a)], "inner", intensity=Intensity(restarts_max=1, within_s=5))
    outer = stage.of([Child(inner), Child(stage.b)], "outer")
    async with stage.running(outer) as task:
        stage.told()
        for _ in range(2):
            stage.a.crash()
            await stage.clock.settle()
        assert stage.told() == ["start a", "start a"]
        assert not task.done()
        assert outer.state().children[0].restart_count == 1
        # Its budget is a new one.
        stage.a.crash()
        await stage.clock.settle()
        assert stage.told() == ["start a"]


async def test_a_failure_goes_up_until_somebody_has_budget_left() -> None:
    stage = Stage("a", intensity=Intensity(restarts_max=0))
    inner = stage.of([Child(stage.a)], "inner")
    async with stage.running(stage.of([Child(inner)], "outer")) as task:
        stage.a.crash()
        await stage.clock.settle()
        with pytest.raises(RestartIntensityExceeded, match=r"outer.*inner"):
            await task


async def test_a_child_that_does_not_stop_in_time_is_left_behind_and_named() -> None:
    stage = Stage("ab")
    stage.b.is_stubborn = True
    async with stage.running(stage.supervisor()) as task:
        stage.told()
        task.cancel()
        await stage.clock.advance(4.9)
        assert stage.told() == []
        await stage.clock.advance(0.2)
        assert stage.told() == ["stop a"]
        assert task.done()
    assert ServiceAbandoned("b", 5) in stage.events
    stage.b.is_stubborn = False
    for left in asyncio.all_tasks() - {asyncio.current_task()}:
        left.cancel()
    await stage.clock.settle()


async def test_an_error_while_stopping_does_not_keep_the_others_running() -> None:
    stage = Stage()
    stage.b.error_at_stop = OSError("cannot close")
    supervisor = stage.supervisor()
    async with stage.running(supervisor):
        stage.told()
    assert stage.told() == ["stop c", "stop b", "stop a"]
    assert "cannot close" in supervisor.state().children[1].last_error


async def test_a_restart_waits_longer_after_each_failure_and_recovers() -> None:
    backoff = Backoff(first_s=1, max_s=4, factor=2, jitter_ratio=0, forgiven_after_s=30)
    stage = Stage("a", backoff=backoff)
    async with stage.running(stage.supervisor()):
        for delay_s in (1, 2, 4, 4):
            stage.told()
            stage.a.crash()
            await stage.clock.advance(delay_s - 0.1)
            assert stage.told() == []
            await stage.clock.advance(0.2)
            assert stage.told() == ["start a"]
        await stage.clock.advance(31)
        stage.a.crash()
        await stage.clock.advance(1.1)
        assert stage.told() == ["start a"]


async def test_stopped_while_it_backs_off_it_stops_at_once() -> None:
    stage = Stage("ab", backoff=Backoff(first_s=60, max_s=60))
    async with stage.running(stage.supervisor()) as task:
        stage.a.crash()
        await stage.clock.settle()
        stage.told()
        task.cancel()
        await stage.clock.settle()
        assert stage.told() == ["stop b"]
        assert task.cancelled()


async def test_stopped_while_it_starts_it_stops_what_it_started() -> None:
    stage = Stage()
    stage.b.is_silent = True
    async with stage.running(stage.supervisor()) as task:
        stage.told()
        task.cancel()
        await stage.clock.settle()
        assert stage.told() == ["stop b", "stop a"]


async def test_it_can_be_run_again_after_it_ended() -> None:
    stage = Stage("a", intensity=Intensity(restarts_max=0))
    supervisor = stage.supervisor(Restart.TEMPORARY)
    for _ in range(2):
        async with stage.running(supervisor):
            assert stage.told() == ["start a"]
        assert stage.told() == ["stop a"]


async def test_without_children_it_runs_until_it_is_told_to_stop() -> None:
    stage = Stage("")
    async with stage.running(stage.supervisor()) as task:
        assert not task.done()
    assert task.cancelled()


async def test_the_tree_can_be_read() -> None:
    stage = Stage("ab")
    inner = stage.of([Child(stage.b)], "inner", strategy=Strategy.REST_FOR_ONE)
    supervisor = stage.of([Child(stage.a), Child(inner)])
    async with stage.running(supervisor):
        stage.b.crash()
        await stage.clock.settle()
        top = supervisor.state()
        assert (top.name, top.kind, top.state, top.strategy) == (
            "top",
            "supervisor",
            "running",
            "one for one",
        )
        assert [child.name for child in top.children] == ["a", "inner"]
        b = top.children[1].children[0]
        assert (b.name, b.kind, b.state, b.restart_count) == ("b", "service", "running", 1)
        assert b.last_error == "RuntimeError: b broke"
        assert b.since_s == stage.clock.wall_s()


async def test_what_happens_is_told_as_events() -> None:
    stage = Stage("a")
    async with stage.running(stage.supervisor()):
        stage.a.crash()
        await stage.clock.settle()
    assert stage.events[:3] == [
        ServiceStarted("a", 0),
        ServiceFailed("a", "RuntimeError: a broke", 0.0),
        ServiceStarted("a", 1),
    ]


class Model:
    """OTP's rules for children that always start, on half a page."""

    def __init__(self, strategy: Strategy, kinds: Sequence[Restart]) -> None:
        self.strategy, self.kinds = strategy, kinds
        self.running = set(range(len(kinds)))
        self.deleted: set[int] = set()
        self.starts = [1] * len(kinds)

    def end(self, child: int, *, by_crash: bool) -> None:
        self.running.remove(child)
        kind = self.kinds[child]
        if kind is Restart.TEMPORARY:
            self.deleted.add(child)
            return
        if kind is Restart.TRANSIENT and not by_crash:
            return
        match self.strategy:
            case Strategy.ONE_FOR_ONE:
                group = {child}
            case Strategy.ONE_FOR_ALL:
                group = set(range(len(self.kinds)))
            case Strategy.REST_FOR_ONE:
                group = set(range(child, len(self.kinds)))
        stopped = {one for one in group if self.kinds[one] is Restart.TEMPORARY} & self.running
        self.deleted |= stopped
        self.running -= stopped
        for one in group - self.deleted:
            self.running.add(one)
            self.starts[one] += 1


@settings(max_examples=200)
@given(
    st.sampled_from(Strategy),
    st.lists(st.sampled_from(Restart), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=12),
)
async def test_whatever_ends_in_whatever_order_the_same_children_run_as_in_otp(
    strategy: Strategy, kinds: list[Restart], ends: list[tuple[int, bool]]
) -> None:
    names = "abcde"[: len(kinds)]
    stage, model = Stage(names, strategy=strategy), Model(strategy, kinds)
    supervisor = stage.supervisor(kinds)
    async with stage.running(supervisor) as task:
        for child, by_crash in ends:
            if child not in model.running:
                continue
            service = stage.services[names[child]]
            (service.crash if by_crash else service.finish)()
            model.end(child, by_crash=by_crash)
            await stage.clock.settle()
        children = supervisor.state().children
        running = {n for n, one in enumerate(children) if one.state == "running"}
        starts = [stage.story.count(f"start {name}") for name in names]
        assert running == model.running
        assert starts == model.starts
        assert not task.done()
