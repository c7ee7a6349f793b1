"""One trace: what it looks at, its limits, the calls that are open, the lines nobody has read yet.

The methods named for what happened to a call run inside of it, in whatever thread called it; they
are short, take no lock, and never wait. Python switches threads at calls and jumps only, so what
is counted here is exact; limits hold by comparison with `>=` in any case.
"""

from collections import deque
from collections.abc import Callable, Mapping
from threading import get_ident
from types import FrameType
from typing import Any

from aiex.performance.tracer.compiler import Ending
from aiex.performance.tracer.condition import Condition
from aiex.performance.tracer.lines import (
    KeptLine,
    OpenCall,
    arguments,
    stack,
    taken,
    told,
)
from aiex.performance.tracer.operators import CannotTell
from aiex.performance.tracer.plain_attribute import NOTHING, type_name
from aiex.performance.tracer.rate import Rate
from aiex.performance.tracer.requests import LineKind, StartTrace, TraceCounts, TraceLine
from aiex.performance.tracer.spending import Spending
from aiex.performance.tracer.watched import Watched
from aiex.work import current_work

# Calls that have begun go on being followed after the last one; yields and returns of those, and
# of others that were not shown, are bounded too.
STEPS_MIN = 10_000
STEPS_PER_CALL = 20
UNREAD_MAX = 1000
READ_AT_ONCE_MAX = 200

_NO_ENDING = Ending()


