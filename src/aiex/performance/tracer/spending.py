"""How much of a core the callbacks of one session take, by their own measure.

Limit: what the interpreter needs to call a callback, about a third of a microsecond, is not in it.
"""

WINDOW_NS = 250_000_000
# Of one core, within a window; a tenth is felt by nobody for a quarter of a second.
RATIO_MAX = 0.1
# A callback takes some microseconds. One that took this long was waiting for Python's lock or for
# a core; counted whole, it would end sessions on a busy machine that cost nothing.
ONE_NS_MAX = 1_000_000


class Spending:
    __slots__ = ("_began_ns", "_budget_ns", "_in_window_ns", "total_ns")

    def __init__(self, now_ns: int, ratio_max: float = RATIO_MAX) -> None:
        self._began_ns = now_ns
        self._budget_ns = int(WINDOW_NS * ratio_max)
        self._in_window_ns = 0
        self.total_ns = 0

    def add(self, began_ns: int, ended_ns: int) -> bool:
        """One callback; whether the window's budget still suffices."""
        spent_ns = ended_ns - began_ns
        self.total_ns += spent_ns
        if began_ns - self._began_ns >= WINDOW_NS:
            self._began_ns = began_ns
            self._in_window_ns = 0
        if spent_ns > ONE_NS_MAX:
            spent_ns = ONE_NS_MAX
        self._in_window_ns += spent_ns
        return self._in_window_ns <= self._budget_ns
