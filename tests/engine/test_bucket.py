"""What every bucket promises, asked of the one in memory and of the one in a real server."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import pytest

from aiex.engine import Bucket, CaughtUp, Change, Deleted, Engine, Entry
from aiex.errors import Conflict, EngineRefused
from aiex.testing.bucket_memory import MemoryBucket

DEADLINE_S = 10.0
MESSAGE_BYTES_MAX = 8 * 1024 * 1024
INVALID_KEYS = ["", ".", "a.", ".a", "a..b", "a b", "a*", ">", "schlüssel", "a\nb", "a\r\nPUB x"]


@pytest.fixture(params=["memory", pytest.param("nats", marks=pytest.mark.integration)])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    if request.param == "memory":
        return MemoryBucket()
    engine: Engine = request.getfixturevalue("engine")
    return engine.bucket(f"test-{secrets.token_hex(4)}")


@asynccontextmanager
async def watching(bucket: Bucket) -> AsyncIterator[AsyncGenerator[Change]]:
    """A watch that is closed at the end; every step has a deadline."""
    watch = bucket.watch()
    assert isinstance(watch, AsyncGenerator)
    async with aclosing(watch), asyncio.timeout(DEADLINE_S):
        yield watch


async def until_caught_up(watch: AsyncGenerator[Change]) -> list[Change]:
    """What a watch gives up to and with the first `CaughtUp`."""
    changes: list[Change] = []
    while not changes or not isinstance(changes[-1], CaughtUp):
        changes.append(await anext(watch))
    return changes


async def test_a_new_bucket_is_empty(bucket: Bucket) -> None:
    assert await bucket.get("key") is None
    assert await bucket.entries() == []


async def test_what_was_put_is_got_with_the_revision_that_was_answered(bucket: Bucket) -> None:
    revision = await bucket.put("key", b"value")
    assert await bucket.get("key") == Entry("key", b"value", revision)


async def test_revisions_grow_over_all_keys(bucket: Bucket) -> None:
    revisions = [
        await bucket.put("one", b"1"),
        await bucket.create("two", b"2"),
        await bucket.put("one", b"3"),
        await bucket.delete("two"),
        await bucket.create("two", b"4"),
    ]
    assert revisions == sorted(set(revisions))


@pytest.mark.parametrize("value", [b"", b"\x00\xff\r\n", b"x" * 1_000_000])
async def test_a_value_is_any_bytes_even_none_at_all(bucket: Bucket, value: bytes) -> None:
    await bucket.put("key", value)
    entry = await bucket.get("key")
    assert entry is not None
    assert entry.value == value


async def test_a_value_beyond_the_limit_is_refused_and_the_bucket_goes_on(bucket: Bucket) -> None:
    revision = await bucket.put("key", b"small")
    with pytest.raises(EngineRefused, match="larger than"):
        await bucket.put("key", b"x" * (MESSAGE_BYTES_MAX + 1))
    with pytest.raises(EngineRefused, match="larger than"):
        # The value alone would fit; with the headers of a compare-and-set it does not.
        await bucket.update("key", b"x" * (MESSAGE_BYTES_MAX - 20), revision)
    assert await bucket.update("key", b"x" * 7_000_000, revision) == revision + 1


async def test_create_refuses_a_key_that_has_a_value(bucket: Bucket) -> None:
    await bucket.create("key", b"first")
    with pytest.raises(Conflict):
        await bucket.create("key", b"second")
    entry = await bucket.get("key")
    assert entry is not None
    assert entry.value == b"first"


async def test_create_may_follow_a_deletion(bucket: Bucket) -> None:
    await bucket.create("key", b"first")
    await bucket.delete("key")
    revision = await bucket.create("key", b"second")
    assert await bucket.get("key") == Entry("key", b"second", revision)
    with pytest.raises(Conflict):
        await bucket.create("key", b"third")


async def test_update_needs_the_newest_revision(bucket: Bucket) -> None:
    first = await bucket.put("key", b"1")
    second = await bucket.update("key", b"2", first)
    for stale in (first, second + 1, 0):
        with pytest.raises(Conflict):
            await bucket.update("key", b"3", stale)
    assert await bucket.get("key") == Entry("key", b"2", second)


async def test_changes_of_other_keys_do_not_stand_in_the_way(bucket: Bucket) -> None:
    revision = await bucket.put("key", b"1")
    await bucket.put("other", b"1")
    assert await bucket.update("key", b"2", revision) > revision


async def test_a_refused_write_leaves_no_trace(bucket: Bucket) -> None:
    revision = await bucket.put("key", b"1")
    with pytest.raises(Conflict):
        await bucket.create("key", b"2")
    assert await bucket.put("key", b"3") == revision + 1


async def test_delete_takes_the_value_away_and_is_a_revision_of_its_own(bucket: Bucket) -> None:
    revision = await bucket.put("key", b"1")
    assert await bucket.delete("key") > revision
    assert await bucket.get("key") is None
    assert await bucket.entries() == []


async def test_delete_of_a_revision_refuses_when_it_is_not_the_newest(bucket: Bucket) -> None:
    first = await bucket.put("key", b"1")
    second = await bucket.put("key", b"2")
    with pytest.raises(Conflict):
        await bucket.delete("key", first)
    assert await bucket.get("key") == Entry("key", b"2", second)
    await bucket.delete("key", second)
    assert await bucket.get("key") is None


async def test_a_deleted_key_is_updated_at_the_revision_of_its_deletion(bucket: Bucket) -> None:
    first = await bucket.put("key", b"1")
    deletion = await bucket.delete("key")
    with pytest.raises(Conflict):
        await bucket.update("key", b"2", first)
    assert await bucket.update("key", b"2", deletion) == deletion + 1


async def test_of_many_who_create_one_key_one_succeeds(bucket: Bucket) -> None:
    attempts = [bucket.create("key", str(number).encode()) for number in range(20)]
    answers = await asyncio.gather(*attempts, return_exceptions=True)
    winners = [number for number, answer in enumerate(answers) if isinstance(answer, int)]
    assert len(winners) == 1
    assert sum(isinstance(answer, Conflict) for answer in answers) == 19
    entry = await bucket.get("key")
    assert entry is not None
    assert entry.value == str(winners[0]).encode()


async def test_counting_by_compare_and_set_loses_nothing(bucket: Bucket) -> None:
    await bucket.put("count", b"0")

    async def count_one() -> None:
        while True:
            entry = await bucket.get("count")
            assert entry is not None
            try:
                await bucket.update("count", str(int(entry.value) + 1).encode(), entry.revision)
            except Conflict:
                continue
            return

    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(*(count_one() for _ in range(10)))
    entry = await bucket.get("count")
    assert entry is not None
    assert entry.value == b"10"


@pytest.mark.parametrize("key", INVALID_KEYS)
async def test_what_cannot_be_a_key_is_refused_in_writes_and_has_no_value(
    bucket: Bucket, key: str
) -> None:
    writes: list[Callable[[], Awaitable[int]]] = [
        lambda: bucket.put(key, b""),
        lambda: bucket.create(key, b""),
        lambda: bucket.update(key, b"", 1),
        lambda: bucket.delete(key),
    ]
    for write in writes:
        with pytest.raises(ValueError, match="cannot be a key"):
            await write()
    assert await bucket.get(key) is None


@pytest.mark.parametrize("key", ["a", "A-9", "a/b=c_d", "a.b.c", "0123456789abcdef"])
async def test_keys_are_words_joined_by_dots(bucket: Bucket, key: str) -> None:
    revision = await bucket.create(key, b"value")
    assert await bucket.entries() == [Entry(key, b"value", revision)]


async def test_a_key_is_not_the_keys_below_it(bucket: Bucket) -> None:
    await bucket.put("a.b", b"below")
    assert await bucket.get("a") is None
    await bucket.create("a", b"above")
    assert [one.key for one in await bucket.entries()] == ["a.b", "a"]


async def test_entries_come_in_order_of_their_revisions(bucket: Bucket) -> None:
    for key in ("b", "a", "c", "d"):
        await bucket.put(key, key.encode())
    await bucket.put("b", b"again")
    await bucket.delete("c")
    entries = await bucket.entries()
    assert [one.key for one in entries] == ["a", "d", "b"]
    assert [one.revision for one in entries] == sorted(one.revision for one in entries)


async def test_a_watch_of_an_empty_bucket_is_caught_up_at_once(bucket: Bucket) -> None:
    async with watching(bucket) as watch:
        assert await anext(watch) == CaughtUp(0)
        revision = await bucket.put("key", b"1")
        assert await anext(watch) == Entry("key", b"1", revision)


async def test_a_watch_gives_the_newest_of_each_key_then_caught_up(bucket: Bucket) -> None:
    await bucket.put("a", b"overwritten")
    await bucket.put("b", b"1")
    newest = await bucket.put("a", b"2")
    async with watching(bucket) as watch:
        assert await until_caught_up(watch) == [
            Entry("b", b"1", newest - 1),
            Entry("a", b"2", newest),
            CaughtUp(newest),
        ]


async def test_a_watch_tells_deletions_those_before_it_began_too(bucket: Bucket) -> None:
    await bucket.put("a", b"1")
    before = await bucket.delete("a")
    async with watching(bucket) as watch:
        assert await until_caught_up(watch) == [Deleted("a", before), CaughtUp(before)]
        created = await bucket.create("a", b"2")
        assert await anext(watch) == Entry("a", b"2", created)
        after = await bucket.delete("a")
        assert await anext(watch) == Deleted("a", after)


async def test_a_watch_gives_every_change_in_order(bucket: Bucket) -> None:
    async with watching(bucket) as watch:
        await until_caught_up(watch)
        expected = []
        for number in range(100):
            key, value = f"key-{number % 7}", str(number).encode()
            expected.append(Entry(key, value, await bucket.put(key, value)))
        # One value of each key is kept, so a watch that hears of it late may miss overwritten ones.
        seen = [await anext(watch)]
        while seen[-1] != expected[-1]:
            seen.append(await anext(watch))
        assert [one for one in expected if one in seen] == seen
        assert {one.key: one for one in seen if isinstance(one, Entry)} == {
            one.key: one for one in expected
        }


async def test_two_watches_see_the_same_each_from_where_it_began(bucket: Bucket) -> None:
    first = await bucket.put("a", b"1")
    async with watching(bucket) as early:
        await until_caught_up(early)
        second = await bucket.put("b", b"2")
        async with watching(bucket) as late:
            assert await until_caught_up(late) == [
                Entry("a", b"1", first),
                Entry("b", b"2", second),
                CaughtUp(second),
            ]
            third = await bucket.put("c", b"3")
            assert await anext(late) == Entry("c", b"3", third)
        assert [await anext(early), await anext(early)] == [
            Entry("b", b"2", second),
            Entry("c", b"3", third),
        ]


async def test_a_watch_that_ends_leaves_the_others_alone(bucket: Bucket) -> None:
    async with watching(bucket) as staying:
        await until_caught_up(staying)
        async with watching(bucket) as leaving:
            await until_caught_up(leaving)
        revision = await bucket.put("key", b"1")
        assert await anext(staying) == Entry("key", b"1", revision)


@pytest.fixture(params=["memory", pytest.param("nats", marks=pytest.mark.integration)])
def keeping_three(request: pytest.FixtureRequest) -> Bucket:
    if request.param == "memory":
        return MemoryBucket(3)
    engine: Engine = request.getfixturevalue("engine")
    return engine.bucket(f"test-{secrets.token_hex(4)}", 3)


async def test_history_has_what_a_key_had_oldest_first(keeping_three: Bucket) -> None:
    bucket = keeping_three
    assert await bucket.history("key") == []
    first = await bucket.put("key", b"1")
    await bucket.put("other", b"x")
    gone = await bucket.delete("key")
    assert await bucket.history("key") == [Entry("key", b"1", first), Deleted("key", gone)]
    assert await bucket.history("nobody") == []


async def test_history_goes_back_as_far_as_the_bucket_keeps_it(keeping_three: Bucket) -> None:
    revisions = [await keeping_three.put("key", b"%d" % number) for number in range(5)]
    assert await keeping_three.history("key") == [
        Entry("key", b"%d" % number, revisions[number]) for number in (2, 3, 4)
    ]


async def test_a_bucket_that_keeps_one_has_no_past(bucket: Bucket) -> None:
    for value in (b"1", b"2"):
        revision = await bucket.put("key", value)
    assert await bucket.history("key") == [Entry("key", b"2", revision)]
