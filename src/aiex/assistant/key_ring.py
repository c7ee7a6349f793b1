"""The keys a node knows: follows the engine's bucket, remembers them on disc, changes them.

While the engine is away the last known keys are in force: a request needs no engine, and a node
that restarts meanwhile reads them from its data directory.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from aiex.assistant.events import KeysChanged
from aiex.assistant.keys import NO_KEY_LIMITS, SETTING, KeyCheck, KeyRecord, new_key
from aiex.assistant.limits import NO_LIMITS, KeyLimits, Limits
from aiex.clock import Clock, instant
from aiex.engine import Bucket, CaughtUp, Deleted, Entry, Restarted
from aiex.errors import AiexError, Conflict
from aiex.events import Emit
from aiex.private_file import write_private
from aiex.service import Ready

PATIENCE_S = 3.0
# Two operators may change one key at once; each try reads the newest record first.
CHANGE_TRIES_MAX = 5

_log = logging.getLogger("aiex.assistant.keys")
_RECORDS = msgspec.json.Decoder(dict[str, KeyRecord])
_RECORD = msgspec.json.Decoder(KeyRecord)
_FIELDS = msgspec.json.Decoder(dict[str, Any])


class KeyUnknown(AiexError):
    """There is no key with this id; `aiex keys list` shows those there are."""


class KeyRing:
    """All keys, active and revoked, and the check made of them."""

    name = "assistant.keys"

    def __init__(
        self,
        bucket: Bucket,
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
        self._bucket = bucket
        self._cache_file = cache_file
        self._key_of_setting = key_of_setting
        self._clock = clock
        self._emit = emit
        self._default_limits = default_limits
        self._limits = {SETTING: default_limits}
        self._records: dict[str, KeyRecord] = {}
        # What was read later may be older: a watch tells again what was just written here.
        self._revisions: dict[str, int] = {}
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
        """Follow the bucket for as long as the node lives."""
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
        pending: dict[str, KeyRecord] | None = {}
        self._revisions.clear()  # of a bucket that may be another one by now
        async for change in self._bucket.watch():
            match change:
                case Restarted():
                    pending = {}
                    self._revisions.clear()
                case CaughtUp(revision=revision):
                    if pending is not None:
                        self._adopt(pending | self._newer_than(revision), revision=revision)
                    pending, self._has_read = None, True
                    if not (patience.done() or patience.cancelling()):
                        patience.cancel()
                        ready()
                case Entry() | Deleted():
                    if pending is None:
                        self._take(change)
                    elif record := _record(change):
                        pending[change.key] = record

    def _take(self, change: Entry | Deleted) -> None:
        """One change of the bucket, unless a newer one of its key is known."""
        if change.revision <= self._revisions.get(change.key, 0):
            return
        self._revisions[change.key] = change.revision
        others = {key: one for key, one in self._records.items() if key != change.key}
        record = _record(change)
        self._adopt(others | ({change.key: record} if record else {}), revision=change.revision)

    def _newer_than(self, revision: int) -> dict[str, KeyRecord]:
        """What was written here while the bucket was being read."""
        return {
            key: record
            for key, record in self._records.items()
            if self._revisions.get(key, 0) > revision
        }

    async def create(
        self, name: str, *, by: str, limits: KeyLimits = NO_KEY_LIMITS
    ) -> tuple[str, KeyRecord]:
        """A new key and its record; raises `EngineUnavailable` when it cannot be kept."""
        key, record = new_key(name, at=instant(self._clock.wall_s()), by=by, limits=limits)
        revision = await self._bucket.create(record.id, msgspec.json.encode(record))
        self._adopt_own(record, revision)
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
            entry = await self._bucket.get(key_id)
            record = _record(entry) if entry is not None else None
            if entry is None or record is None:
                raise KeyUnknown
            changed = change(record)
            if changed == record:
                return record
            # What a newer release keeps beside is kept: only fields known here change.
            known = _FIELDS.decode(msgspec.json.encode(changed))
            fields = {**_FIELDS.decode(entry.value), **known}
            try:
                revision = await self._bucket.update(
                    key_id, msgspec.json.encode(fields), entry.revision
                )
            except Conflict:
                continue
            self._adopt_own(changed, revision)
            return changed
        raise Conflict

    def _adopt_own(self, record: KeyRecord, revision: int) -> None:
        self._revisions[record.id] = revision
        self._adopt({**self._records, record.id: record}, revision=revision)

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


def _record(change: Entry | Deleted) -> KeyRecord | None:
    """The key's record; None when it is deleted, or is nothing this release can read."""
    if isinstance(change, Deleted):
        return None
    try:
        return _RECORD.decode(change.value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        _log.warning("the record of key %s cannot be read: %s", change.key, error)
        return None
