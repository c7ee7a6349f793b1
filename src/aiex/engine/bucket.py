"""A replicated map of small values: read, changed by compare-and-set, and followed as it changes."""

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """A key with its value; `revision` grows with every change of the bucket."""

    key: str
    value: bytes
    revision: int


class CaughtUp(msgspec.Struct, frozen=True):
    """Everything the bucket held when the watch began has been given."""

    revision: int


class Restarted(msgspec.Struct, frozen=True):
    """The watch begins anew: what was given before may be out of date."""


type Change = Entry | CaughtUp | Restarted


class Bucket(Protocol):
    """Every method raises `EngineUnavailable` when the engine does not answer in time."""

    async def get(self, key: str) -> Entry | None: ...

    async def create(self, key: str, value: bytes) -> int:
        """The revision of the new entry; raises `Conflict` when the key is taken."""

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """The new revision; raises `Conflict` when the entry is no longer at `revision`."""

    def watch(self) -> AsyncIterator[Change]:
        """All entries, `CaughtUp`, then each change for ever, across restarts of the engine."""
