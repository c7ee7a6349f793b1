"""Writes the ledger's pages to the engine, reads back what was spent, answers who used what.

One entry a page, its key `<writer>.<page number modulo the ring>`: entries are overwritten in turn,
so the buckets stay as large as they are. Minutes are kept for a day, hours for two months, months
for two years.

Limits: after `kill -9` what was counted since the last write is lost, `WRITE_EVERY_S` at most.
While the engine is away pages wait in memory, within the ledger's limits. What other nodes spend
is read when this one starts; sharing a budget live is for accounts that lease (see `account`).
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

import msgspec

from aiex.assistant.ledger import Ledger, Page, Span, Tallies, UsageRow, add_spent, tally_of
from aiex.clock import Clock
from aiex.engine import Bucket
from aiex.errors import EngineError
from aiex.service import Ready

WRITE_EVERY_S: Final = 3.0
# An engine that is away must not keep the node from starting; budgets count from nothing until it
# comes.
PATIENCE_S: Final = 1.0
# The engine answers within a millisecond, or not at all; a stop does not wait longer.
LAST_WRITE_S: Final = 2.0
RING: Final = {Span.MINUTE: 25 * 60, Span.HOUR: 63 * 24, Span.MONTH: 24}
MINUTES_SINCE_S_MAX: Final = 24 * 3600
SINCE_S_MAX: Final = 62 * 24 * 3600
_SPAN_S: Final = {Span.MINUTE: 60, Span.HOUR: 3600}

_log = logging.getLogger("aiex.assistant.usage")


class StoredPage(msgspec.Struct, frozen=True):
    at: int
    rows: list[UsageRow]


_PAGE = msgspec.json.Decoder(StoredPage)


class Bookkeeper:
    """Keeps the ledger of one node, `writer`, whose name is the same after a restart."""

    name = "assistant.usage"

    def __init__(
        self, ledger: Ledger, buckets: Mapping[Span, Bucket], *, writer: str, clock: Clock
    ) -> None:
        self._ledger = ledger
        self._buckets = buckets
        self._writer = writer
        self._clock = clock
        self._is_loaded = False
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
            if not self._is_loaded:
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
        for entry in await self._buckets[span].entries():
            stored = _PAGE.decode(entry.value)
            if stored.at >= first_at:
                for row in stored.rows:
                    tally_of(sums, (row.key_id, row.model)).add(row)
            await asyncio.sleep(0)  # a large store must not hold up requests
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

    async def _load(self) -> None:
        """Take over what was spent this month: by this node before it started, and by others."""
        month = Span.MONTH.at(self._clock.wall_s())
        own_key = self._key(Span.MONTH, month)
        entries = await self._buckets[Span.MONTH].entries()
        own: list[UsageRow] = []
        others: dict[str, int] = {}
        for entry in entries:
            stored = _PAGE.decode(entry.value)
            if stored.at != month:
                continue
            if entry.key == own_key:
                own = stored.rows
            else:
                add_spent(others, stored.rows)
        self._ledger.begin_with(month, own)
        self._ledger.others_spent(month, others)
        self._ledger.page(Span.MONTH, month).base(own)
        self._is_loaded = True

    async def _write_page(self, span: Span, page: Page) -> None:
        bucket, key = self._buckets[span], self._key(span, page.at)
        if not page.is_based:
            entry = await bucket.get(key)
            stored = _PAGE.decode(entry.value) if entry is not None else None
            page.base(stored.rows if stored is not None and stored.at == page.at else ())
        page.is_dirty = False
        try:
            await bucket.put(key, msgspec.json.encode(StoredPage(page.at, page.rows())))
        except BaseException:
            page.is_dirty = True
            raise

    def _key(self, span: Span, at: int) -> str:
        return f"{self._writer}.{at % RING[span]}"


def seconds_in(text: str) -> int:
    """The seconds of `30m`, `24h` or `30d`; raises `ValueError` for what is none or too long."""
    count, unit = text[:-1], {"m": 60, "h": 3600, "d": 86400}.get(text[-1:])
    if unit is None or not (count.isascii() and count.isdecimal()) or len(count) > 6:
        raise ValueError(f"'{text}' is no time like 30m, 24h or 30d")
    if not 0 < int(count) * unit <= SINCE_S_MAX:
        raise ValueError(f"usage is kept for {SINCE_S_MAX // 86400} days")
    return int(count) * unit
