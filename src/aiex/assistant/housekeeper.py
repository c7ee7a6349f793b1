"""Puts the pages of usage that all nodes wrote together, on one node of the cluster at a time.

Every node writes a page of its own for each minute and hour, so a cluster has as many as it has
nodes, those that never came back included. Once a span is over for good they are made one page:
questions about usage read a fraction then, and the engine keeps a fraction.

One node is enough, so whoever holds the lease does it. The merged page is written and the others
are deleted in one batch, by compare-and-set: should a writer come back at that moment, all stays
as it is; should it come later, it finds its page gone and writes only what came since. A round
begins and ends with a note of its time, written by the lease's fence: the next holder knows when it
is due, and one that was replaced cannot begin another.

Limits: a merged page has as many rows as a page of one node; months are left as they are.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from aiex.assistant.events import UsageMerged
from aiex.assistant.ledger import Span, Tallies, UsageRow, tally_of
from aiex.assistant.usage_pages import KEPT_S, MERGED, Pages, UsagePage
from aiex.clock import Clock
from aiex.cluster import FencedEntry, Leasehold
from aiex.errors import Conflict, EngineError, FenceOutdated
from aiex.events import Emit
from aiex.service import Ready
from aiex.store import ABSENT, Delete, Put, Stored

ROUND_EVERY_S: Final = 3600.0
RETRY_S: Final = 60.0
# How many spans a page must be past; a node without its engine for longer finds its page merged.
MERGED_AFTER: Final = {Span.MINUTE: 60, Span.HOUR: 2}
# Of one span; those of more are put together in further rounds.
PAGES_MAX: Final = 500


class Rounds(msgspec.Struct, frozen=True):
    """What the engine keeps of the rounds of all holders; seconds of the wall clock."""

    begun_at_s: float
    finished_at_s: float = 0.0


_ROUNDS = msgspec.json.Decoder(Rounds)


class Housekeeper:
    """A service on every node; works on the one that holds the lease."""

    name = "assistant.housekeeper"

    def __init__(
        self,
        pages: Pages,
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
        page_count = sum([await self._merge(span, age) for span, age in MERGED_AFTER.items()])
        if not self._lease.is_held:
            return RETRY_S
        await self._write(Rounds(now_s, self._clock.wall_s()), fence)
        if page_count:
            self._emit(UsageMerged(page_count))
        return ROUND_EVERY_S

    async def _merge(self, span: Span, age: int) -> int:
        """How many pages became part of others; ends early once the lease is not held for sure."""
        last = span.at(self._clock.wall_s()) - age
        pages: dict[int, list[Stored[UsagePage]]] = {}
        async for stored in self._pages[span].scan():
            if stored.row.at < last:
                pages.setdefault(stored.row.at, []).append(stored)
        page_count = 0
        for at in sorted(pages):
            if len(pages[at]) > 1:
                if not self._lease.is_held:
                    break
                page_count += await self._put_together(span, at, pages[at][:PAGES_MAX])
        return page_count

    async def _put_together(self, span: Span, at: int, pages: list[Stored[UsagePage]]) -> int:
        """How many pages are fewer now: none when a writer was faster."""
        there = {stored.row.writer: stored.sequence for stored in pages}
        merged = UsagePage(at, MERGED, _sums(stored.row for stored in pages))
        written = there.pop(MERGED, ABSENT)
        try:
            await self._pages[span].batch(
                [
                    Put(merged, written, KEPT_S[span]),
                    *(Delete((at, writer), sequence) for writer, sequence in there.items()),
                ]
            )
        except Conflict:
            return 0
        return len(pages) - 1

    async def _write(self, rounds: Rounds, fence: int) -> None:
        await self._rounds.write(msgspec.json.encode(rounds), fence)


def _sums(pages: Iterable[UsagePage]) -> tuple[UsageRow, ...]:
    sums: Tallies = {}
    for page in pages:
        for row in page.rows:
            tally_of(sums, (row.key_id, row.model)).add(row)
    return tuple(sums[names].row(*names) for names in sorted(sums))


def _finished_at_s(value: bytes | None) -> float:
    try:
        return _ROUNDS.decode(value).finished_at_s if value else 0.0
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 0.0
