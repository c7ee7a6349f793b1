"""The rows of one table, in the engine's streams."""

import contextlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import NamedTuple

import msgspec

from aiex.clock import Clock
from aiex.engine import DELETION, NewMessage, Stream, StreamMessage
from aiex.errors import Conflict, EngineUnavailable, RowUnreadable, StoreUnavailable, WriteUncertain
from aiex.events import Emit
from aiex.store.counts import TableCounts
from aiex.store.events import RowSkipped
from aiex.store.fragment import MARKER_LIFE_S, Fragment
from aiex.store.kept_beside import KeptBeside
from aiex.store.patience import Patience
from aiex.store.row_form import Beside, RowForm
from aiex.store.rows import ABSENT, DEADLINE_S, ROWS_MAX, Delete, Put, Stored, Written
from aiex.store.table import Key, KeyPart, Table
from aiex.store.writer import TRY_S, Writer


class Place(NamedTuple):
    """Where the rows of one fragment are, and who writes there."""

    fragment: Fragment
    stream: Stream
    writer: Writer


class EngineRows[R: msgspec.Struct]:
    """A `Rows`; `places` are those of the table's fragments, in order."""

    def __init__(
        self,
        table: Table[R],
        places: Sequence[Place],
        patience: Patience,
        *,
        clock: Clock,
        emit: Emit,
    ) -> None:
        self.table = table
        self.counts = TableCounts()
        self.places = places
        self._patience = patience
        self._clock = clock
        self._emit = emit
        self._form = RowForm(table)
        self._beside = KeptBeside()

    async def put(
        self,
        row: R,
        *,
        expects: int | None = None,
        ttl_s: int = 0,
        deadline_s: float = DEADLINE_S,
    ) -> Written:
        return await self._write([Put(row, expects, ttl_s)], deadline_s)

    async def delete(
        self, key: Key, *, expects: int | None = None, deadline_s: float = DEADLINE_S
    ) -> Written:
        return await self._write([Delete(key, expects)], deadline_s)

    async def batch(
        self, changes: Sequence[Put[R] | Delete], *, deadline_s: float = DEADLINE_S
    ) -> Written:
        return await self._write(changes, deadline_s)

    async def get(
        self, key: Key, *, linearizable: bool = False, deadline_s: float = DEADLINE_S
    ) -> Stored[R] | None:
        began_s = self._clock.monotonic_s()
        give_up_at_s = began_s + deadline_s
        place = self._place(self._checked(key))
        subject = place.fragment.subject(key)
        with self._unavailability_counted():
            barrier = await self._barrier(place, give_up_at_s) if linearizable else 0
            message = await self._last(place, subject, give_up_at_s, at_least=barrier)
        self.counts.reads += 1
        self.counts.read_us += self._since_us(began_s)
        if message is None or message.is_deletion:
            return None
        self.counts.bytes_read += len(message.data)
        self._beside.remember(subject, message.sequence, self._form.beside(message))
        return Stored(self._form.decoded(message), message.sequence, message.at_s)

    async def scan(
        self, *prefix: KeyPart, deadline_s: float = DEADLINE_S
    ) -> AsyncGenerator[Stored[R]]:
        began_s = self._clock.monotonic_s()
        self.counts.scans += 1
        places = [self._place(prefix)] if prefix else self.places
        is_whole = len(prefix) == len(self.table.key)
        for place in places:
            subjects = place.fragment.subjects(prefix, is_whole=is_whole)
            messages = self._newest(place, subjects, began_s + deadline_s)
            async with aclosing(messages):
                async for message in messages:
                    if (stored := self._scanned(place, message)) is not None:
                        yield stored
        self.counts.scan_us += self._since_us(began_s)

    def _scanned(self, place: Place, message: StreamMessage) -> Stored[R] | None:
        """The row; None for a deletion, and for one that cannot be read, which is told."""
        if message.is_deletion:
            return None
        try:
            row = self._form.decoded(message)
        except RowUnreadable as error:
            self.counts.rows_skipped += 1
            key = message.subject.removeprefix(f"{place.fragment.barrier}.")
            self._emit(RowSkipped(self.table.name, key, str(error)))
            return None
        self.counts.rows_scanned += 1
        self.counts.bytes_read += len(message.data)
        return Stored(row, message.sequence, message.at_s)

    async def _newest(
        self, place: Place, subjects: str, give_up_at_s: float
    ) -> AsyncGenerator[StreamMessage]:
        has_begun = False
        while True:
            left_s = give_up_at_s - self._clock.monotonic_s()
            try:
                self._patience.check_up()
                async with aclosing(place.stream.newest(subjects, timeout_s=left_s)) as messages:
                    async for message in messages:
                        has_begun = True
                        yield message
                return
            except EngineUnavailable as error:
                with self._unavailability_counted():
                    if has_begun:  # what was given cannot be taken back
                        raise StoreUnavailable(f"The scan was cut off: {error}") from error
                    await self._pause(give_up_at_s, error)

    async def _write(self, changes: Sequence[Put[R] | Delete], deadline_s: float) -> Written:
        began_s = self._clock.monotonic_s()
        place = self._place_of(changes)
        try:
            with self._unavailability_counted():
                sequence = await self._written(place, changes, began_s + deadline_s)
        except Conflict:
            self.counts.conflicts += 1
            raise
        except WriteUncertain:
            self.counts.uncertain += 1
            raise
        self.counts.writes += 1
        self.counts.rows_written += len(changes)
        self.counts.write_us += self._since_us(began_s)
        return Written(place.fragment.number, sequence)

    async def _written(
        self, place: Place, changes: Sequence[Put[R] | Delete], give_up_at_s: float
    ) -> int:
        prepared = [await self._prepared(place, change, give_up_at_s) for change in changes]
        messages = [message for message, _ in prepared]
        while True:
            left_s = give_up_at_s - self._clock.monotonic_s()
            try:
                last = await place.writer.write(messages, deadline_s=left_s)
                break
            except Conflict:
                messages = await self._over_deletions(place, changes, messages, give_up_at_s)
        self.counts.bytes_written += sum(len(message.data) for message in messages)
        for sequence, (message, beside) in enumerate(prepared, start=last - len(prepared) + 1):
            self._beside.remember(message.subject, sequence, beside)
        return last

    async def _prepared(
        self, place: Place, change: Put[R] | Delete, give_up_at_s: float
    ) -> tuple[NewMessage, Beside | None]:
        """The message that does it, and what of the row in it is not known to this release."""
        subject, expects = place.fragment.subject(self._key(change)), change.expects
        if isinstance(change, Delete):
            # Where older values are kept, the newest of them would come back with the marker's end.
            life_s = MARKER_LIFE_S if self.table.history == 1 else 0
            deletion = NewMessage(subject, expects=expects, ttl_s=life_s, headers=DELETION)
            return deletion, None
        assert not change.ttl_s or self.table.history == 1, "older values would come back"
        beside = await self._beside_of(place, subject, expects, give_up_at_s) if expects else None
        data, headers = self._form.encoded(change.row, beside)
        message = NewMessage(subject, data, expects=expects, ttl_s=change.ttl_s, headers=headers)
        return message, beside

    async def _beside_of(
        self, place: Place, subject: str, expects: int, give_up_at_s: float
    ) -> Beside | None:
        with contextlib.suppress(KeyError):
            return self._beside.of(subject, expects)
        last = await self._last(place, subject, give_up_at_s)
        if last is None or last.sequence < expects:
            # Nobody has written at that sequence, or the leader that answered was cut off.
            barrier = await self._barrier(place, give_up_at_s)
            last = await self._last(place, subject, give_up_at_s, at_least=barrier)
        if last is None or last.sequence != expects:
            return None  # so the engine will refuse it
        return self._form.beside(last)

    async def _over_deletions(
        self,
        place: Place,
        changes: Sequence[Put[R] | Delete],
        messages: Sequence[NewMessage],
        give_up_at_s: float,
    ) -> list[NewMessage]:
        """The messages with the sequences of deletions that stand where nothing is expected.

        A deletion is a message, so what is to be absent is expected to be just that one. Raises
        `Conflict` when there is a row, or when nothing is other than it was.
        """
        if all(change.expects != ABSENT for change in changes):
            raise Conflict
        # A leader that was cut off may still have what was deleted.
        barrier = await self._barrier(place, give_up_at_s)
        found: list[NewMessage] = []
        for change, message in zip(changes, messages, strict=True):
            if change.expects != ABSENT:
                found.append(message)
                continue
            last = await self._last(place, message.subject, give_up_at_s, at_least=barrier)
            if last is not None and not last.is_deletion:
                raise Conflict
            expects = last.sequence if last is not None else 0
            found.append(msgspec.structs.replace(message, expects=expects))
        if found == list(messages):
            raise Conflict
        return found

    async def _barrier(self, place: Place, give_up_at_s: float) -> int:
        """A sequence that the quorum gave just now; all that was kept before is below it."""
        left_s = give_up_at_s - self._clock.monotonic_s()
        barrier = NewMessage(place.fragment.barrier)
        try:
            return await place.writer.write([barrier], deadline_s=left_s)
        except WriteUncertain as error:
            raise StoreUnavailable("The quorum of the engine does not answer.") from error

    async def _last(
        self, place: Place, subject: str, give_up_at_s: float, *, at_least: int = 0
    ) -> StreamMessage | None:
        while True:
            left_s = give_up_at_s - self._clock.monotonic_s()
            try:
                self._patience.check_up()
                return await place.stream.last(
                    subject, at_least=at_least, timeout_s=min(TRY_S, left_s)
                )
            except EngineUnavailable as error:
                await self._pause(give_up_at_s, error)

    async def _pause(self, give_up_at_s: float, cause: EngineUnavailable) -> None:
        if reason := await self._patience.pause(give_up_at_s, cause):
            raise StoreUnavailable(
                f"The table {self.table.name} cannot be read now: {reason}."
            ) from cause

    def _place_of(self, changes: Sequence[Put[R] | Delete]) -> Place:
        """Where all of the changes are; raises `ValueError` when they are no batch."""
        keys = [self._key(change) for change in changes]
        numbers = {self.table.fragment_of(key[0]) for key in keys}
        if len(numbers) != 1:
            raise ValueError("a batch is of one fragment, and not empty")
        if len(set(keys)) != len(keys) or len(keys) > ROWS_MAX:
            raise ValueError(f"a batch changes each row once, and {ROWS_MAX} at most")
        return self.places[numbers.pop()]

    def _place(self, prefix: Sequence[KeyPart]) -> Place:
        assert len(prefix) <= len(self.table.key), f"{prefix} is no key of {self.table.name}"
        return self.places[self.table.fragment_of(prefix[0])]

    def _key(self, change: Put[R] | Delete) -> Key:
        if isinstance(change, Delete):
            return self._checked(change.key)
        return self._checked(self.table.key_of(change.row))

    def _checked(self, key: Key) -> Key:
        assert len(key) == len(self.table.key), f"{key} is no key of {self.table.name}"
        return key

    @contextmanager
    def _unavailability_counted(self) -> Iterator[None]:
        try:
            yield
        except StoreUnavailable:
            self.counts.unavailable += 1
            raise

    def _since_us(self, began_s: float) -> int:
        return round((self._clock.monotonic_s() - began_s) * 1_000_000)
