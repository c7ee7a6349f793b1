"""Deletes pages of usage that nobody asks for any more, on one node of the cluster at a time.

The bookkeeper of a node overwrites its own pages in turn. A node that never comes back, as most do
where nodes have no disk of their own, leaves its last ones behind; without this they would be read
at every question for ever.

One node is enough, so whoever holds the lease does it. A page is deleted by compare-and-set: should
its writer come back at that moment, the page stays. A round begins and ends with a note of its
time, written by the lease's fence: the next holder knows when it is due, and one that was replaced
cannot begin another.

Limits: of a deleted page its key stays, some hundred bytes. Clocks that are wrong by less than the
time a page is kept do no harm.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from aiex.assistant.bookkeeper import RING, StoredPage
from aiex.assistant.events import UsageTidied
from aiex.assistant.ledger import Span
from aiex.clock import Clock
from aiex.cluster import FencedEntry, Leasehold
from aiex.engine import Bucket, Entry
from aiex.errors import Conflict, EngineError, FenceOutdated
from aiex.events import Emit
from aiex.service import Ready

ROUND_EVERY_S: Final = 3600.0
RETRY_S: Final = 60.0
# A page that is overwritten by nobody is deleted when it is twice as old as the oldest shown.
KEPT: Final = {span: 2 * length for span, length in RING.items()}


class Rounds(msgspec.Struct, frozen=True):
    """What the engine keeps of the rounds of all holders; seconds of the wall clock."""

    begun_at_s: float
    finished_at_s: float = 0.0


_PAGE = msgspec.json.Decoder(StoredPage)
_ROUNDS = msgspec.json.Decoder(Rounds)


class Housekeeper:
    """A service on every node; works on the one that holds the lease."""

    name = "assistant.housekeeper"

    def __init__(
        self,
        pages: Mapping[Span, Bucket],
        lease: Leasehold,
        rounds: FencedEntry,
        *,
        clock: Clock,
        emit: Emit,
    ) -> None:
        self._pages = pages
        self._lease = lease
        self._rounds = rounds
        self._clock = clock
        self._emit = emit

    async def run(self, ready: Ready) -> None:
        """Be there for the lease until cancelled."""
        ready()
        await self._lease.run_while_held(self._keep_house)

    async def _keep_house(self, fence: int) -> None:
        while True:
            try:
                wait_s = await self._round_if_due(fence)
            except (EngineError, FenceOutdated):
                wait_s = RETRY_S
            await self._clock.sleep(wait_s)

    async def _round_if_due(self, fence: int) -> float:
        """Seconds until the next one is due, whoever did the last."""
        finished_at_s = _finished_at_s(await self._rounds.read())
        now_s = self._clock.wall_s()
        # The last holder's clock may have been ahead; that is no reason to wait for longer.
        if 0 <= now_s - finished_at_s < ROUND_EVERY_S:
            return ROUND_EVERY_S - (now_s - finished_at_s)
        await self._write(Rounds(now_s, finished_at_s), fence)
        page_count = sum([await self._tidy(span, bucket) for span, bucket in self._pages.items()])
        if not self._lease.is_held:
            return RETRY_S
        await self._write(Rounds(now_s, self._clock.wall_s()), fence)
        if page_count:
            self._emit(UsageTidied(page_count))
        return ROUND_EVERY_S

    async def _tidy(self, span: Span, bucket: Bucket) -> int:
        """How many pages were deleted; ends early once the lease is not held for sure."""
        oldest = span.at(self._clock.wall_s()) - KEPT[span]
        old = [one for one in await bucket.entries() if _is_older(one, oldest)]
        page_count = 0
        for entry in old:
            if not self._lease.is_held:
                break
            try:
                await bucket.delete(entry.key, entry.revision)
            except Conflict:
                continue
            page_count += 1
        return page_count

    async def _write(self, rounds: Rounds, fence: int) -> None:
        await self._rounds.write(msgspec.json.encode(rounds), fence)


def _is_older(entry: Entry, oldest: int) -> bool:
    try:
        return _PAGE.decode(entry.value).at < oldest
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False  # of a newer release perhaps


def _finished_at_s(value: bytes | None) -> float:
    try:
        return _ROUNDS.decode(value).finished_at_s if value else 0.0
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 0.0
