"""The feed of a table without an engine: streams in memory that a test writes to, bends and breaks.

As with a real one, a follower that is slow never sees what was overwritten meanwhile. `hold` keeps
everything back until `flow`; `beat` is the sign of life that an engine gives twice a second.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from itertools import count

import msgspec

from aiex.store.rows import Delete, Put, Written
from aiex.store.table import Key, Table
from aiex.store.view_feed import (
    Began,
    Fed,
    FeedItem,
    Position,
    UpToDate,
    reason_to_begin_anew,
    reason_to_forget,
)
from aiex.testing.clock import FakeClock


@dataclass
class _Stream:
    identity: str
    sequence: int = 0
    newest: dict[Key, Fed] = field(default_factory=dict)  # in order of their sequences

    def keep(self, change: Fed) -> None:
        self.newest.pop(change.key, None)
        self.newest[change.key] = change
        self.sequence = change.sequence

    def after(self, sequence: int) -> list[Fed]:
        return [fed for fed in self.newest.values() if fed.sequence > sequence]


class MemoryFeed[R: msgspec.Struct]:
    """A `Feed`, and what a test does to its streams."""

    def __init__(self, table: Table[R], clock: FakeClock, *, away_max_s: float = 3_600.0) -> None:
        self.table = table
        self.follow_count = 0
        self.turns_between = 0  # how many turns of the loop a change takes to come
        self._clock = clock
        self._away_max_s = away_max_s
        self._names = count(1)
        self._batches = count(1)
        self._streams = [self._new_stream() for _ in range(table.fragments)]
        self._is_held = False
        self._beat_count = 0
        self._turned = asyncio.Event()

    def put(self, row: R, *, version: int | None = None) -> Written:
        return self.batch([Put(row)], version=version)

    def put_raw(self, key: Key, row: bytes, *, version: int | None = None) -> Written:
        """What another release may have written."""
        return self._keep([(key, row)], self.table.version if version is None else version)

    def delete(self, key: Key) -> Written:
        return self.batch([Delete(key)])

    def batch(self, changes: Sequence[Put[R] | Delete], *, version: int | None = None) -> Written:
        rows = [
            (one.key, None)
            if isinstance(one, Delete)
            else (self.table.key_of(one.row), msgspec.json.encode(one.row))
            for one in changes
        ]
        return self._keep(rows, self.table.version if version is None else version)

    def rows(self) -> dict[Key, tuple[int, bytes]]:
        """What a view that has all is equal to: sequence and row by key."""
        return {
            key: (fed.sequence, fed.row)
            for stream in self._streams
            for key, fed in stream.newest.items()
            if fed.row is not None
        }

    def forget_deletions(self) -> None:
        """Their markers have ended."""
        for stream in self._streams:
            kept = {key: fed for key, fed in stream.newest.items() if fed.row is not None}
            stream.newest = kept

    def replace(self, fragment: int, *, is_empty: bool = True) -> None:
        """Another stream of the same name: empty, or restored with the rows there are."""
        old, new = self._streams[fragment], self._new_stream()
        if not is_empty:
            new.newest, new.sequence = dict(old.newest), old.sequence
        self._streams[fragment] = new
        self._turn()

    def hold(self) -> None:
        """Give nothing until `flow`."""
        self._is_held = True

    def flow(self) -> None:
        self._is_held = False
        self._turn()

    def beat(self) -> None:
        """The engine lives, and has nothing new."""
        self._beat_count += 1
        self._turn()

    async def follow(self, fragment: int, position: Position | None) -> AsyncGenerator[FeedItem]:
        self.follow_count += 1
        self._turn()
        stream: _Stream | None = None
        sequence = head = beat_count = 0
        is_up_to_date = False
        while True:
            if self._is_held:
                await self._turned.wait()
                continue
            if stream is not self._streams[fragment]:
                stream = self._streams[fragment]
                reason = self._reason(position, stream)
                sequence = 0 if position is None or reason else position.sequence
                position = Position(stream.identity, sequence, self._clock.wall_s())
                head, is_up_to_date, beat_count = stream.sequence, False, self._beat_count
                yield Began(stream.identity, sequence, reason)
            elif to_come := stream.after(sequence):
                for _ in range(self.turns_between):
                    await asyncio.sleep(0)
                if not (to_come := stream.after(sequence)):
                    continue
                fed = to_come[0]
                has_gap = fed.sequence != sequence + 1
                if has_gap:
                    head, is_up_to_date = stream.sequence, False
                sequence = fed.sequence
                yield fed._replace(has_gap=has_gap)
            elif not is_up_to_date or beat_count < self._beat_count:
                is_up_to_date, beat_count = True, self._beat_count
                yield UpToDate()
            else:
                await self._turned.wait()
            if not is_up_to_date and sequence >= head > 0:
                is_up_to_date = True
                yield UpToDate()

    async def until_followed(self, count: int) -> None:
        """Come back once the streams were followed so often."""
        while self.follow_count < count:
            await self._turned.wait()

    def _reason(self, position: Position | None, stream: _Stream) -> str:
        if position is None:
            return "it is new"
        now_s, away_max_s = self._clock.wall_s(), self._away_max_s
        return reason_to_forget(
            position, now_s=now_s, away_max_s=away_max_s
        ) or reason_to_begin_anew(position, stream.identity, stream.sequence)

    def _keep(self, rows: Sequence[tuple[Key, bytes | None]], version: int) -> Written:
        [fragment] = {self.table.fragment_of(key[0]) for key, _ in rows}
        stream = self._streams[fragment]
        batch = f"batch {next(self._batches)}" if len(rows) > 1 else ""
        for number, (key, row) in enumerate(rows, start=1):
            is_end = bool(batch) and number == len(rows)
            at_s = self._clock.wall_s()
            stream.keep(Fed(stream.sequence + 1, at_s, key, row, version, False, batch, is_end))
        self._turn()
        return Written(fragment, stream.sequence)

    def _new_stream(self) -> _Stream:
        return _Stream(f"stream {next(self._names)}")

    def _turn(self) -> None:
        self._turned.set()
        self._turned = asyncio.Event()
