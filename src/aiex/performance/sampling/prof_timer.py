"""SIGPROF whenever the process has used so much CPU, and nothing of it left behind.

The timer counts the CPU of all threads of the process, the kernel sends its signal to the process,
and Python runs the handler on the main thread before its next instruction. A call that holds the
interpreter for a second is thus seen right after it.

A timer that goes on without its handler ends the process (status 155). So the timer stops first,
the signal is ignored for a moment, which throws away one that is on its way, and only then is it as
it was before. A child has no such timer, and its signal is as it was: fork clears the one, exec the
other. A process that replaces itself by exec would keep the timer; `atexit` is the guard for an
interpreter that is taken down while the timer runs.
"""

import atexit
import signal
import threading
from collections.abc import Callable
from types import FrameType

type OnSignal = Callable[[int, FrameType | None], None]

_FREE = (signal.SIG_DFL, signal.SIG_IGN)


class TimerRefused(Exception):
    """This process cannot have the timer now; the text says why, and is for people."""


class ProfTimer:
    """One of a process."""

    def __init__(self) -> None:
        self._handler: OnSignal | None = None
        self._before: signal.Handlers = signal.SIG_DFL

    def arm(self, handler: OnSignal, every_s: float) -> None:
        """Call `handler` on the main thread for every so many seconds of CPU.

        Raises `TimerRefused`, and changes nothing, where that cannot be or somebody else does it.
        """
        if threading.current_thread() is not threading.main_thread():
            raise TimerRefused("the node does not run on the main thread of its process")
        if not hasattr(signal, "setitimer"):
            raise TimerRefused("this platform has no timer that counts CPU")
        before = signal.getsignal(signal.SIGPROF)
        if before not in _FREE or signal.getitimer(signal.ITIMER_PROF) != (0.0, 0.0):
            raise TimerRefused("another profiler of this process has the signal SIGPROF")
        assert isinstance(before, signal.Handlers), "one of the two above"
        self._before, self._handler = before, handler
        atexit.register(self.disarm)
        signal.signal(signal.SIGPROF, handler)
        # System calls of threads that know nothing of this go on as if nothing had been.
        signal.siginterrupt(signal.SIGPROF, False)
        signal.setitimer(signal.ITIMER_PROF, every_s, every_s)

    def is_armed(self) -> bool:
        """False too when somebody else took the signal or stopped the timer meanwhile."""
        return (
            self._handler is not None
            and signal.getsignal(signal.SIGPROF) == self._handler
            and signal.getitimer(signal.ITIMER_PROF)[1] > 0
        )

    def disarm(self) -> None:
        """Leave all as it was before; what somebody else put there meanwhile stays."""
        handler, self._handler = self._handler, None
        atexit.unregister(self.disarm)
        if handler is None or signal.getsignal(signal.SIGPROF) != handler:
            return
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, signal.SIG_IGN)
        signal.signal(signal.SIGPROF, self._before)
