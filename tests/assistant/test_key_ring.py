"""A ring of keys follows their view, outlives the engine's outages, and says only what changed."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aiex.assistant.events import KeysChanged
from aiex.assistant.key_ring import CHANGE_TRIES_MAX, PATIENCE_S, KeyRing, KeyUnknown
from aiex.assistant.keys import KEYS, KeyRecord
from aiex.errors import Conflict, EngineUnavailable
from aiex.store import Change, Refreshed, RowPut, Stored, Table, Written
from aiex.testing.clock import FakeClock
from aiex.testing.store_memory import MemoryRows, MemoryStore, MemoryView


class Stage:
    """Rings over one table, each with a file of its own, and what they emitted."""

    def __init__(self, directory: Path, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore(FakeClock())
        self.clock: FakeClock = self.store.clock  # type: ignore[assignment]
        self.events: list[Any] = []
        self.readies: list[str] = []
        self._directory = directory

    def file(self, node: str = "a") -> Path:
        return self._directory / f"{node}.json"

    def ring(self, node: str = "a", key_of_setting: str | None = None) -> KeyRing:
        """A ring as it is when its node has just started."""
        ring = KeyRing(
            self.store,
            cache_file=self.file(node),
            key_of_setting=key_of_setting,
            clock=self.clock,
            emit=self.events.append,
        )
        ring.load()
        return ring

    @asynccontextmanager
    async def running(self, *rings: KeyRing) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(ring.run(lambda: self.readies.append("!"))) for ring in rings]
        await self.clock.settle()
        try:
            yield
            assert not any(task.done() for task in tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


class ToldStore(MemoryStore):
    """Its view tells of changes only when they are let through: `told`."""

    def __init__(self) -> None:
        super().__init__(FakeClock())
        self.told: asyncio.Queue[Change[KeyRecord]] = asyncio.Queue()

    def view(self, _: Table[Any]) -> Any:
        return ToldView(self, self.rows(KEYS), self.told)

    def lose_everything(self) -> None:
        """As when the engine's discs are gone: the table begins anew."""
        (fragment,) = self.rows(KEYS)._fragments
        fragment.rows.clear()
        fragment.sequence = 0
        self.told.put_nowait(Refreshed())


class ToldView(MemoryView[KeyRecord]):
    def __init__(
        self,
        store: MemoryStore,
        rows: MemoryRows[KeyRecord],
        told: asyncio.Queue[Change[KeyRecord]],
    ) -> None:
        super().__init__(store, rows)
        self._told = told

    async def changes(self) -> AsyncGenerator[Change[KeyRecord]]:
        while True:
            yield await self._told.get()


@pytest.fixture
def told(tmp_path: Path) -> Stage:
    return Stage(tmp_path, ToldStore())


def tell(stage: Stage, change: Change[KeyRecord]) -> None:
    assert isinstance(stage.store, ToldStore)
    stage.store.told.put_nowait(change)


async def test_a_new_key_is_taken_at_once_where_it_was_made(stage: Stage) -> None:
    ring = stage.ring()
    key, record = await ring.create("laptop", by="admin")
    assert ring.check.key_id(key) == record.id
    assert (ring.active_count, ring.records()) == (1, [record])


async def test_a_key_made_here_is_taken_elsewhere_and_revoked_elsewhere_refused_here(
    stage: Stage,
) -> None:
    here, elsewhere = stage.ring("a"), stage.ring("b")
    async with stage.running(here, elsewhere):
        key, record = await here.create("laptop", by="admin")
        await stage.clock.settle()
        assert elsewhere.check.key_id(key) == record.id
        await elsewhere.revoke(record.id)
        await stage.clock.settle()
        assert here.check.key_id(key) == ""
        assert not here.records()[0].is_active


async def test_a_revoked_key_is_refused_at_once_and_stays_listed(stage: Stage) -> None:
    ring = stage.ring()
    key, record = await ring.create("laptop", by="admin")
    revoked = await ring.revoke(record.id)
    assert ring.check.key_id(key) == ""
    assert revoked.revoked_at == "2023-11-14T22:13:20.000+00:00"
    assert (ring.active_count, ring.records()) == (0, [revoked])


