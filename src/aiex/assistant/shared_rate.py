"""A rate that all nodes of a cluster take from: what its row keeps, and what a node changes of it.

The rate is a queue (see `gcra`) that lies in a table. A node takes a block of units from it at
once, spends them by itself, and brings back what it did not use. What is in nobody's block and not
yet worked off is all there is, so more than the limit allows is never lent.

    what was used in any window  <=  burst + limit * window / period + members * block_max

The last term is what nodes had borrowed before the window and use within it. Small limits lend
nothing ahead: then it is 0, and every request takes its own units from the row.

Times are those of the nodes' wall clocks: one that is `s` seconds ahead borrows up to `limit * s /
period` more.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from aiex.assistant.gcra import Gcra, Receipt

# All blocks together are at most a tenth of the limit.
LENT_RATIO: Final = 10
_US: Final = 1_000


class SharedRate(msgspec.Struct, frozen=True, array_like=True):
    """What a row keeps of one rate. `due_ns` is when its queue will be empty."""

    limit: int
    due_ns: int = 0
    given_back_us: int = 0  # all that ever was; microseconds last for centuries in 64 bits


class Block(Receipt):
    """Units that were taken at once, and under which limit."""

    __slots__ = ("limit",)

    def __init__(self, amount: int, due: int, given_back: int, limit: int) -> None:
        super().__init__(amount, due, given_back)
        self.limit = limit


class Ask(NamedTuple):
    """What a node asks of a rate: `need` for requests that wait, all of it or nothing.

    `ahead` is for those that will come, as much of it as may be lent. `unused` is what the node
    brings back of earlier blocks, `overrun` what it used beyond them.
    """

    need: int
    ahead: int
    unused: Mapping[Block, int]
    overrun: int


NOTHING: Final = Ask(0, 0, {}, 0)


class Lent(NamedTuple):
    """`block` is None when nothing was lent; `wait_ns` until the need can be met, or `NEVER`."""

    rate: SharedRate
    block: Block | None
    wait_ns: int


def block_max(limit: int, member_count: int) -> int:
    """How many units a node has at most in hand without a request that needs them."""
    return limit // (LENT_RATIO * member_count)


def overshoot_max(limit: int, member_count: int) -> int:
    """What all nodes may use beyond the limit in a window, since they had it in hand before."""
    return member_count * block_max(limit, member_count) if member_count > 1 else 0


def lend(rate: SharedRate | None, limit: int, ask: Ask, now_ns: int, *, member_count: int) -> Lent:
    """The rate after a node brought back, and took what it needs and what may be lent ahead."""
    queue = _queue(rate, limit, now_ns)
    for block, amount in ask.unused.items():
        # Another limit, or a row that was lost: what was taken then is not in this queue.
        if block.limit == limit and block.given_back <= queue.given_back:
            queue.give_back(min(amount, block.amount), block, now_ns)
    if ask.overrun:
        queue.overrun(ask.overrun, now_ns)
    wait_ns = queue.take(ask.need, now_ns) if ask.need else 0
    if wait_ns:
        return Lent(_kept(queue), None, wait_ns)
    room, _ = queue.standing(now_ns)
    # Half of what would be this node's if all asked: blocks get smaller as less is left.
    ahead = min(ask.ahead, block_max(limit, member_count), room // (2 * member_count))
    if ahead > 0:
        queue.take(ahead, now_ns)
    kept = _kept(queue)
    amount = ask.need + max(ahead, 0)
    if not amount:
        return Lent(kept, None, 0)
    seen = _queue(kept, limit, now_ns)  # as it is read next time, roundings included
    return Lent(kept, Block(amount, seen.due, seen.given_back, limit), 0)


def standing(rate: SharedRate, now_ns: int) -> tuple[int, int]:
    """How many units can be taken now, and in how many ns the whole burst can be again."""
    return _queue(rate, rate.limit, now_ns).standing(now_ns)


def backlog(rate: SharedRate, now_ns: int) -> int:
    """How many units are not worked off, rounded up."""
    return _queue(rate, rate.limit, now_ns).backlog(now_ns)


def _queue(rate: SharedRate | None, limit: int, now_ns: int) -> Gcra:
    if rate is None:
        return Gcra(limit, burst=limit)
    queue = Gcra(rate.limit, burst=rate.limit)
    queue.due = rate.due_ns * rate.limit
    queue.given_back = rate.given_back_us * _US * rate.limit
    if rate.limit != limit:
        return queue.changed(limit, burst=limit, now_ns=now_ns)
    return queue


def _kept(queue: Gcra) -> SharedRate:
    """Rounded so that a row never says there is more than there is."""
    return SharedRate(
        queue.limit, -(-queue.due // queue.limit), -(-queue.given_back // (queue.limit * _US))
    )
