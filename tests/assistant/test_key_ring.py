"""A ring of keys follows its bucket, outlives the engine's outages, and says only what changed."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiex.assistant.events import KeysChanged
from aiex.assistant.key_ring import PATIENCE_S, REVOKE_TRIES_MAX, KeyRing, KeyUnknown
from aiex.assistant.keys import KeyRecord, new_key
from aiex.engine import CaughtUp, Change, Entry
from aiex.errors import Conflict, EngineUnavailable
from aiex.testing.bucket_memory import MemoryBucket
from aiex.testing.clock import FakeClock

AT = "2026-01-01T00:00:00.000+00:00"


class Stage:
    """Rings over one bucket, each with a file of its own, and what they emitted."""

    def __init__(self, directory: Path, bucket: MemoryBucket | None = None) -> None:
        self.bucket = bucket or MemoryBucket()
        self.clock = FakeClock()
        self.events: list[Any] = []
        self.readies: list[str] = []
        self._directory = directory

    def file(self, node: str = "a") -> Path:
        return self._directory / f"{node}.json"

    def ring(self, node: str = "a", key_of_setting: str | None = None) -> KeyRing:
        """A ring as it is when its node has just started."""
        ring = KeyRing(
            self.bucket,
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
    stage.bucket.go_down("a drill")
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
    stage.bucket.go_down("a drill")
    assert stage.ring("a").check.key_id(key) == ""


async def test_a_node_starts_without_the_engine_after_a_patient_while(stage: Stage) -> None:
    stage.bucket.go_down("a drill")
    async with stage.running(stage.ring()):
        await stage.clock.advance(PATIENCE_S - 0.1)
        assert stage.readies == []
        await stage.clock.advance(0.1)
        stage.bucket.come_back()
        await stage.clock.settle()
        assert stage.readies == ["!"]


async def test_with_the_engine_a_node_is_ready_at_once_and_only_once(stage: Stage) -> None:
    async with stage.running(stage.ring()):
        assert stage.readies == ["!"]
        stage.bucket.lose_everything()
        await stage.clock.advance(PATIENCE_S)
        assert stage.readies == ["!"]


async def test_stopped_before_it_was_ready_it_never_says_so(stage: Stage) -> None:
    stage.bucket.go_down("a drill")
    async with stage.running(stage.ring()):
        pass
    await stage.clock.advance(PATIENCE_S)
    assert stage.readies == []


async def test_an_engine_that_lost_everything_takes_the_keys_and_opens_no_door(
    stage: Stage,
) -> None:
    ring = stage.ring()
    async with stage.running(ring):
        key, _ = await ring.create("laptop", by="admin")
        await stage.clock.settle()
        stage.bucket.lose_everything()
        await stage.clock.settle()
        assert ring.check.key_id(key) == ""
        assert ring.has_ever_held_one
        fresh, record = await ring.create("new", by="admin")
        await stage.clock.settle()
        assert ring.check.key_id(fresh) == record.id
    assert stage.ring().has_ever_held_one


async def test_a_deleted_record_is_a_key_no_more(stage: Stage) -> None:
    ring = stage.ring()
    async with stage.running(ring):
        key, record = await ring.create("laptop", by="admin")
        await stage.bucket.delete(record.id)
        await stage.clock.settle()
        assert ring.check.key_id(key) == ""
        assert ring.has_ever_held_one


async def test_a_node_that_never_had_a_key_remembers_none(stage: Stage) -> None:
    ring = stage.ring()
    async with stage.running(ring):
        assert not ring.has_ever_held_one
    assert not stage.ring().has_ever_held_one
    assert stage.ring(key_of_setting="k").has_ever_held_one


class SlowBucket(MemoryBucket):
    """Tells its watchers of changes only when they are let through."""

    def __init__(self) -> None:
        super().__init__()
        self.told: asyncio.Queue[Change] = asyncio.Queue()

    async def watch(self) -> AsyncIterator[Change]:  # type: ignore[override]
        while True:
            yield await self.told.get()


async def test_a_late_word_of_an_older_record_revives_no_revoked_key(tmp_path: Path) -> None:
    bucket = SlowBucket()
    stage = Stage(tmp_path, bucket)
    ring = stage.ring()
    async with stage.running(ring):
        bucket.told.put_nowait(CaughtUp(0))
        await stage.clock.settle()
        key, record = await ring.create("laptop", by="admin")
        created = await bucket.get(record.id)
        assert created is not None
        await ring.revoke(record.id)
        bucket.told.put_nowait(created)
        await stage.clock.settle()
        assert ring.check.key_id(key) == ""
        assert stage.events == [KeysChanged(1, 1), KeysChanged(0, 2)]


async def test_a_key_made_while_the_bucket_is_read_is_kept(tmp_path: Path) -> None:
    bucket = SlowBucket()
    stage = Stage(tmp_path, bucket)
    ring = stage.ring()
    async with stage.running(ring):
        key, record = await ring.create("laptop", by="admin")
        bucket.told.put_nowait(CaughtUp(0))
        await stage.clock.settle()
        assert ring.check.key_id(key) == record.id


@settings(max_examples=25, deadline=None)  # it waits for the disc
@given(
    st.dictionaries(
        st.text().filter(lambda name: name not in KeyRecord.__struct_fields__),
        st.text() | st.integers(-(2**53), 2**53) | st.none(),
        max_size=4,
    )
)
def test_a_newer_releases_record_is_taken_and_revoked_with_all_it_holds(
    tmp_path_factory: pytest.TempPathFactory, unknown: dict[str, Any]
) -> None:
    async def story() -> None:
        stage = Stage(tmp_path_factory.mktemp("node"))
        key, record = new_key("tomorrow", at=AT, by="admin")
        fields = json.loads(msgspec.json.encode(record)) | unknown
        await stage.bucket.put(record.id, json.dumps(fields).encode())
        ring = stage.ring()
        async with stage.running(ring):
            assert ring.check.key_id(key) == record.id
            revoked = await ring.revoke(record.id)
        kept = await stage.bucket.get(record.id)
        assert kept is not None
        assert json.loads(kept.value) == fields | {"revoked_at": revoked.revoked_at}

    asyncio.run(story())


@pytest.mark.parametrize("broken", [b"", b"[]", b"\xff", b'{"id":"x"}'])
async def test_a_record_nobody_can_read_harms_no_other_key(stage: Stage, broken: bytes) -> None:
    ring = stage.ring()
    await stage.bucket.put("before", broken)
    async with stage.running(ring):
        key, record = await ring.create("laptop", by="admin")
        await stage.bucket.put("after", broken)
        await stage.clock.settle()
        assert ring.check.key_id(key) == record.id
        assert ring.active_count == 1
        with pytest.raises(KeyUnknown):
            await ring.revoke("after")


async def test_neither_bucket_nor_file_holds_a_secret(stage: Stage) -> None:
    key, _ = await stage.ring().create("laptop", by="admin")
    secret = key.split("-", 3)[3].encode()
    (entry,) = await stage.bucket.entries()
    assert secret not in entry.value
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


class RacedBucket(MemoryBucket):
    """Somebody else always writes first."""

    async def update(self, key: str, value: bytes, revision: int) -> int:
        entry = await self.get(key)
        assert entry is not None
        await self.put(key, entry.value)
        return await super().update(key, value, revision)


async def test_a_lost_race_to_revoke_is_run_again_but_not_for_ever(tmp_path: Path) -> None:
    stage = Stage(tmp_path, RacedBucket())
    ring = stage.ring()
    _, record = await ring.create("laptop", by="admin")
    with pytest.raises(Conflict):
        await ring.revoke(record.id)
    newest = await stage.bucket.get(record.id)
    assert isinstance(newest, Entry)
    assert newest.revision == 1 + REVOKE_TRIES_MAX


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
