"""A bucket in memory that keeps the same promises as the one in the engine.

Both are held to `tests/engine/test_bucket.py`. Beyond the contract a test can make it fail:
`go_down`, `come_back`, and `lose_everything`, after which watchers are told `Restarted`.
"""

import asyncio
from collections.abc import AsyncGenerator

from aiex.engine.bucket import CaughtUp, Change, Deleted, Entry, Restarted, check_key
from aiex.errors import Conflict, EngineRefused, EngineUnavailable

# A message of the embedded engine, with room for headers; another engine may take less.
VALUE_BYTES_MAX = 8 * 1024 * 1024 - 1024


class MemoryBucket:
    """A `Bucket` that keeps `history` values of a key.

    `trouble` is why it does not answer, empty while it does.
    """

    def __init__(self, history: int = 1) -> None:
        self.trouble = ""
        self._history = history
        self._changes: list[Entry | Deleted] = []
        self._newest: dict[str, Entry | Deleted] = {}
        self._life = 0
        self._something_happened = asyncio.Event()

    async def get(self, key: str) -> Entry | None:
        self._check_up()
        newest = self._newest.get(key)
        return newest if isinstance(newest, Entry) else None

    async def put(self, key: str, value: bytes) -> int:
        return self._write(key, value, expected=None)

    async def create(self, key: str, value: bytes) -> int:
        return self._write(key, value, expected=None if self._is_deleted(key) else 0)

    async def update(self, key: str, value: bytes, revision: int) -> int:
        return self._write(key, value, expected=revision)

    async def delete(self, key: str, revision: int | None = None) -> int:
        return self._write(key, None, expected=revision)

    async def entries(self) -> list[Entry]:
        self._check_up()
        return [one for one in self._newest.values() if isinstance(one, Entry)]

    async def history(self, key: str) -> list[Entry | Deleted]:
        check_key(key)
        self._check_up()
        return [one for one in self._changes if one.key == key][-self._history :]

    async def watch(self) -> AsyncGenerator[Change]:
        while True:
            await self._until_up()
            life, seen = self._life, len(self._changes)
            for change in list(self._newest.values()):
                yield change
            yield CaughtUp(seen)
            while life == self._life:
                for change in self._changes[seen:]:
                    seen += 1
                    yield change
                await self._until_news(life, seen)
            yield Restarted()

    def go_down(self, reason: str) -> None:
        """Answer `EngineUnavailable` and tell watchers nothing until `come_back`."""
        self.trouble = reason

    def come_back(self) -> None:
        self.trouble = ""
        self._wake()

    def lose_everything(self) -> None:
        """Become another, empty bucket."""
        self._changes.clear()
        self._newest.clear()
        self._life += 1
        self._wake()

    def _write(self, key: str, value: bytes | None, *, expected: int | None) -> int:
        check_key(key)
        self._check_up()
        if value is not None and len(value) > VALUE_BYTES_MAX:
            raise EngineRefused("The value is larger than a message of the engine may be.")
        newest = self._newest.get(key)
        if expected is not None and expected != (newest.revision if newest else 0):
            raise Conflict
        revision = len(self._changes) + 1
        change = Deleted(key, revision) if value is None else Entry(key, value, revision)
        self._changes.append(change)
        self._newest.pop(key, None)  # so that the newest change comes last
        self._newest[key] = change
        self._wake()
        return revision

    def _is_deleted(self, key: str) -> bool:
        return isinstance(self._newest.get(key), Deleted)

    def _check_up(self) -> None:
        if self.trouble:
            raise EngineUnavailable(f"The engine is down: {self.trouble}.")

    async def _until_up(self) -> None:
        while self.trouble:
            await self._something_happened.wait()

    async def _until_news(self, life: int, seen: int) -> None:
        while self.trouble or (life == self._life and seen == len(self._changes)):
            await self._something_happened.wait()

    def _wake(self) -> None:
        self._something_happened.set()
        self._something_happened = asyncio.Event()
