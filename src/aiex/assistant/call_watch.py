"""Deadlines of many calls, kept by one timer: what is awaited of a provider, or of a client.

A timer of its own costs a call 4 to 15 microseconds with uvloop, and every move of it as much. Here
a call writes down how long the next thing may take, and one tick looks at all of them: the first
that sees it makes a deadline of it, so that a stream asks for the time once and not at each of its
chunks. The price is precision: a call is found late up to two ticks after it is.
"""

import asyncio
from types import TracebackType
from typing import Self

# Two ticks: found late after an eighth of the shortest limit, and a quarter of a second at most.
TICK_MAX_S = 0.125
TICK_MIN_S = 0.005
TICKS_PER_LIMIT = 16
_NEVER = float("inf")


class CallWatch:
    """Watches calls of one kind; its timer runs only while there are any."""

    def __init__(self, shortest_limit_s: float) -> None:
        self._tick_s = min(TICK_MAX_S, max(TICK_MIN_S, shortest_limit_s / TICKS_PER_LIMIT))
        self._calls: set[WatchedCall] = set()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to watch, and no timer."""
        return self._timer is None

    def call(self, total_s: float) -> "WatchedCall":
        """A call that may take `total_s` from now; use it in a `with` block."""
        return WatchedCall(self, total_s)

    def add(self, call: "WatchedCall") -> None:
        if self._timer is None:
            self._tick()
        self._calls.add(call)

    def remove(self, call: "WatchedCall") -> None:
        self._calls.discard(call)
        if not self._calls and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        for call in self._calls:
            call.end_if_late(now_s)
        self._timer = loop.call_later(self._tick_s, self._tick)


class WatchedCall:
    """One call: `expect` says how long the next thing may take. Raises `TimeoutError` when late."""

    __slots__ = (
        "_cancelling",
        "_due_s",
        "_is_late",
        "_is_new",
        "_task",
        "_total_due_s",
        "_total_s",
        "_watch",
        "_within_s",
    )

    def __init__(self, watch: CallWatch, total_s: float) -> None:
        self._watch = watch
        self._total_s = total_s
        self._total_due_s = 0.0  # known once the call begins
        self._due_s = _NEVER  # known once a tick came by
        self._within_s = total_s
        self._is_new = True  # no tick has seen yet what is waited for
        self._is_late = False

    def expect(self, within_s: float) -> None:
        """What is waited for now has to come within so long, and within the call's whole time."""
        self._within_s = within_s
        self._is_new = True

    def pause(self) -> None:
        """Somebody else is being waited for: the call cannot be late now."""
        self._due_s = _NEVER
        self._is_new = False

    def end_if_late(self, now_s: float) -> None:
        """A tick: cancel the call's task when it has waited too long."""
        if self._is_new:
            self._is_new = False
            self._due_s = min(now_s + self._within_s, self._total_due_s)
        if now_s > self._due_s and not self._is_late:
            self._is_late = True
            self._task.cancel()

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None, "a call is made in a task"
        self._task = task
        self._cancelling = task.cancelling()
        self._total_due_s = asyncio.get_running_loop().time() + self._total_s
        self._watch.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._watch.remove(self)
        # As `asyncio.timeout` does it: the cancellation is ours unless somebody else asked too.
        if (
            self._is_late
            and self._task.uncancel() <= self._cancelling
            and isinstance(error, asyncio.CancelledError)
        ):
            raise TimeoutError from error
