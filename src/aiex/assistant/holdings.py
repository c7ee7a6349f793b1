"""What the nodes of a cluster hold of one amount: slots for requests, or the money of a month.

Each node writes how much it holds in all, never a difference: written twice it is the same as once,
and after a lost answer the row says what came of it. A holding ends by itself unless it is renewed;
then only what was used of it counts. So a node that was killed keeps nothing from the others for
longer, and one that is cut off stops using its own before they take it.

Ends are times of the nodes' wall clocks; others wait `SKEW_MS` longer than the holder.
"""

from typing import Final

import msgspec

SKEW_MS: Final = 5_000

type Holdings = tuple[Holding, ...]


class Holding(msgspec.Struct, frozen=True, array_like=True):
    """Of one node: `amount` it may use, of which it has `used` for good."""

    writer: str
    amount: int
    until_ms: int
    used: int = 0

    def counts(self, now_ms: int) -> int:
        """What nobody else may use."""
        is_over = self.until_ms + SKEW_MS < now_ms
        return self.used if is_over else max(self.amount, self.used)


def free(holdings: Holdings, writer: str, limit: int, now_ms: int) -> int:
    """How much `writer` may hold in all; less than nothing when too much is held."""
    return limit - sum(one.counts(now_ms) for one in holdings if one.writer != writer)


def held_by(holdings: Holdings, writer: str) -> Holding | None:
    return next((one for one in holdings if one.writer == writer), None)


def with_holding(holdings: Holdings, new: Holding, now_ms: int) -> Holdings:
    """The holdings with a node's newest; those that count for nothing are dropped."""
    others = (one for one in holdings if one.writer != new.writer)
    return tuple(one for one in (*others, new) if one.counts(now_ms))
