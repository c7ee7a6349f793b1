"""Traced functions and `sys.monitoring` (PEP 669): what the interpreter calls, and what it is told.

Starts, returns, yields and resumptions are watched on the code objects in question only, so nothing
else is slower, and nothing at all once they are watched no more. How exceptions leave can only be
had of all code: while a session asks for returns, every frame that an exception passes costs about
0.15 microseconds. https://docs.python.org/3/library/sys.monitoring.html
"""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter_ns
from types import CodeType, FrameType
from typing import Any

from aiex.performance.tracer.requests import LineKind
from aiex.performance.tracer.session import Session
from aiex.performance.tracer.watched import Watched

TOOL_NAME = "aiex.tracer"
# 0 to 2 and 5 are for debuggers, coverage, profilers and optimisers.
TOOL_IDS = (4, 3)

_monitoring = sys.monitoring
_events = sys.monitoring.events
_SUSPENSIONS = _events.PY_YIELD | _events.PY_RESUME
_EXCEPTIONS = _events.PY_UNWIND | _events.PY_THROW
_getframe = sys._getframe
_set_local_events = sys.monitoring.set_local_events


type _Step = Callable[[Session, FrameType, int], None]


class ToolTaken(Exception):
    """Both of the interpreter's places for such tools are in use; the text says by whom."""


class _Hook:
    """A code object, and all who watch it."""

    def __init__(self, code: CodeType) -> None:
        self.code = code
        self.watching: tuple[tuple[Session, Watched], ...] = ()
        self.events = 0

    def wanted_events(self) -> int:
        wanted = 0
        for session, watched in self.watching:
            if session.ended:
                continue
            if watched.takes_new:
                wanted |= _events.PY_START
            if session.asked.has_returns:
                wanted |= _events.PY_RETURN | (_SUSPENSIONS if watched.may_suspend else 0)
        return wanted


class Monitor:
    """`changed` is called from any thread, inside a traced call, when a session has ended."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._tool: int | None = None
        self._hooks: dict[int, _Hook] = {}
        self._failures: list[tuple[CodeType, Exception]] = []

    @property
    def is_idle(self) -> bool:
        """Whether the interpreter is as it would be without it."""
        return self._tool is None

    def watch(self, session: Session) -> None:
        """From now on tell the session of its functions' calls; raises `ToolTaken`."""
        if self._tool is None:
            self._tool = self._taken_tool()
        for watched in session.watched:
            hook = self._hooks.setdefault(id(watched.code), _Hook(watched.code))
            hook.watching = (*hook.watching, (session, watched))
        self._apply(list(self._hooks.values()))
        if session.asked.has_returns:
            _monitoring.set_events(self._tool, _EXCEPTIONS)

    def settle(self) -> None:
        """Forget sessions that have ended; let go of everything when there is none left."""
        if self._tool is None:
            return
        for key, hook in list(self._hooks.items()):
            hook.watching = tuple(one for one in hook.watching if not one[0].ended)
            self._apply([hook])
            if not hook.watching:
                del self._hooks[key]
        asks_returns = any(
            session.asked.has_returns
            for hook in self._hooks.values()
            for session, _ in hook.watching
        )
        if not asks_returns:
            _monitoring.set_events(self._tool, 0)
        if not self._hooks:
            self._let_go(self._tool)

    def failures(self) -> list[tuple[Sequence[Session], Exception]]:
        """Faults of callbacks since the last time, with the sessions they were in."""
        failed, self._failures = self._failures, []
        return [
            ([session for session, _ in hook.watching], error)
            for code, error in failed
            if (hook := self._hooks.get(id(code))) is not None
        ]

    def _taken_tool(self) -> int:
        for tool in TOOL_IDS:
            try:
                _monitoring.use_tool_id(tool, TOOL_NAME)
            except ValueError:
                continue
            for event, callback in self._callbacks().items():
                _monitoring.register_callback(tool, event, callback)
            return tool
        names = " and ".join(str(_monitoring.get_tool(tool)) for tool in TOOL_IDS)
        raise ToolTaken(
            f"Another tool of this process has the interpreter's places for tracers ({names}). End "
            "it, then try again."
        )

    def _let_go(self, tool: int) -> None:
        for event in self._callbacks():
            _monitoring.register_callback(tool, event, None)
        _monitoring.free_tool_id(tool)
        self._tool = None

    def _callbacks(self) -> dict[int, Callable[..., Any]]:
        return {
            _events.PY_START: self._started,
            # A partial adds no frame of Python's, as a lambda would.
            _events.PY_RETURN: partial(self._ended, "return"),
            _events.PY_YIELD: partial(self._stepped, Session.paused),
            _events.PY_RESUME: partial(self._stepped, Session.resumed),
            _events.PY_THROW: partial(self._stepped, Session.resumed),
            _events.PY_UNWIND: partial(self._ended, "raise"),
        }

    def _apply(self, hooks: Sequence[_Hook]) -> None:
        """Allowed inside a callback too: what is not watched any more is so from the next call."""
        tool = self._tool
        for hook in hooks:
            wanted = hook.wanted_events()
            if tool is not None and wanted != hook.events:
                hook.events = wanted
                _set_local_events(tool, hook.code, wanted)

    def _adjust(self, session: Session) -> None:
        session.is_changed = False
        hooks = (self._hooks.get(id(one.code)) for one in session.watched)
        self._apply([hook for hook in hooks if hook is not None])
        if session.ended:
            self._changed()

    # What follows runs inside of traced calls. An exception would reach their code, so all are kept
    # here; what is then done are C functions only, since the stack may be exhausted, which is the
    # traced code's affair and no fault. Each must be the only frame above the traced one.

    def _started(self, code: CodeType, _: int) -> Any:
        try:
            hook = self._hooks.get(id(code))
            if hook is None:
                return _monitoring.DISABLE
            began_ns = perf_counter_ns()
            frame = _getframe(1)
            for session, watched in hook.watching:
                session.began(watched, frame, began_ns)
                session.spent(began_ns, perf_counter_ns())
                if session.is_changed:
                    self._adjust(session)
        except RecursionError:
            return None
        except Exception as error:  # noqa: BLE001 - must not reach the traced code
            self._failures.append((code, error))
            return _monitoring.DISABLE

    def _stepped(self, step: _Step, code: CodeType, _: int, __: object = None) -> Any:
        try:
            hook = self._hooks.get(id(code))
            if hook is None:
                return None
            began_ns = perf_counter_ns()
            frame = _getframe(1)
            for session, _watched in hook.watching:
                step(session, frame, began_ns)
                session.spent(began_ns, perf_counter_ns())
                if session.is_changed:
                    self._adjust(session)
        except RecursionError:
            return None
        except Exception as error:  # noqa: BLE001 - must not reach the traced code
            self._failures.append((code, error))

    def _ended(self, kind: LineKind, code: CodeType, _: int, value: object) -> Any:
        try:
            hook = self._hooks.get(id(code))
            if hook is None:  # of exceptions: nearly always
                return None
            began_ns = perf_counter_ns()
            frame = _getframe(1)
            for session, watched in hook.watching:
                if session.asked.has_returns:
                    session.finished(watched, frame, began_ns, kind, value)
                    session.spent(began_ns, perf_counter_ns())
                if session.is_changed:
                    self._adjust(session)
        except RecursionError:
            return None
        except Exception as error:  # noqa: BLE001 - must not reach the traced code
            self._failures.append((code, error))
