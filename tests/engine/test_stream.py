"""What a stream of the engine promises, asked of a real server."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from aiex.engine import (
    BATCH_LEN_MAX,
    DELETION,
    Began,
    Engine,
    Followed,
    NewMessage,
    Position,
    Repeated,
    Stream,
    StreamConfig,
    StreamMessage,
    UpToDate,
)
from aiex.errors import Conflict

pytestmark = pytest.mark.integration

DEADLINE_S = 10.0
TIMEOUT_S = 3.0


def config_of(name: str, storage: str = "disc") -> StreamConfig:
    return StreamConfig(
        f"T_{name}",
        followed=f"aiex.test.{name}.>",
        barrier=f"aiex.test.{name}",
        storage=storage,  # type: ignore[arg-type]
        marker_life_s=60,
    )


@pytest.fixture(params=["disc", "memory"])
def stream(engine: Engine, request: pytest.FixtureRequest) -> Stream:
    return engine.stream(config_of(secrets.token_hex(4), request.param))


@pytest.fixture
def disc_stream(engine: Engine) -> Stream:
    return engine.stream(config_of(secrets.token_hex(4)))


def message(stream: Stream, word: str, data: bytes = b"", **more: object) -> NewMessage:
    subject = stream.config.followed.replace(">", word)
    return NewMessage(subject, data, **more)  # type: ignore[arg-type]


async def write(stream: Stream, word: str, data: bytes = b"", **more: object) -> int:
    return (await stream.write(message(stream, word, data, **more), timeout_s=TIMEOUT_S)).sequence


async def newest(stream: Stream, words: str = ">") -> list[tuple[str, bytes]]:
    """The last word of each subject and its data, in their order."""
    subjects = stream.config.followed.replace(">", words)
    return [
        (one.subject.rsplit(".", 1)[1], one.data)
        async for one in stream.newest(subjects, timeout_s=DEADLINE_S)
    ]


@asynccontextmanager
async def following(stream: Stream, position: Position) -> AsyncIterator[AsyncGenerator[Followed]]:
    """Follow the stream; every step has a deadline."""
    async with aclosing(stream.follow(position)) as followed, asyncio.timeout(DEADLINE_S):
        yield followed


async def until_up_to_date(followed: AsyncGenerator[Followed]) -> list[Followed]:
    found: list[Followed] = []
    while not found or not isinstance(found[-1], UpToDate):
        found.append(await anext(followed))
    return found


async def next_message(followed: AsyncGenerator[Followed]) -> StreamMessage:
    async for one in followed:
        if isinstance(one, StreamMessage):
            return one
    raise AssertionError("it is followed for ever")


async def test_a_message_is_kept_with_its_headers_and_found_by_its_subject(stream: Stream) -> None:
    sequence = await write(stream, "a", b"1", id="one", headers={"Version": "t.1"})
    last = await stream.last(message(stream, "a").subject, timeout_s=TIMEOUT_S)
    assert last is not None
    assert (last.sequence, last.data, last.id) == (sequence, b"1", "one")
    assert last.headers["Version"] == "t.1"
    assert not last.is_deletion
    assert await stream.last(message(stream, "b").subject, timeout_s=TIMEOUT_S) is None


async def test_a_stream_that_nobody_wrote_to_has_nothing(stream: Stream) -> None:
    assert await stream.facts(timeout_s=TIMEOUT_S) is None
    assert await stream.last(message(stream, "a").subject, timeout_s=TIMEOUT_S) is None
    assert await newest(stream) == []


async def test_a_message_sent_again_with_its_id_is_kept_once(stream: Stream) -> None:
    first = await stream.write(message(stream, "a", b"1", id="x"), timeout_s=TIMEOUT_S)
    again = await stream.write(message(stream, "a", b"1", id="x"), timeout_s=TIMEOUT_S)
    assert (again.sequence, again.is_repeat) == (first.sequence, True)
    assert not first.is_repeat


async def test_a_message_sent_again_after_it_was_overwritten_is_still_known(stream: Stream) -> None:
    first = await write(stream, "a", b"1", id="x", expects=0)
    await write(stream, "a", b"2", id="y", expects=first)
    again = await stream.write(message(stream, "a", b"1", id="x"), timeout_s=TIMEOUT_S)
    assert (again.sequence, again.is_repeat) == (first, True)
    # The engine looks at what is expected first.
    with pytest.raises(Conflict):
        await write(stream, "a", b"1", id="x", expects=0)


async def test_an_expectation_that_does_not_hold_is_a_conflict(stream: Stream) -> None:
    first = await write(stream, "a", expects=0)
    with pytest.raises(Conflict):
        await write(stream, "a", expects=0)
    second = await write(stream, "a", expects=first)
    with pytest.raises(Conflict):
        await write(stream, "a", expects=first)
    assert second > first


async def test_a_batch_is_kept_as_a_whole_and_in_one_piece(stream: Stream) -> None:
    words = [f"w{number}" for number in range(10)]
    kept = await stream.write_batch(
        [message(stream, word, word.encode(), id=f"id {word}", expects=0) for word in words],
        timeout_s=TIMEOUT_S,
    )
    assert await newest(stream) == [(word, word.encode()) for word in words]
    last = await stream.last(message(stream, "w9").subject, timeout_s=TIMEOUT_S)
    first = await stream.last(message(stream, "w0").subject, timeout_s=TIMEOUT_S)
    assert first is not None
    assert last is not None
    assert last.sequence == kept.sequence == first.sequence + 9
    assert last.batch_id == first.batch_id != ""
    assert (first.ends_batch, last.ends_batch) == (False, True)


async def test_a_batch_with_one_conflict_keeps_nothing(stream: Stream) -> None:
    await write(stream, "b", b"there")
    batch = [message(stream, "a", b"new"), message(stream, "b", b"new", expects=0)]
    with pytest.raises(Conflict):
        await stream.write_batch(batch, timeout_s=TIMEOUT_S)
    assert await newest(stream) == [("b", b"there")]


async def test_a_batch_sent_again_is_recognised_and_not_kept_twice(stream: Stream) -> None:
    batch = [message(stream, word, b"1", id=word) for word in "abc"]
    kept = await stream.write_batch(batch, timeout_s=TIMEOUT_S)
    with pytest.raises(Repeated):
        await stream.write_batch(batch, timeout_s=TIMEOUT_S)
    facts = await stream.facts(timeout_s=TIMEOUT_S)
    assert facts is not None
    assert facts.last_sequence == kept.sequence


async def test_the_largest_batch_is_taken(disc_stream: Stream) -> None:
    batch = [message(disc_stream, f"w{number}", b"1") for number in range(BATCH_LEN_MAX)]
    kept = await disc_stream.write_batch(batch, timeout_s=DEADLINE_S)
    assert kept.sequence == BATCH_LEN_MAX


async def test_a_message_ends_by_its_time_and_leaves_a_deletion(stream: Stream) -> None:
    await write(stream, "a", b"short", ttl_s=1)
    async with following(stream, Position()) as followed:
        first = await next_message(followed)
        ended = await next_message(followed)
    assert (first.data, first.is_deletion) == (b"short", False)
    assert ended.is_deletion
    assert ended.sequence > first.sequence
    with pytest.raises(Conflict):
        await write(stream, "a", expects=0)
    await write(stream, "a", expects=ended.sequence)


async def test_a_deletion_is_a_message_and_ends_by_its_own_time(stream: Stream) -> None:
    await write(stream, "a", b"1")
    await write(stream, "a", ttl_s=1, headers=DELETION)
    last = await stream.last(message(stream, "a").subject, timeout_s=TIMEOUT_S)
    assert last is not None
    assert last.is_deletion


async def test_the_newest_are_those_of_the_filter_in_their_order(stream: Stream) -> None:
    for word in ("x.2", "x.1", "y.1"):
        await write(stream, word, word.encode())
    await write(stream, "x.2", b"changed")
    assert await newest(stream, "x.*") == [("1", b"x.1"), ("2", b"changed")]
    assert await newest(stream, "z.*") == []


async def test_more_than_one_answer_holds_are_given_all_the_same(disc_stream: Stream) -> None:
    words = [f"w{number}" for number in range(1_500)]
    for start in (0, 750):
        batch = [message(disc_stream, word, b"1") for word in words[start : start + 750]]
        await disc_stream.write_batch(batch, timeout_s=DEADLINE_S)
    assert [word for word, _ in await newest(disc_stream)] == words


async def test_a_follower_is_told_what_there_is_then_each_change(stream: Stream) -> None:
    first = await write(stream, "a", b"1")
    async with following(stream, Position()) as followed:
        began, given, up_to_date = await until_up_to_date(followed)
        assert isinstance(began, Began)
        assert began.position.sequence == 0
        assert isinstance(given, StreamMessage)
        assert (given.sequence, given.data) == (first, b"1")
        assert up_to_date == UpToDate(first)
        second = await write(stream, "b", b"2")
        assert (await next_message(followed)).sequence == second


async def test_what_nobody_follows_moves_the_sequence_and_holds_nobody_up(stream: Stream) -> None:
    first = await write(stream, "a", b"1")
    bare = NewMessage(stream.config.barrier, b"mark")
    for _ in range(3):
        await stream.write(bare, timeout_s=TIMEOUT_S)
    async with following(stream, Position()) as followed:
        *_, given, up_to_date = await until_up_to_date(followed)
        assert isinstance(given, StreamMessage)
        assert given.sequence == first
        assert up_to_date == UpToDate(first + 3)
    assert await newest(stream) == [("a", b"1")]


async def test_who_comes_back_is_told_only_what_came_after(stream: Stream) -> None:
    await write(stream, "a", b"1")
    async with following(stream, Position()) as followed:
        began, given, _ = await until_up_to_date(followed)
    assert isinstance(began, Began)
    assert isinstance(given, StreamMessage)
    second = await write(stream, "b", b"2")
    position = Position(began.position.identity, given.sequence)
    async with following(stream, position) as followed:
        again, after, _ = await until_up_to_date(followed)
    assert again == Began(position)
    assert isinstance(after, StreamMessage)
    assert after.sequence == second


@pytest.mark.parametrize("position", [Position("another", 1), Position("", 1)])
async def test_who_followed_another_stream_is_told_all_anew(
    stream: Stream, position: Position
) -> None:
    first = await write(stream, "a", b"1")
    async with following(stream, position) as followed:
        began, given, _ = await until_up_to_date(followed)
    assert isinstance(began, Began)
    assert began.position.sequence == 0
    assert isinstance(given, StreamMessage)
    assert given.sequence == first


async def test_who_followed_further_than_the_stream_goes_is_told_all_anew(stream: Stream) -> None:
    await write(stream, "a", b"1")
    facts = await stream.facts(timeout_s=TIMEOUT_S)
    assert facts is not None
    async with following(stream, Position(facts.identity, 1_000)) as followed:
        began = await anext(followed)
    assert began == Began(Position(facts.identity, 0))


async def test_a_follower_hears_that_the_engine_lives_while_nothing_is_written(
    stream: Stream,
) -> None:
    first = await write(stream, "a", b"1")
    async with following(stream, Position()) as followed:
        await until_up_to_date(followed)
        assert [await anext(followed), await anext(followed)] == [UpToDate(first)] * 2


@pytest.mark.parametrize("row_count", [40, 1_200], ids=["one answer", "more than one answer"])
async def test_all_that_is_there_is_given_while_it_is_overwritten(
    disc_stream: Stream, row_count: int
) -> None:
    words = {f"w{number}" for number in range(row_count)}

    async def overwrite() -> None:
        while True:
            for start in range(0, row_count, 600):
                batch = [
                    message(disc_stream, f"w{number}", b"1")
                    for number in range(start, min(start + 600, row_count))
                ]
                await disc_stream.write_batch(batch, timeout_s=DEADLINE_S)

    for start in range(0, row_count, 600):
        batch = [
            message(disc_stream, f"w{number}")
            for number in range(start, min(start + 600, row_count))
        ]
        await disc_stream.write_batch(batch, timeout_s=DEADLINE_S)
    overwriting = asyncio.create_task(overwrite())
    try:
        async with asyncio.timeout(3 * DEADLINE_S):
            for _ in range(20):
                found = [word for word, _ in await newest(disc_stream)]
                assert set(found) == words
                assert len(found) == row_count
    finally:
        overwriting.cancel()
        await asyncio.wait([overwriting])
