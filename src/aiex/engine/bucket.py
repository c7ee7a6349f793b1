"""A replicated map of small values: read, changed by compare-and-set, followed as it changes."""

import re
from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

# What NATS allows in a key, and so what its own tools can show.
_KEY = re.compile(r"[-/_=a-zA-Z0-9]+(\.[-/_=a-zA-Z0-9]+)*")


class Entry(msgspec.Struct, frozen=True):
    """A key with its value; `revision` grows with every change of the bucket."""

    key: str
    value: bytes
    revision: int


class Deleted(msgspec.Struct, frozen=True):
    """The key has no value any more; `revision` is that of its deletion."""

    key: str
    revision: int


class CaughtUp(msgspec.Struct, frozen=True):
    """Everything the bucket held when the watch began was given; its revision was `revision`."""

    revision: int


class Restarted(msgspec.Struct, frozen=True):
    """The bucket is another than the one watched so far: forget it, all entries come again."""


type Change = Entry | Deleted | CaughtUp | Restarted


class Bucket(Protocol):
    """Keys are words of letters, digits and `-/_=`, joined by dots; others raise `ValueError`.

    Every method but `watch` raises `EngineUnavailable`, at once when the engine is down, else when
    it does not answer within seconds. A write that raised it may still have happened: read before
    deciding anew, or let the compare-and-set refuse the second one.
    """

    async def get(self, key: str) -> Entry | None:
        """The newest value, or None; None too for what cannot be a key."""

    async def put(self, key: str, value: bytes) -> int:
        """Set the value whatever it was; the new revision."""

    async def create(self, key: str, value: bytes) -> int:
        """The revision of the new entry; raises `Conflict` when the key has a value."""

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """The new revision; raises `Conflict` when the entry is no longer at `revision`."""

    async def delete(self, key: str, revision: int | None = None) -> int:
        """The deletion's revision; raises `Conflict` when a given `revision` is not the newest."""

    async def entries(self) -> list[Entry]:
        """All keys that have a value, in order of their revisions."""

    async def history(self, key: str) -> list[Entry | Deleted]:
        """What the key had, oldest first, as far back as the bucket keeps it."""

    def watch(self) -> AsyncIterator[Change]:
        """All entries, `CaughtUp`, then each change in order, for ever.

        Goes on by itself over restarts and silences of the engine. Values that were overwritten
        while it was away may be missing, the newest never is.
        """


def is_key(text: str) -> bool:
    return _KEY.fullmatch(text) is not None


def check_key(key: str) -> None:
    """Raises `ValueError` for what cannot be a key."""
    if not is_key(key):
        raise ValueError(f"{key!r} cannot be a key: letters, digits and -/_= joined by dots")