async def test_revoked_twice_a_key_keeps_its_first_instant(stage: Stage) -> None:
    ring = stage.ring()
    _, record = await ring.create("laptop", by="admin")
    first = await ring.revoke(record.id)
    await stage.clock.advance(60)
    assert await ring.revoke(record.id) == first


async def test_a_key_nobody_made_cannot_be_revoked(stage: Stage) -> None:
    for key_id in ("0" * 12, "", "*"):
        with pytest.raises(KeyUnknown, match="aiex keys list"):
            await stage.ring().revoke(key_id)


async def test_one_change_is_one_event(stage: Stage) -> None:
    ring = stage.ring()
    async with stage.running(ring):
        assert stage.events == []
        _, record = await ring.create("laptop", by="admin")
        await stage.clock.settle()
        await ring.revoke(record.id)
        await stage.clock.settle()
        assert stage.events == [KeysChanged(1, 1), KeysChanged(0, 2)]


async def test_a_restart_that_finds_what_it_remembers_tells_of_it_once(stage: Stage) -> None:
    await stage.ring().create("laptop", by="admin")
    stage.events.clear()
    async with stage.running(stage.ring()):
        assert stage.events == [KeysChanged(1, 0)]


async def test_keys_outlive_a_restart_while_the_engine_is_away(stage: Stage) -> None:
    key, record = await stage.ring().create("laptop", by="admin")
    stage.store.go_down("a drill")
    ring = stage.ring()
    async with stage.running(ring):
        assert ring.check.key_id(key) == record.id
        with pytest.raises(EngineUnavailable, match="a drill"):
            await ring.create("another", by="admin")
        with pytest.raises(EngineUnavailable):
            await ring.revoke(record.id)
        assert ring.check.key_id(key) == record.id


async def test_what_changed_while_a_node_was_down_holds_once_it_hears_of_it(stage: Stage) -> None:
    key, record = await stage.ring("a").create("laptop", by="admin")
    late = stage.ring("a")
    await stage.ring("b").revoke(record.id)
    assert late.check.key_id(key) == record.id
    async with stage.running(late):
        assert late.check.key_id(key) == ""


async def test_a_revocation_that_was_heard_survives_a_restart_without_the_engine(
    stage: Stage,
) -> None:
    ring = stage.ring("a")
    key, record = await ring.create("laptop", by="admin")
    async with stage.running(ring):
        await stage.ring("b").revoke(record.id)
        await stage.clock.settle()
    stage.store.go_down("a drill")
    assert stage.ring("a").check.key_id(key) == ""


async def test_a_node_that_has_no_view_yet_starts_after_a_patient_while(told: Stage) -> None:
    async with told.running(told.ring()):
        await told.clock.advance(PATIENCE_S - 0.1)
        assert told.readies == []
        await told.clock.advance(0.1)
        tell(told, Refreshed())
        await told.clock.settle()
        assert told.readies == ["!"]


async def test_with_a_view_a_node_is_ready_at_once_and_only_once(told: Stage) -> None:
    async with told.running(told.ring()):
        tell(told, Refreshed())
        await told.clock.settle()
        assert told.readies == ["!"]
        tell(told, Refreshed())
        await told.clock.advance(PATIENCE_S)
        assert told.readies == ["!"]


async def test_stopped_before_it_was_ready_it_never_says_so(told: Stage) -> None:
    async with told.running(told.ring()):
        pass
    await told.clock.advance(PATIENCE_S)
    assert told.readies == []


async def test_an_engine_that_lost_everything_takes_the_keys_and_opens_no_door(
    told: Stage,
) -> None:
    assert isinstance(told.store, ToldStore)
    ring = told.ring()
    async with told.running(ring):
        key, _ = await ring.create("laptop", by="admin")
        told.store.lose_everything()
        await told.clock.settle()
        assert ring.check.key_id(key) == ""
        assert ring.has_ever_held_one
        fresh, record = await ring.create("new", by="admin")
        assert ring.check.key_id(fresh) == record.id
    assert told.ring().has_ever_held_one


