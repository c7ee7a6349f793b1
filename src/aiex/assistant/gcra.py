"""A rate limit by the generic cell rate algorithm, exact: whole nanoseconds, no fractions lost.

The algorithm is ITU-T I.371, annex A (virtual scheduling). Think of a queue that is worked off at
the allowed rate: what is taken joins its end, and nothing may be taken that would make it longer
than the burst. The only state is when the queue will be empty, the "theoretical arrival time".

Times are integers, scaled by the limit, so that one unit lasts a whole number of ticks whatever
the limit is: `due = nanoseconds * limit`, one unit is `period_ns` of it.

Promise: what was taken within any window is at most `burst + limit * window / period`, beyond
`overrun`s. Time is an argument; nothing here waits.
"""

from typing import Final

NANOSECONDS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * NANOSECONDS
# What is asked is more than the burst: no waiting makes it possible.
NEVER: Final = -1


class Receipt:
    """What was taken, as far as giving some of it back needs to know."""

    __slots__ = ("amount", "due", "given_back")

    def __init__(self, amount: int, due: int, given_back: int) -> None:
        self.amount = amount
        self.due = due
        self.given_back = given_back


class Gcra:
    """`limit` units a period, at most `burst` of them at once."""

    __slots__ = ("_due", "_given_back", "_horizon", "burst", "limit", "period_ns")

    def __init__(self, limit: int, *, burst: int, period_ns: int = MINUTE_NS) -> None:
        assert limit > 0, "a limit of nothing is no rate"
        assert burst > 0, "without a burst nothing could ever be taken"
        self.limit = limit
        self.burst = burst
        self.period_ns = period_ns
        self._horizon = burst * period_ns
        self._due = 0
        self._given_back = 0

    def wait_ns(self, amount: int, now_ns: int) -> int:
        """0 when `amount` can be taken now, else how long until it can be; or `NEVER`."""
        if amount > self.burst:
            return NEVER
        over = self._due - now_ns * self.limit + amount * self.period_ns - self._horizon
        return -(-over // self.limit) if over > 0 else 0

    def take(self, amount: int, now_ns: int) -> Receipt:
        """Take without asking; whoever wants the promise kept asks `wait_ns` first."""
        self.overrun(amount, now_ns)
        return Receipt(amount, self._due, self._given_back)

    def overrun(self, amount: int, now_ns: int) -> None:
        """Add what was used beyond what was taken; the limit makes up for it by waiting longer."""
        self._due = max(self._due, now_ns * self.limit) + amount * self.period_ns

    def give_back(self, amount: int, receipt: Receipt, now_ns: int) -> None:
        """Return the part of `amount` that was not worked off yet.

        What was worked off is gone: given back later, it would be a second burst. A return makes
        those behind it in the queue move up, so each may return that much less of its own.
        """
        assert amount <= receipt.amount, "more is returned than was taken"
        moved_up = self._given_back - receipt.given_back
        waiting = receipt.due - moved_up - now_ns * self.limit
        returned = min(amount * self.period_ns, waiting)
        if returned > 0:
            self._due -= returned
            self._given_back += returned

    def remaining(self, now_ns: int) -> int:
        """How many units can be taken now."""
        return max((self._horizon - self._backlog(now_ns)) // self.period_ns, 0)

    def reset_ns(self, now_ns: int) -> int:
        """How long until the whole burst can be taken again."""
        return -(-self._backlog(now_ns) // self.limit)

    def changed(self, limit: int, *, burst: int, now_ns: int) -> "Gcra":
        """A new limit in which what was taken under this one still counts."""
        new = Gcra(limit, burst=burst, period_ns=self.period_ns)
        new._due = now_ns * limit + self._backlog(now_ns)
        return new

    def _backlog(self, now_ns: int) -> int:
        return max(self._due - now_ns * self.limit, 0)
