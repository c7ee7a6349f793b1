"""Rows of a backup written again: once, whole, and without taking what is others'."""

import msgspec
import pytest

from aiex.errors import StoreUnavailable, WriteUncertain
from aiex.store import Table
from aiex.store.backup_line import SavedRow, SavedValue
from aiex.store.restore import BATCH_ROWS, CLEARED_MAX, Restore, Restored, RowRefused
from aiex.store.table import Fields
from aiex.testing.bucket_memory import MemoryBucket
from aiex.testing.clock import FakeClock
from aiex.testing.store_memory import MemoryStore


class Note(msgspec.Struct, frozen=True):
    book: str
    page: int = 0
    text: str = ""


def with_page(version: int, fields: Fields) -> Fields:
    """Version 1 had the page in its text."""
    return {**fields, "page": int(fields["number"])} if version == 1 else fields


NOTES = Table("notes", row=Note, key=("book", "page"), version=2, upgrade=with_page, fragments=3)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(clock: FakeClock) -> MemoryStore:
    return MemoryStore(clock)


@pytest.fixture
def bucket() -> MemoryBucket:
    return MemoryBucket()


@pytest.fixture
def restore(store: MemoryStore, bucket: MemoryBucket, clock: FakeClock) -> Restore:
    return Restore(store, {"hot": bucket}, clock)


def saved(book: str, text: str = "", *, version: int = 2, ends_at_s: float = 0.0) -> SavedRow:
    row = msgspec.json.encode({"book": book, "page": 1, "text": text})
    return SavedRow(9, 1.0, version, msgspec.Raw(row), ends_at_s)


async def texts(store: MemoryStore) -> dict[str, str]:
    return {stored.row.book: stored.row.text async for stored in store.rows(NOTES).scan()}


async def test_rows_come_into_however_many_fragments_there_are(
    restore: Restore, store: MemoryStore
) -> None:
    lines = [saved(f"book {number}", "x") for number in range(3 * BATCH_ROWS)]
    done = await restore.write(NOTES, lines, overwrites=False)
    assert done == Restored(len(lines), 0, 0, ())
    assert await texts(store) == {f"book {number}": "x" for number in range(len(lines))}


async def test_what_is_there_stays_unless_it_is_to_be_overwritten(
    restore: Restore, store: MemoryStore
) -> None:
    await store.rows(NOTES).put(Note("a", 1, "there"))
    lines = [saved("a", "saved"), saved("b", "saved")]
    assert await restore.write(NOTES, lines, overwrites=False) == Restored(1, 1, 0, ())
    assert await texts(store) == {"a": "there", "b": "saved"}
    assert await restore.write(NOTES, lines, overwrites=True) == Restored(2, 0, 0, ())
    assert await texts(store) == {"a": "saved", "b": "saved"}


async def test_a_page_whose_answer_was_lost_is_written_again_without_harm(
    restore: Restore, store: MemoryStore
) -> None:
    lines = [saved("a"), saved("b")]
    store.lose_next_answer()
    with pytest.raises(WriteUncertain):
        await restore.write(NOTES, lines, overwrites=False)
    done = await restore.write(NOTES, lines, overwrites=False)
    assert done.written + done.kept == 2
    assert len(await texts(store)) == 2


async def test_rows_of_an_older_version_are_upgraded(restore: Restore, store: MemoryStore) -> None:
    row = msgspec.Raw(b'{"book":"a","number":"7"}')
    await restore.write(NOTES, [SavedRow(9, 1.0, 1, row)], overwrites=False)
    assert await store.rows(NOTES).get(("a", 7)) is not None


async def test_rows_of_a_newer_version_are_refused_by_name_and_the_others_are_written(
    restore: Restore, store: MemoryStore
) -> None:
    done = await restore.write(NOTES, [saved("a", version=3), saved("b")], overwrites=False)
    assert done.written == 1
    [refused] = done.refused
    assert refused.sequence == 9
    assert "version 3" in refused.reason
    assert list(await texts(store)) == ["b"]


@pytest.mark.parametrize(
    "row", [b"[]", b"{}", b'{"book":7,"page":1}', b'{"book":"a","page":1,"text":{}}', b"1"]
)
@pytest.mark.parametrize("version", [1, 2])
async def test_what_is_no_row_is_refused(restore: Restore, row: bytes, version: int) -> None:
    line = SavedRow(9, 1.0, version, msgspec.Raw(row))
    done = await restore.write(NOTES, [line], overwrites=False)
    assert (done.written, len(done.refused)) == (0, 1)


async def test_a_row_keeps_its_end_and_one_that_is_over_is_not_restored(
    restore: Restore, store: MemoryStore, clock: FakeClock
) -> None:
    now_s = clock.wall_s()
    lines = [saved("over", ends_at_s=now_s - 1), saved("soon", ends_at_s=now_s + 4.2)]
    assert await restore.write(NOTES, lines, overwrites=False) == Restored(1, 0, 1, ())
    await clock.advance(4.0)
    assert list(await texts(store)) == ["soon"]
    await clock.advance(1.5)
    assert not await texts(store)


async def test_clearing_deletes_what_was_not_written_since(
    restore: Restore, store: MemoryStore
) -> None:
    notes = store.rows(NOTES)
    for book in ("old", "older", "saved"):
        await notes.put(Note(book, 1))
    heads = {number: notes.sequence(number) for number in range(NOTES.fragments)}
    await restore.write(NOTES, [saved("saved", "anew")], overwrites=True)
    await notes.put(Note("new", 1))
    assert await restore.clear(NOTES, heads) == (2, True)
    assert set(await texts(store)) == {"saved", "new"}
    assert await restore.clear(NOTES, heads) == (0, True)


async def test_clearing_a_large_table_takes_several_calls(
    restore: Restore, store: MemoryStore
) -> None:
    notes = store.rows(NOTES)
    for number in range(CLEARED_MAX + 1):
        await notes.put(Note(f"book {number}", 1))
    heads = {number: notes.sequence(number) for number in range(NOTES.fragments)}
    assert await restore.clear(NOTES, heads) == (CLEARED_MAX, False)
    assert await restore.clear(NOTES, heads) == (1, True)


async def test_a_store_that_is_down_says_so(restore: Restore, store: MemoryStore) -> None:
    store.go_down("no quorum")
    with pytest.raises(StoreUnavailable):
        await restore.write(NOTES, [saved("a")], overwrites=False)


async def test_values_of_buckets_stay_or_are_overwritten_alike(
    restore: Restore, bucket: MemoryBucket
) -> None:
    await bucket.put("drain_s", b"10")
    lines = [SavedValue("hot", "drain_s", b"30"), SavedValue("hot", "weights", b"{}")]
    assert await restore.write_values(lines, overwrites=False) == Restored(1, 1, 0, ())
    assert await restore.write_values(lines, overwrites=True) == Restored(2, 0, 0, ())
    entry = await bucket.get("drain_s")
    assert entry is not None
    assert entry.value == b"30"


async def test_values_that_belong_nowhere_are_refused(restore: Restore) -> None:
    lines = [SavedValue("cluster", "charter", b"{}"), SavedValue("hot", "no key at all", b"")]
    done = await restore.write_values(lines, overwrites=True)
    assert [type(one) for one in done.refused] == [RowRefused, RowRefused]
