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

    __slots__ = ("_horizon", "burst", "due", "given_back", "limit", "period_ns")

    def __init__(self, limit: int, *, burst: int, period_ns: int = MINUTE_NS) -> None:
        assert limit > 0, "a limit of nothing is no rate"
        assert burst > 0, "without a burst nothing could ever be taken"
        self.limit = limit
        self.burst = burst
        self.period_ns = period_ns
        self._horizon = burst * period_ns
        self.due = 0  # when the queue will be empty, in scaled time
        self.given_back = 0  # all that ever was, in scaled time

    def take(self, amount: int, now_ns: int) -> int:
        """0 when `amount` was taken, else how long until it can be; or `NEVER`."""
        if amount > self.burst:
            return NEVER
        now = now_ns * self.limit
        due = max(self.due, now) + amount * self.period_ns
        over = due - now - self._horizon
        if over > 0:
            return -(-over // self.limit)
        self.due = due
        return 0

    def receipt(self, amount: int) -> Receipt:
        """For the newest take, which was of `amount`."""
        return Receipt(amount, self.due, self.given_back)

    def untake(self, amount: int) -> None:
        """Undo the newest take, at the very instant it was made."""
        self.due -= amount * self.period_ns

    def overrun(self, amount: int, now_ns: int) -> None:
        """Add what was used beyond what was taken; the limit makes up for it by waiting longer."""
        self.due = max(self.due, now_ns * self.limit) + amount * self.period_ns

    def give_back(self, amount: int, receipt: Receipt, now_ns: int) -> None:
        """Return the part of `amount` that was not worked off yet.

        What was worked off is gone: given back later, it would be a second burst. A return makes
        those behind it in the queue move up, so each may return that much less of its own.
        """
        assert amount <= receipt.amount, "more is returned than was taken"
        moved_up = self.given_back - receipt.given_back
        waiting = receipt.due - moved_up - now_ns * self.limit
        returned = min(amount * self.period_ns, waiting)
        if returned > 0:
            self.due -= returned
            self.given_back += returned

    def standing(self, now_ns: int) -> tuple[int, int]:
        """How many units can be taken now, and in how many ns the whole burst can be again."""
        backlog = self.due - now_ns * self.limit
        if backlog <= 0:
            return self.burst, 0
        room = self._horizon - backlog
        return room // self.period_ns if room > 0 else 0, -(-backlog // self.limit)

    def backlog(self, now_ns: int) -> int:
        """How many units are not worked off yet, rounded up."""
        return max(-((now_ns * self.limit - self.due) // self.period_ns), 0)

    def changed(self, limit: int, *, burst: int, now_ns: int) -> "Gcra":
        """A new limit in which what was taken under this one still counts."""
        new = Gcra(limit, burst=burst, period_ns=self.period_ns)
        new.due = now_ns * limit + max(self.due - now_ns * self.limit, 0)
        return new
