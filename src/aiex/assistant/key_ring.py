"""The keys a node knows: follows the engine's bucket, remembers them on disc, changes them.

While the engine is away the last known keys are in force: a request needs no engine, and a node
that restarts meanwhile reads them from its data directory.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from aiex.assistant.events import KeysChanged
from aiex.assistant.keys import NO_KEY_LIMITS, SETTING, KeyCheck, KeyRecord, instant, new_key
from aiex.assistant.limits import NO_LIMITS, KeyLimits, Limits
from aiex.clock import Clock
from aiex.engine import Bucket, CaughtUp, Entry, Restarted
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
    ) -> None:
        self._bucket = bucket
        self._cache_file = cache_file
        self._key_of_setting = key_of_setting
        self._clock = clock
        self._emit = emit
        self._default_limits = default_limits
        self._limits = {SETTING: default_limits}
        self._records: dict[str, KeyRecord] = {}
        self.check = KeyCheck({}, key_of_setting)

    def load(self) -> None:
        """Take the keys remembered from last time; a missing or broken file is no keys."""
        try:
            self._adopt(_RECORDS.decode(self._cache_file.read_bytes()), revision=0)
        except (FileNotFoundError, msgspec.DecodeError, msgspec.ValidationError):
            return

    @property
    def has_ever_held_one(self) -> bool:
        return bool(self._records) or self._key_of_setting is not None

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

    async def run(self, ready: Ready) -> None:
        """Follow the bucket for as long as the node lives."""
        pending: dict[str, KeyRecord] | None = {}
        # An engine that is away must not keep the node from starting: then the remembered keys
        # are in force until it comes.
        loop = asyncio.get_running_loop()
        patience = loop.call_later(PATIENCE_S, ready)
        async for change in self._bucket.watch():
            match change:
                case Restarted():
                    pending = {}
                case CaughtUp():
                    if pending is not None:
                        self._adopt(pending, revision=change.revision)
                    pending = None
                    if not patience.cancelled() and patience.when() > loop.time():
                        patience.cancel()
                        ready()
                case Entry(key=key, value=value, revision=revision):
                    record = _RECORD.decode(value)
                    if pending is None:
                        self._adopt({**self._records, key: record}, revision=revision)
                    else:
                        pending[key] = record

    async def create(
        self, name: str, *, by: str, limits: KeyLimits = NO_KEY_LIMITS
    ) -> tuple[str, KeyRecord]:
        """A new key and its record; raises `EngineUnavailable` when it cannot be kept."""
        key, record = new_key(name, at=instant(self._clock.wall_s()), by=by, limits=limits)
        revision = await self._bucket.create(record.id, msgspec.json.encode(record))
        self._adopt({**self._records, record.id: record}, revision=revision)
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
            if entry is None:
                raise KeyUnknown
            record = _RECORD.decode(entry.value)
            changed = change(record)
            if changed == record:
                return record
            try:
                revision = await self._bucket.update(
                    key_id, msgspec.json.encode(changed), entry.revision
                )
            except Conflict:
                continue
            self._adopt({**self._records, key_id: changed}, revision=revision)
            return changed
        raise Conflict

    def _adopt(self, records: dict[str, KeyRecord], *, revision: int) -> None:
        self._records = records
        self._limits = {key: one.limits.over(self._default_limits) for key, one in records.items()}
        self._limits[SETTING] = self._default_limits
        self.check = KeyCheck(records, self._key_of_setting)
        self._remember()
        self._emit(KeysChanged(self.active_count, revision))

    def _remember(self) -> None:
        try:
            write_private(self._cache_file, msgspec.json.encode(self._records))
        except OSError as error:
            # The keys in memory are right; only a restart without the engine would miss the change.
            _log.warning("the keys could not be kept in %s: %s", self._cache_file, error.strerror)
