"""Answers what is asked of the tracer, and looks after the sessions: time, lease, the loop's lag.

A session ends when its limits are reached, its time is up, nobody reads it any more, the node is
too busy, or this service ends. Every beginning and end is an event; values are in none.
"""

import asyncio
import secrets
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from time import perf_counter_ns
from typing import Any

from aiex.clock import Clock
from aiex.cluster import Caller, Handler
from aiex.errors import CallRefused
from aiex.events import Emit
from aiex.performance.chapter import Chapter, Gauges
from aiex.performance.tracer.events import TraceBegan, TraceEnded, TraceFailed
from aiex.performance.tracer.functions import Modules
from aiex.performance.tracer.monitor import Monitor, ToolTaken
from aiex.performance.tracer.requests import (
    LEASE_S,
    ReadTrace,
    StartTrace,
    StopTrace,
    TracedFunction,
    TraceRead,
    TraceStarted,
)
from aiex.performance.tracer.scope import checked_condition, watched_functions
from aiex.performance.tracer.session import Session
from aiex.performance.tracer.spending import RATIO_MAX
from aiex.service import Ready, Service

SESSIONS_MAX = 4
LOOK_EVERY_S = 0.25
# A node whose loop is this late has other worries.
LAG_MAX_S = 1.0
# So long a session that has ended can be read to its end.
KEPT_S = 60.0


class _Trace:
    """A session, who reads it, and until when it lives."""

    def __init__(self, id_: str, asked: StartTrace, asked_by: str, now_s: float) -> None:
        self.id = id_
        self.asked = asked
        self.asked_by = asked_by
        self.began_s = now_s
        self.ends_s = now_s + asked.ttl_s
        self.lease_s = now_s + LEASE_S
        self.readers = 0
        self.news = asyncio.Event()
        self.told_s: float | None = None  # when its end was told
        self.session: Session