async def test_a_deleted_record_is_a_key_no_more(stage: Stage) -> None:
    ring = stage.ring()
    async with stage.running(ring):
        key, record = await ring.create("laptop", by="admin")
        await stage.store.rows(KEYS).delete((record.id,))
        await stage.clock.settle()
        assert ring.check.key_id(key) == ""
        assert ring.has_ever_held_one


async def test_a_node_that_never_had_a_key_remembers_none(stage: Stage) -> None:
    ring = stage.ring()
    async with stage.running(ring):
        assert not ring.has_ever_held_one
    assert not stage.ring().has_ever_held_one
    assert stage.ring(key_of_setting="k").has_ever_held_one


async def test_a_late_word_of_an_older_record_revives_no_revoked_key(told: Stage) -> None:
    ring = told.ring()
    async with told.running(ring):
        tell(told, Refreshed())
        await told.clock.settle()
        key, record = await ring.create("laptop", by="admin")
        await ring.revoke(record.id)
        tell(told, RowPut((record.id,), Stored(record, 1, 0.0)))
        await told.clock.settle()
        assert ring.check.key_id(key) == ""
        assert told.events == [KeysChanged(1, 1), KeysChanged(0, 2)]


async def test_a_key_made_before_the_view_was_there_is_kept(told: Stage) -> None:
    ring = told.ring()
    async with told.running(ring):
        key, record = await ring.create("laptop", by="admin")
        tell(told, Refreshed())
        await told.clock.settle()
        assert ring.check.key_id(key) == record.id


async def test_neither_table_nor_file_holds_a_secret(stage: Stage) -> None:
    key, _ = await stage.ring().create("laptop", by="admin")
    secret = key.split("-", 3)[3].encode()
    (stored,) = stage.store.rows(KEYS).all_now(())
    assert secret not in msgspec.json.encode(stored.row)
    assert secret not in stage.file().read_bytes()
    assert stage.file().stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"x":{"id":"x"}}'])
async def test_a_broken_file_is_no_keys_and_opens_no_door(stage: Stage, content: bytes) -> None:
    stage.file().write_bytes(content)
    ring = stage.ring()
    assert ring.records() == []
    assert ring.has_ever_held_one


async def test_a_file_that_cannot_be_written_costs_no_key(stage: Stage) -> None:
    stage.file().mkdir()
    ring = stage.ring()
    key, record = await ring.create("laptop", by="admin")
    assert ring.check.key_id(key) == record.id


class RacedStore(MemoryStore):
    """Somebody else always writes first."""

    def __init__(self) -> None:
        super().__init__(FakeClock())
        self.raced = RacedRows(self, KEYS)

    def rows(self, _: Table[Any]) -> Any:
        return self.raced


class RacedRows(MemoryRows[KeyRecord]):
    async def put(self, row: KeyRecord, *, expects: int | None = None, **more: Any) -> Written:
        if expects and (there := self.now((row.id,))) is not None:
            await super().put(there.row)
        return await super().put(row, expects=expects, **more)


async def test_a_lost_race_to_revoke_is_run_again_but_not_for_ever(tmp_path: Path) -> None:
    store = RacedStore()
    ring = Stage(tmp_path, store).ring()
    _, record = await ring.create("laptop", by="admin")
    with pytest.raises(Conflict):
        await ring.revoke(record.id)
    assert store.raced.sequence(0) == 1 + CHANGE_TRIES_MAX


async def test_the_key_of_the_settings_counts_and_is_not_listed(stage: Stage) -> None:
    ring = stage.ring(key_of_setting="from-a-file")
    assert (ring.active_count, ring.records()) == (1, [])
    async with stage.running(ring):
        key, record = await ring.create("laptop", by="admin")
        assert ring.check.key_id("from-a-file") == "setting"
        assert ring.check.key_id(key) == record.id
        assert ring.active_count == 2


async def test_the_key_of_the_settings_is_told_of_though_no_other_ever_comes(stage: Stage) -> None:
    async with stage.running(stage.ring(key_of_setting="from-a-file")):
        assert stage.events == [KeysChanged(1, 0)]


async def test_keys_are_listed_oldest_first(stage: Stage) -> None:
    ring = stage.ring()
    for name in "abc":
        await ring.create(name, by="admin")
        await stage.clock.advance(1)
    assert [record.name for record in ring.records()] == ["a", "b", "c"]