class Session:
    """`began_s` is the wall clock at `began_ns`; `wake` is called when somebody waits
    (`is_awaited`) and there is a line to read.

    Whoever tells it of calls looks at `is_changed` afterwards: then there is less to watch.
    """

    def __init__(
        self,
        asked: StartTrace,
        watched: tuple[Watched, ...],
        condition: Condition | None,
        *,
        began_ns: int,
        began_s: float,
        wake: Callable[[], None],
        cpu_ratio_max: float,
    ) -> None:
        self.asked = asked
        self.watched = watched
        self.ended = ""
        self.is_changed = False
        self.is_awaited = False  # whether somebody waits for a line
        self._takes_new = True
        self._condition = condition
        self._is_late = condition is not None and condition.needs_end
        self._began_ns = began_ns
        self._began_s = began_s
        self._wake = wake
        self._shows = asked.shows
        self._rate = Rate(asked.rate_per_s, began_ns)
        self._spending = Spending(began_ns, cpu_ratio_max)
        self._open: dict[int, OpenCall] = {}  # by the frame's identity
        self._lines: deque[tuple[Any, ...]] = deque()  # of what a `KeptLine` has
        self._line_count = 0
        self._step_count = 0
        self._steps_max = max(STEPS_MIN, STEPS_PER_CALL * asked.calls_max)
        self._seen = self._matched = self._shown = self._dropped = self._failed = 0
        self._why = ""

    # Inside of traced calls.

    def began(self, watched: Watched, frame: FrameType, now_ns: int) -> None:
        if self.ended or not watched.takes_new:
            return
        self._seen += 1
        watched.seen_count += 1
        if self._seen >= self.asked.calls_max or watched.seen_count == self.asked.each_max:
            self._close_what_is_full(watched)
        if self._open:
            self._note_left_behind(id(frame), now_ns)
        if self._is_late:
            self._open[id(frame)] = OpenCall(self._seen, watched, now_ns, is_shown=False)
        elif self._condition is None or self._holds(watched, frame, _NO_ENDING):
            self._matched += 1
            if self._has_room(now_ns):
                args = arguments(watched, frame, self._shows)
                calls = stack(frame) if self.asked.has_stack else ()
                self._keep("call", now_ns, self._seen, watched, args, stack=calls)
                if self.asked.has_returns:
                    call = OpenCall(self._seen, watched, now_ns, is_shown=True)
                    self._open[id(frame)] = call
        if not self._takes_new:
            self.end_if_done()

    def paused(self, frame: FrameType, now_ns: int) -> None:
        call = self._open.get(id(frame))
        if call is not None:
            call.pause(now_ns)
            call.pauses += 1
        self._step()

    def resumed(self, frame: FrameType, now_ns: int) -> None:
        call = self._open.get(id(frame))
        if call is not None:
            call.resumed_ns = now_ns
        self._step()

    def finished(
        self, watched: Watched, frame: FrameType, now_ns: int, kind: LineKind, value: object
    ) -> None:
        call = self._open.pop(id(frame), None)
        if call is not None and not self.ended:
            if call.resumed_ns:
                call.ran_ns += now_ns - call.resumed_ns
            if call.is_shown:
                self._keep_end(call, kind, now_ns, value)
            else:
                self._finished_late(frame, call, now_ns, kind, value)
        self._step()
        if not self._takes_new:
            self.end_if_done()

    def spent(self, began_ns: int, ended_ns: int) -> None:
        if not self._spending.add(began_ns, ended_ns):
            self.end(
                "looking took more of a core than it may; ask for fewer calls, or trace something "
                "that is called less often"
            )

    # Outside, in the loop's thread.

    def end(self, reason: str) -> None:
        """The first reason stays."""
        if not self.ended:
            self.ended = reason
            self.is_changed = True

    def end_if_done(self) -> None:
        """Once no new calls are taken, and those that are followed are over."""
        if not self._open:
            looked_at = "1 call was" if self._seen == 1 else f"{self._seen} calls were"
            self.end(f"{looked_at} looked at, which is the limit")

    def has_news(self, after: int) -> bool:
        """Whether a reader who has that number need not wait."""
        return bool(self.ended) or self._line_count > after

    def is_read_up_to(self, number: int) -> bool:
        return number >= self._line_count

    def read(self, after: int, threads: Mapping[int, str]) -> tuple[TraceLine, ...]:
        """The next lines after that number; those up to it were read and are forgotten."""
        while self._lines and self._lines[0][0] <= after:
            self._lines.popleft()
        next_lines = list(self._lines)[:READ_AT_ONCE_MAX]
        return tuple(told(KeptLine._make(line), self._wall_s, threads) for line in next_lines)

    def counts(self, now_ns: int) -> TraceCounts:
        elapsed_ns = max(now_ns - self._began_ns, 1)
        return TraceCounts(
            seen=self._seen,
            matched=self._matched,
            shown=self._shown,
            dropped=self._dropped,
            failed=self._failed,
            why=self._why,
            open=len(self._open),
            spent_us=self._spending.total_ns // 1000,
            cpu_ratio=round(self._spending.total_ns / elapsed_ns, 6),
        )

    # How.

    def _close_what_is_full(self, watched: Watched) -> None:
        is_full = self._seen >= self.asked.calls_max
        for one in self.watched if is_full else (watched,):
            one.takes_new = False
        self._takes_new = any(one.takes_new for one in self.watched)
        self.is_changed = True

    def _note_left_behind(self, key: int, now_ns: int) -> None:
        """A new frame with an old one's identity: the old one is gone, and its end was not seen."""
        left = self._open.pop(key, None)
        if left is not None and left.is_shown:
            self._keep("lost", now_ns, left.number, left.watched, pauses=left.pauses)

    def _holds(self, watched: Watched, frame: FrameType, how: Ending) -> bool:
        assert self._condition is not None, "asked only where there is one"
        try:
            return self._condition.holds(watched.arguments(frame), how)
        except CannotTell as reason:
            self._failed += 1
            self._why = self._why or str(reason)
            return False

    def _has_room(self, now_ns: int) -> bool:
        if len(self._lines) < UNREAD_MAX and self._rate.take(now_ns):
            self._shown += 1
            return True
        self._dropped += 1
        return False

    def _finished_late(
        self, frame: FrameType, call: OpenCall, now_ns: int, kind: LineKind, value: object
    ) -> None:
        """One line for the whole call; its arguments as they are at its end."""
        watched = call.watched
        took_ms, ran_ms = (now_ns - call.began_ns) / 1e6, call.ran_ns / 1e6
        if kind == "return":
            how = Ending(value, None, took_ms, ran_ms)
        else:
            how = Ending(None, type_name(value), took_ms, ran_ms)
        if not self._holds(watched, frame, how):
            return
        self._matched += 1
        if self._has_room(now_ns):
            self._keep_end(call, kind, now_ns, value, frame)

    def _keep_end(
        self,
        call: OpenCall,
        kind: LineKind,
        now_ns: int,
        value: object,
        frame: FrameType | None = None,
    ) -> None:
        """With its arguments too, when there is a frame. Of an exception only the type is kept."""
        watched = call.watched
        what = (
            type(value)
            if kind == "raise"
            else taken(value, watched.returned, self._shows, watched.is_carrier)
        )
        self._keep(
            kind,
            now_ns,
            call.number,
            watched,
            arguments(watched, frame, self._shows) if frame is not None else None,
            what,
            now_ns - call.began_ns,
            call.ran_ns,
            call.pauses,
            stack(frame) if frame is not None and self.asked.has_stack else (),
        )

    def _keep(
        self,
        kind: LineKind,
        now_ns: int,
        number: int,
        watched: Watched,
        args: list[object] | None = None,
        value: object = NOTHING,
        took_ns: int = 0,
        ran_ns: int = 0,
        pauses: int = 0,
        stack: tuple[str, ...] = (),
    ) -> None:
        """With on whose behalf the calling code runs, and in which thread."""
        self._line_count += 1
        work, thread = current_work.get(), get_ident()
        line = (self._line_count, kind, now_ns, number, watched, args, value)
        self._lines.append((*line, took_ns, ran_ns, pauses, stack, work, thread))
        if self.is_awaited:
            self.is_awaited = False
            self._wake()

    def _step(self) -> None:
        self._step_count += 1
        if self._step_count >= self._steps_max:
            self.end(f"{self._step_count} returns and yields were looked at, which is the limit")

    def _wall_s(self, at_ns: int) -> float:
        return self._began_s + (at_ns - self._began_ns) / 1e9
