"""Writes the ledger's pages to their tables, reads back what was spent, answers who used what.

A page's row is written as a whole whenever it changed: twice is the same as once. Rows end by
themselves: minutes are kept for a day, hours for two months, months for two years.

Limits: after `kill -9` what was counted since the last write is lost, `WRITE_EVERY_S` at most.
While the engine is away pages wait in memory, within the ledger's limits. What other nodes spent
is read once a minute; budgets that are shared do not depend on it (see `budget_block`).
"""

import asyncio
import logging
from typing import Final

from aiex.assistant.holdings import Holding, Holdings
from aiex.assistant.ledger import Ledger, Page, Span, Tallies, UsageRow, add_spent, tally_of
from aiex.assistant.usage_pages import KEPT_S, Pages, UsagePage
from aiex.clock import Clock
from aiex.errors import Conflict, EngineError
from aiex.service import Ready
from aiex.store import ABSENT

WRITE_EVERY_S: Final = 3.0
# An engine that is away must not keep the node from starting; budgets count from nothing until it
# comes.
PATIENCE_S: Final = 1.0
# The engine answers within a millisecond, or not at all; a stop does not wait longer.
LAST_WRITE_S: Final = 2.0
OTHERS_EVERY_S: Final = 60.0
MINUTES_SINCE_S_MAX: Final = 24 * 3600
SINCE_S_MAX: Final = 62 * 24 * 3600
_SPAN_S: Final = {Span.MINUTE: 60, Span.HOUR: 3600}

_log = logging.getLogger("aiex.assistant.usage")


class Bookkeeper:
    """Keeps the ledger of one node, `writer`, whose name is the same after a restart."""

    name = "assistant.usage"

    def __init__(self, ledger: Ledger, pages: Pages, *, writer: str, clock: Clock) -> None:
        self._ledger = ledger
        self._pages = pages
        self._writer = writer
        self._clock = clock
        self._is_loaded = False
        self._others_due_s = 0.0
        self._turn = asyncio.Lock()

    async def run(self, ready: Ready) -> None:
        """Read what was spent, then write every few seconds, and once more on the way out."""
        try:
            await self._write_or_wait(PATIENCE_S)
            ready()
            while True:
                await self._clock.sleep(WRITE_EVERY_S)
                await self._write_or_wait(LAST_WRITE_S)
        finally:
            if error := await self._write_or_wait(LAST_WRITE_S):
                # With the engine's own restart this service is restarted too, and writes then.
                _log.warning("the newest usage is not written yet: %s", error)

    async def write(self) -> None:
        """Write all there is to write; raises `EngineUnavailable`, then it is still there."""
        async with self._turn:
            if not self._is_loaded or self._clock.monotonic_s() >= self._others_due_s:
                await self._load()
            self._ledger.fold()
            for span in Span:
                for page in self._ledger.dirty_pages(span):
                    await self._write_page(span, page)
            self._ledger.forget_written()

    async def usage(self, since_s: float) -> list[UsageRow]:
        """What all keys used in the last `since_s` seconds, everything counted so far included.

        To the minute within a day, else to the hour. Raises `EngineUnavailable`.
        """
        await self.write()
        span = Span.MINUTE if since_s <= MINUTES_SINCE_S_MAX else Span.HOUR
        first_at = int((self._clock.wall_s() - since_s) // _SPAN_S[span])
        sums: Tallies = {}
        async for stored in self._pages[span].scan():
            if stored.row.at >= first_at:
                for row in stored.row.rows:
                    tally_of(sums, (row.key_id, row.model)).add(row)
        return [sums[names].row(*names) for names in sorted(sums)]

    async def _write_or_wait(self, timeout_s: float) -> str:
        """Why it could not be written; empty when it was."""
        try:
            async with asyncio.timeout(timeout_s):
                await self.write()
        except EngineError as error:
            return str(error)
        except TimeoutError:
            return f"the engine does not answer within {timeout_s:g} s"
        return ""

    async def spent(self, key_id: str, month: int) -> Holdings:
        """What each node spent of a key's money in a month, as holdings that are over."""
        spent: dict[str, dict[str, int]] = {}
        async for stored in self._pages[Span.MONTH].scan(month):
            add_spent(spent.setdefault(stored.row.writer, {}), stored.row.rows)
        return tuple(
            Holding(writer, by_key[key_id], 0, by_key[key_id])
            for writer, by_key in spent.items()
            if by_key.get(key_id)
        )

    async def _load(self) -> None:
        """Take over what was spent this month: by this node before it started, and by others."""
        month = Span.MONTH.at(self._clock.wall_s())
        others: dict[str, int] = {}
        own: tuple[UsageRow, ...] = ()
        sequence = ABSENT
        async for stored in self._pages[Span.MONTH].scan(month):
            if stored.row.writer == self._writer:
                own, sequence = stored.row.rows, stored.sequence
            else:
                add_spent(others, stored.row.rows)
        self._ledger.others_spent(month, others)
        self._others_due_s = self._clock.monotonic_s() + OTHERS_EVERY_S
        if not self._is_loaded:
            self._ledger.begin_with(month, own)
            self._ledger.page(Span.MONTH, month).base(own, sequence)
            self._is_loaded = True

    async def _write_page(self, span: Span, page: Page) -> None:
        if not page.is_based:
            stored = await self._pages[span].get((page.at, self._writer))
            page.base(stored.row.rows, stored.sequence) if stored else page.base(())
        page.is_dirty = False
        try:
            try:
                await self._put(span, page)
            except Conflict:
                # Merged with others', since its span is over; or the last answer was lost.
                stored = await self._pages[span].get((page.at, self._writer))
                page.meet(stored.row.rows, stored.sequence) if stored else page.begin_anew()
                await self._put(span, page)
        except BaseException:
            page.is_dirty = True
            raise

    async def _put(self, span: Span, page: Page) -> None:
        rows = page.rows()
        written = await self._pages[span].put(
            UsagePage(page.at, self._writer, rows), expects=page.sequence, ttl_s=KEPT_S[span]
        )
        page.sequence, page.written = written.sequence, rows


def seconds_in(text: str) -> int:
    """The seconds of `30m`, `24h` or `30d`; raises `ValueError` for what is none or too long."""
    count, unit = text[:-1], {"m": 60, "h": 3600, "d": 86400}.get(text[-1:])
    if unit is None or not (count.isascii() and count.isdecimal()) or len(count) > 6:
        raise ValueError(f"'{text}' is no time like 30m, 24h or 30d")
    if not 0 < int(count) * unit <= SINCE_S_MAX:
        raise ValueError(f"usage is kept for {SINCE_S_MAX // 86400} days")
    return int(count) * unit