class Tracer(Chapter):
    """`modules` are those that functions are looked up in, `node` is this node's name."""

    name = "performance.tracer"

    def __init__(
        self,
        *,
        node: str,
        clock: Clock,
        emit: Emit,
        modules: Modules = sys.modules,
        cpu_ratio_max: float = RATIO_MAX,
    ) -> None:
        self._node = node
        self._clock = clock
        self._emit = emit
        self._modules = modules
        self._cpu_ratio_max = cpu_ratio_max
        self._traces: dict[str, _Trace] = {}
        self._monitor = Monitor(self._settle_soon)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._has_begun = asyncio.Event()

    def services(self) -> Sequence[Service]:
        return [self]

    def gauges(self) -> Gauges:
        return {"aiex_call_traces": lambda: len(self._running())}

    def handlers(self) -> Mapping[type[Any], Handler]:
        return {StartTrace: self.start, ReadTrace: self.read, StopTrace: self.stop}

    async def run(self, ready: Ready) -> None:
        self._loop = asyncio.get_running_loop()
        ready()
        try:
            while True:
                await self._has_begun.wait()  # costs nothing while nobody traces
                before_s = self._clock.monotonic_s()
                await self._clock.sleep(LOOK_EVERY_S)
                lag_s = self._clock.monotonic_s() - before_s - LOOK_EVERY_S
                self._look(lag_s)
        finally:
            self._loop = None
            self._end_all("the tracer of this node was stopped or restarted")
            self._settle()

    async def start(self, asked: StartTrace, caller: Caller) -> TraceStarted:
        """Raises `CallRefused` when it cannot be, in words."""
        if self._loop is None:
            raise CallRefused("The tracer is being restarted. Try again in a second.")
        self._settle()
        id_ = asked.id or secrets.token_hex(4)
        self._check_room(id_)
        watched = watched_functions(asked, self._modules)
        trace = _Trace(id_, asked, caller.name, self._clock.monotonic_s())
        trace.session = Session(
            asked,
            watched,
            checked_condition(asked, watched),
            began_ns=perf_counter_ns(),
            began_s=self._clock.wall_s(),
            wake=lambda: self._call_soon(trace.news.set),
            cpu_ratio_max=self._cpu_ratio_max,
        )
        try:
            self._monitor.watch(trace.session)
        except ToolTaken as error:
            raise CallRefused(str(error)) from None
        self._traces[id_] = trace
        self._has_begun.set()
        self._emit(_began(trace))
        functions = tuple(
            TracedFunction(one.name, one.code.co_filename, one.code.co_firstlineno, one.note)
            for one in watched
        )
        return TraceStarted(id_, functions, LEASE_S)

    async def read(self, asked: ReadTrace, _: Caller) -> TraceRead:
        """Raises `CallRefused` when there is no such trace any more."""
        trace = self._trace(asked.id)
        after = asked.after.get(self._node, 0)
        trace.readers += 1
        try:
            await self._news(trace, after, asked.wait_s)
        finally:
            trace.readers -= 1
            trace.lease_s = self._clock.monotonic_s() + LEASE_S
        return _read(trace.session, after)

    async def stop(self, asked: StopTrace, _: Caller) -> TraceRead:
        """Raises `CallRefused` when there is no such trace any more."""
        trace = self._trace(asked.id)
        trace.session.end("it was stopped")
        self._settle()
        return _read(trace.session, asked.after.get(self._node, 0))

    def _trace(self, id_: str) -> _Trace:
        trace = self._traces.get(id_)
        if trace is None:
            raise CallRefused(
                f"There is no trace '{id_}' at {self._node}; one that ended can be read for "
                f"{KEPT_S:g} s. Start it again."
            )
        return trace

    def _running(self) -> list[_Trace]:
        return [one for one in self._traces.values() if not one.session.ended]

    def _check_room(self, id_: str) -> None:
        if id_ in self._traces:
            raise CallRefused(f"There is a trace '{id_}' already. Choose another id.")
        running = self._running()
        if len(running) >= SESSIONS_MAX:
            who = ", ".join(one.asked.by or one.asked_by for one in running)
            raise CallRefused(
                f"{SESSIONS_MAX} traces are running at {self._node}, which is the limit (by "
                f"{who}). Wait for one to end."
            )

    async def _news(self, trace: _Trace, after: int, wait_s: float) -> None:
        trace.news.clear()
        trace.session.is_awaited = True
        if trace.session.has_news(after) or wait_s <= 0:
            return
        waits = [
            asyncio.ensure_future(self._clock.sleep(wait_s)),
            asyncio.ensure_future(trace.news.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    # What follows is called in any thread, inside of a traced call.

    def _settle_soon(self) -> None:
        self._call_soon(self._settle)

    def _call_soon(self, callback: Any) -> None:
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # the loop was closed; nobody is there to hear
                loop.call_soon_threadsafe(callback)

    def _look(self, lag_s: float) -> None:
        now_s = self._clock.monotonic_s()
        for sessions, error in self._monitor.failures():
            self._note_failure(sessions, error)
        for trace in self._traces.values():
            if reason := _reason_to_end(trace, now_s, lag_s):
                trace.session.end(reason)
        self._settle()
        for id_, trace in list(self._traces.items()):
            if trace.told_s is not None and now_s >= trace.told_s + KEPT_S:
                del self._traces[id_]
        if not self._traces:
            self._has_begun.clear()

    def _end_all(self, reason: str) -> None:
        for trace in self._traces.values():
            trace.session.end(reason)

    def _settle(self) -> None:
        """Whatever has ended is watched no more, and told."""
        self._monitor.settle()
        for trace in self._traces.values():
            if trace.session.ended and trace.told_s is None:
                trace.told_s = self._clock.monotonic_s()
                trace.news.set()
                self._emit(_ended(trace, trace.told_s))

    def _note_failure(self, sessions: Sequence[Session], error: Exception) -> None:
        place = _place(error)
        for trace in self._traces.values():
            if trace.session in sessions and not trace.session.ended:
                trace.session.end(f"the tracer itself failed ({place}); nothing else did")
                self._emit(TraceFailed(trace.id, place))


def _reason_to_end(trace: _Trace, now_s: float, lag_s: float) -> str:
    if now_s >= trace.ends_s:
        return f"its {trace.asked.ttl_s:g} s are over"
    if not trace.readers and now_s >= trace.lease_s:
        return f"nobody has read it for {LEASE_S:g} s"
    if lag_s >= LAG_MAX_S:
        return f"the node's loop was {lag_s:.1f} s late: it is too busy to be traced"
    return ""


def _read(session: Session, after: int) -> TraceRead:
    threads = {
        one.ident: one.name
        for one in threading.enumerate()
        if one.ident is not None and one is not threading.main_thread()
    }
    # First whether it is over: what comes after this was asked is read the next time.
    ended = session.ended
    lines = session.read(after, threads)
    last = lines[-1].n if lines else after
    is_all = session.is_read_up_to(last)
    return TraceRead(lines, session.counts(perf_counter_ns()), ended if is_all else "")


def _began(trace: _Trace) -> TraceBegan:
    asked = trace.asked
    return TraceBegan(
        trace.id,
        tuple(one.name for one in trace.session.watched),
        asked.by,
        trace.asked_by,
        asked.shows,
        bool(asked.when.strip()),
        asked.calls_max,
        asked.ttl_s,
    )


def _ended(trace: _Trace, now_s: float) -> TraceEnded:
    counts = trace.session.counts(perf_counter_ns())
    return TraceEnded(
        trace.id,
        tuple(one.name for one in trace.session.watched),
        trace.asked.by,
        trace.asked_by,
        trace.session.ended,
        round(now_s - trace.began_s, 3),
        counts.seen,
        counts.matched,
        counts.shown,
        counts.dropped,
        counts.spent_us,
    )


def _place(error: Exception) -> str:
    """Type and place of an exception; its text might hold a value."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    code = trace.tb_frame.f_code
    return f"{type(error).__name__} in {code.co_qualname}, line {trace.tb_lineno}"
