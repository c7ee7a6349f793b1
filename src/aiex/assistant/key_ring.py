"""The keys a node knows: follows the view of their table, remembers them on disc, changes them.

While the engine is away the last known keys are in force: a request needs no engine, and a node
that restarts meanwhile reads them from its data directory. The view alone would not do: a node has
none until it has seen the engine once, nor while it is made anew, and it does not tell a cluster
that lost its keys from one that never had any.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from aiex.assistant.events import KeysChanged
from aiex.assistant.keys import KEYS, NO_KEY_LIMITS, SETTING, KeyCheck, KeyRecord, new_key
from aiex.assistant.limits import NO_LIMITS, KeyLimits, Limits
from aiex.clock import Clock, instant
from aiex.errors import AiexError, Conflict, StoreUnavailable
from aiex.events import Emit
from aiex.private_file import write_private
from aiex.service import Ready
from aiex.store import ABSENT, Refreshed, RowDeleted, RowPut, Store, Written

PATIENCE_S = 3.0
# Two operators may change one key at once; each try reads the newest record first.
CHANGE_TRIES_MAX = 5
KEYS_MAX: Final = 1_000_000
# The view has what was written here within milliseconds, unless it is of another table by now.
SEEN_S: Final = 2.0

_log = logging.getLogger("aiex.assistant.keys")
_RECORDS = msgspec.json.Decoder(dict[str, KeyRecord])


class KeyUnknown(AiexError):
    """There is no key with this id; `aiex keys list` shows those there are."""


class KeyRing:
    """All keys, active and revoked, and the check made of them."""

    name = "assistant.keys"

    def __init__(
        self,
        store: Store,
        *,
        cache_file: Path,
        key_of_setting: str | None,
        clock: Clock,
        emit: Emit,
        default_limits: Limits = NO_LIMITS,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """`patience_s` is how long the node's start waits for the engine to tell the keys."""
        self._patience_s = patience_s
        self._rows, self._view = store.rows(KEYS), store.view(KEYS)
        self._cache_file = cache_file
        self._key_of_setting = key_of_setting
        self._clock = clock
        self._emit = emit
        self._default_limits = default_limits
        self._limits = {SETTING: default_limits}
        self._records: dict[str, KeyRecord] = {}
        # What is told later may be older: a view tells again what was just written here.
        self._sequences: dict[str, int] = {}
        self._last_write: Written | None = None
        self._has_held_one = False
        self._has_read = False
        self.check = KeyCheck({}, key_of_setting)

    def load(self) -> None:
        """Take the keys remembered from last time; a missing or broken file is no keys."""
        if self._key_of_setting is not None:
            self._emit(KeysChanged(self.active_count, 0))
        try:
            self._adopt(_RECORDS.decode(self._cache_file.read_bytes()), revision=0)
        except FileNotFoundError:
            return
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            _log.warning(
                "the keys kept in %s cannot be read (%s); until the engine tells them anew every "
                "client is turned away",
                self._cache_file,
                error,
            )
        # The file is there because there was a key once, whatever became of it.
        self._has_held_one = True

    @property
    def is_known(self) -> bool:
        """Whether the keys were read from the engine, or remembered from an earlier life."""
        return self._has_read or self._has_held_one

    @property
    def has_ever_held_one(self) -> bool:
        """Whether there ever was a key; an engine that lost its keys opens no door."""
        return self._has_held_one or self._key_of_setting is not None

    @property
    def active_count(self) -> int:
        """Keys that are accepted, the one from the settings included."""
        active = sum(record.is_active for record in self._records.values())
        return active + (self._key_of_setting is not None)

    def records(self) -> list[KeyRecord]:
        """All keys known here, oldest first."""
        return sorted(self._records.values(), key=lambda record: record.created_at)

    def limits(self, key_id: str) -> Limits:
        """What is in force for a key; nothing is for requests that need no key."""
        return self._limits.get(key_id, NO_LIMITS)

    def default_to(self, limits: Limits) -> None:
        """These are in force from now on for keys that say nothing."""
        self._default_limits = limits
        self._limit_all()

    async def run(self, ready: Ready) -> None:
        """Follow the view for as long as the node lives."""
        # An engine that is away must not keep the node from starting: then the remembered keys
        # are in force until it comes.
        patience = asyncio.create_task(self._patience(ready), name="assistant.keys.patience")
        try:
            await self._follow(patience, ready)
        finally:
            patience.cancel()

    async def _patience(self, ready: Ready) -> None:
        await self._clock.sleep(self._patience_s)
        ready()

    async def _follow(self, patience: "asyncio.Task[None]", ready: Ready) -> None:
        async for change in self._view.changes():
            match change:
                case Refreshed():
                    await self._read_all()
                    if not (patience.done() or patience.cancelling()):
                        patience.cancel()
                        ready()
                case RowPut(stored=stored):
                    self._take(stored.row.id, stored.row, stored.sequence)
                case RowDeleted(key=(key_id,), sequence=sequence):
                    self._take(str(key_id), None, sequence)

    async def _read_all(self) -> None:
        """Take the view as it is, once it has what was written here."""
        if self._last_write is not None:
            try:
                await self._view.at_least(self._last_write, deadline_s=SEEN_S)
            except StoreUnavailable:
                self._last_write = None  # of a table that is no more
        found = self._view.scan(limit=KEYS_MAX)
        self._sequences = {stored.row.id: stored.sequence for stored in found}
        self._has_read = True
        newest = max(self._sequences.values(), default=0)
        self._adopt({stored.row.id: stored.row for stored in found}, revision=newest)

    def _take(self, key_id: str, record: KeyRecord | None, sequence: int) -> None:
        """One change of the table, unless a newer one of its key is known."""
        if sequence <= self._sequences.get(key_id, 0):
            return
        self._sequences[key_id] = sequence
        others = {key: one for key, one in self._records.items() if key != key_id}
        self._adopt(others | ({key_id: record} if record else {}), revision=sequence)

    async def create(
        self, name: str, *, by: str, limits: KeyLimits = NO_KEY_LIMITS
    ) -> tuple[str, KeyRecord]:
        """A new key and its record; raises `EngineUnavailable` when it cannot be kept."""
        key, record = new_key(name, at=instant(self._clock.wall_s()), by=by, limits=limits)
        self._adopt_own(record, await self._rows.put(record, expects=ABSENT))
        return key, record

    async def revoke(self, key_id: str) -> KeyRecord:
        """The record of the key, now revoked; raises `KeyUnknown` or `EngineUnavailable`."""
        at = instant(self._clock.wall_s())
        return await self._change(
            key_id, lambda record: record.revoked(at) if record.is_active else record
        )

    async def limit(self, key_id: str, change: Callable[[KeyLimits], KeyLimits]) -> KeyRecord:
        """The record of the key under changed limits; raises `KeyUnknown` or `EngineUnavailable`.

        A key that is revoked stays as it is.
        """
        return await self._change(
            key_id,
            lambda record: record.limited(change(record.limits)) if record.is_active else record,
        )

    async def _change(self, key_id: str, change: Callable[[KeyRecord], KeyRecord]) -> KeyRecord:
        for _ in range(CHANGE_TRIES_MAX):
            stored = await self._rows.get((key_id,))
            if stored is None:
                raise KeyUnknown
            changed = change(stored.row)
            if changed == stored.row:
                return changed
            try:
                written = await self._rows.put(changed, expects=stored.sequence)
            except Conflict:
                continue
            self._adopt_own(changed, written)
            return changed
        raise Conflict

    def _adopt_own(self, record: KeyRecord, written: Written) -> None:
        self._last_write = written
        self._take(record.id, record, written.sequence)

    def _adopt(self, records: dict[str, KeyRecord], *, revision: int) -> None:
        if records == self._records:
            return
        self._records = records
        self._has_held_one = True
        self._limit_all()
        self.check = KeyCheck(records, self._key_of_setting)
        self._remember()
        self._emit(KeysChanged(self.active_count, revision))

    def _limit_all(self) -> None:
        defaults = self._default_limits
        self._limits = {key: one.limits.over(defaults) for key, one in self._records.items()}
        self._limits[SETTING] = defaults

    def _remember(self) -> None:
        try:
            write_private(self._cache_file, msgspec.json.encode(self._records))
        except OSError as error:
            # The keys in memory are right; only a restart without the engine would miss the change.
            _log.warning("the keys could not be kept in %s: %s", self._cache_file, error.strerror)
