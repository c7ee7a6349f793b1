"""Clients of a table that do what a seed says and remember what they were told.

`RegisterClient` makes the histories for `aiex.testing.linearizability`; `JournalClient` counts what
is lost or written twice; `BatchClient` and `view_looks` ask whether batches are whole.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from random import Random

import msgspec

from aiex.errors import EngineUnavailable, StoreUnavailable, WriteUncertain
from aiex.store import Key, Put, Rows, Table, View
from aiex.store.fragment_log import FragmentLogs, Quiet
from aiex.testing.history import Action, Operation, Outcome, RecordedRegisters

# Numbers of a client's own; no client puts more.
NUMBERS = 1_000_000
BATCH_ROWS = 7
DEADLINE_S = 5.0

type Pause = Callable[[], Awaitable[None]]


class RegisterClient:
    """Reads, puts, deletes and compares and sets, one after the other, on few registers.

    `pause` is awaited after each operation: with it a test sets the pace.
    """

    def __init__(
        self,
        registers: RecordedRegisters,
        names: Sequence[str],
        random: Random,
        pause: Pause,
    ) -> None:
        self._registers = registers
        self._names = names
        self._random = random
        self._pause = pause
        self._next_number = registers.client * NUMBERS
        # What it was last told that a register is at.
        self._known: dict[str, int] = dict.fromkeys(names, 0)

    async def run(self, count: int | None = None) -> None:
        """So many operations, or on and on until it is cancelled."""
        done = 0
        while count is None or done < count:
            self._learn(await self._operate(self._random.choice(self._names)))
            await self._pause()
            done += 1

    async def _operate(self, name: str) -> Operation:
        deed = self._random.random()
        if deed < 0.4:
            return await self._registers.read(name)
        expects = self._known[name] if self._random.random() < 0.5 else None
        if deed < 0.85:
            self._next_number += 1
            return await self._registers.put(name, self._next_number, expects=expects)
        return await self._registers.delete(name, expects=expects)

    def _learn(self, told: Operation) -> None:
        if told.outcome is Outcome.DONE:
            is_gone = told.action is Action.DELETE
            self._known[told.register] = 0 if is_gone else told.sequence


class Entry(msgspec.Struct, frozen=True):
    writer: str
    number: int


# Of a row that is written once only one value is kept, however many there may be: the second tells.
JOURNAL = Table("journal", row=Entry, key=("writer", "number"), history=2)
AUDITOR = "audit"


class Journal(msgspec.Struct, tag=True):
    """What a writer was told of its entries."""

    writer: str
    acknowledged: set[int] = msgspec.field(default_factory=set)
    uncertain: set[int] = msgspec.field(default_factory=set)
    refused: set[int] = msgspec.field(default_factory=set)
    last_sequence: int = 0


class JournalClient:
    """Writes one new entry after the other; none is ever read, changed or written again by it."""

    def __init__(self, writer: str, rows: Rows[Entry], pause: Pause) -> None:
        self.told = Journal(writer)
        self._rows = rows
        self._pause = pause

    async def run(self, count: int | None = None) -> None:
        number = 0
        while count is None or number < count:
            number += 1
            await self._write(number)
            await self._pause()

    async def _write(self, number: int) -> None:
        self.told.uncertain.add(number)
        try:
            written = await self._rows.put(Entry(self.told.writer, number), deadline_s=DEADLINE_S)
        except StoreUnavailable:
            self.told.uncertain.remove(number)
            self.told.refused.add(number)
        except WriteUncertain:
            pass
        else:
            self.told.uncertain.remove(number)
            self.told.acknowledged.add(number)
            self.told.last_sequence = written.sequence


class Audit(msgspec.Struct, frozen=True, tag=True):
    """What became of a journal. `repeated` counts changes that nobody asked for."""

    acknowledged: int
    uncertain: int
    refused: int
    lost: int
    repeated: int
    happened_though_refused: int

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.repeated or self.happened_though_refused)


async def audit(journals: Sequence[Journal], rows: Rows[Entry], logs: FragmentLogs) -> Audit:
    """Read all entries and hold them to what the writers were told.

    `logs` are of the same store, and the table of one fragment. They tell what was kept twice; a
    sequence would not, for what nobody reads has its place in there too.
    """
    assert rows.table.fragments == 1
    await rows.put(Entry(AUDITOR, 0))  # all that was acknowledged comes before it
    found = {(one.row.writer, one.row.number) async for one in rows.scan()}
    changes = await _changes(logs)
    told = {(journal.writer, number) for journal in journals for number in journal.acknowledged}
    refused = {(journal.writer, number) for journal in journals for number in journal.refused}
    return Audit(
        acknowledged=len(told),
        uncertain=sum(len(journal.uncertain) for journal in journals),
        refused=len(refused),
        lost=len(told - found),
        repeated=sum(count - 1 for key, count in changes.items() if key[0] != AUDITOR),
        happened_though_refused=len(refused & found),
    )


async def _changes(logs: FragmentLogs) -> Counter[Key]:
    """How often each entry was written, by its key."""
    found = Counter[Key]()
    async with aclosing(logs.changes(JOURNAL, 0)) as changes:
        async for one in changes:
            if isinstance(one, Quiet):
                break
            found[one.key] += 1
    return found


class BookPage(msgspec.Struct, frozen=True):
    book: str
    page: int
    number: int


BOOKS = Table("books", row=BookPage, key=("book", "page"), view="everywhere")


class Looks(msgspec.Struct, tag=True):
    """How often a book was looked at, and how often its pages did not have one number."""

    looks: int = 0
    torn: int = 0


class BatchClient:
    """Writes one number on all pages of a book, again and again."""

    def __init__(self, client: int, book: str, rows: Rows[BookPage], pause: Pause) -> None:
        self._book = book
        self._rows = rows
        self._pause = pause
        self._next_number = client * NUMBERS
        self.written = 0
        self.uncertain = 0

    async def run(self, count: int | None = None) -> None:
        done = 0
        while count is None or done < count:
            self._next_number += 1
            pages = [
                Put(BookPage(self._book, page, self._next_number)) for page in range(BATCH_ROWS)
            ]
            try:
                await self._rows.batch(pages, deadline_s=DEADLINE_S)
                self.written += 1
            except WriteUncertain:
                self.uncertain += 1
            except EngineUnavailable:
                pass
            await self._pause()
            done += 1


def is_torn(pages: Sequence[BookPage]) -> bool:
    """Are these not all pages of a book with one number, nor none at all?"""
    numbers = {page.number for page in pages}
    return bool(pages) and (len(pages) != BATCH_ROWS or len(numbers) != 1)


async def view_looks(book: str, view: View[BookPage], looks: Looks, pause: Pause) -> None:
    """Look at the book in a node's own copy until cancelled; counts in `looks`."""
    while True:
        with contextlib.suppress(StoreUnavailable):
            pages = [stored.row for stored in view.scan(book)]
            looks.looks += 1
            looks.torn += is_torn(pages)
        await pause()
        await asyncio.sleep(0)
