"""The ring of keys: limits set here or elsewhere are in force at once, and none is lost."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aiex.assistant.key_ring import KeyRing, KeyUnknown
from aiex.assistant.keys import KEYS, SETTING, KeyRecord
from aiex.assistant.limits import NO_LIMITS, KeyLimits, Limits
from aiex.errors import EngineUnavailable
from aiex.store import Stored, Table
from aiex.testing.clock import FakeClock
from aiex.testing.store_memory import MemoryRows, MemoryStore

DEFAULTS = Limits(requests_per_minute=60)


def ring(store: MemoryStore, directory: Path) -> KeyRing:
    return KeyRing(
        store,
        cache_file=directory / "keys.json",
        key_of_setting="from-a-file",
        clock=FakeClock(),
        emit=lambda _: None,
        default_limits=DEFAULTS,
    )


def concurrency(count: int) -> Callable[[KeyLimits], KeyLimits]:
    return lambda limits: msgspec.structs.replace(limits, concurrency=count)


@asynccontextmanager
async def following(keys: KeyRing) -> AsyncIterator[None]:
    ready = asyncio.Event()
    task = asyncio.create_task(keys.run(ready.set))
    try:
        await ready.wait()
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_new_keys_limits_are_over_the_defaults(tmp_path: Path) -> None:
    keys = ring(MemoryStore(FakeClock()), tmp_path)
    _, record = await keys.create("ci", by="test", limits=KeyLimits(concurrency=2))
    assert keys.limits(record.id) == Limits(requests_per_minute=60, concurrency=2)
    assert keys.limits(SETTING) == DEFAULTS
    assert keys.limits("") is NO_LIMITS


async def test_limits_changed_on_another_node_are_in_force_here(tmp_path: Path) -> None:
    store = MemoryStore(FakeClock())
    here, there = ring(store, tmp_path), ring(store, tmp_path)
    _, record = await here.create("ci", by="test")
    async with following(here):
        await there.limit(record.id, concurrency(3))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert here.limits(record.id).concurrency == 3


class RacedRows(MemoryRows[KeyRecord]):
    """After the next read of a key somebody else writes `overtaking`, once."""

    overtaking: KeyRecord | None = None

    async def get(self, *args: Any, **more: Any) -> Stored[KeyRecord] | None:
        stored = await super().get(*args, **more)
        if self.overtaking is not None:
            record, self.overtaking = self.overtaking, None
            await self.put(record)
        return stored


class RacedStore(MemoryStore):
    def __init__(self) -> None:
        super().__init__(FakeClock())
        self.raced = RacedRows(self, KEYS)

    def rows(self, _: Table[Any]) -> Any:
        return self.raced


async def test_two_changes_at_once_are_both_kept(tmp_path: Path) -> None:
    store = RacedStore()
    keys = ring(store, tmp_path)
    _, record = await keys.create("ci", by="test")
    store.raced.overtaking = record.limited(KeyLimits(tokens_per_minute=7))
    changed = await keys.limit(record.id, concurrency(3))
    assert changed.limits == KeyLimits(concurrency=3, tokens_per_minute=7)


async def test_a_revoked_keys_limits_stay_and_an_unknown_one_has_none(tmp_path: Path) -> None:
    keys = ring(MemoryStore(FakeClock()), tmp_path)
    _, record = await keys.create("ci", by="test")
    await keys.revoke(record.id)
    assert (await keys.limit(record.id, concurrency(3))).limits == KeyLimits()
    with pytest.raises(KeyUnknown):
        await keys.limit("nobody", concurrency(3))


async def test_limits_are_remembered_for_a_start_without_the_engine(tmp_path: Path) -> None:
    store = MemoryStore(FakeClock())
    _, record = await ring(store, tmp_path).create(
        "ci", by="test", limits=KeyLimits(models=("a",), budget_micro_usd=5)
    )
    store.go_down("test")
    keys = ring(store, tmp_path)
    keys.load()
    assert keys.limits(record.id) == Limits(60, 0, 0, ("a",), 5)
    with pytest.raises(EngineUnavailable):
        await keys.limit(record.id, concurrency(1))
