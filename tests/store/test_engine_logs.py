"""The log of a fragment, made of what its stream gives."""

from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest

from aiex.engine import Began, Position, StreamFacts, StreamMessage, UpToDate
from aiex.errors import StoreUnavailable
from aiex.store import Logged, Quiet, Table
from aiex.store.engine_logs import EngineLogs
from aiex.store.fragment import Fragment


class Note(msgspec.Struct, frozen=True):
    book: str


NOTES = Table("notes", row=Note, key=("book",))
WHERE = Fragment("notes", 0)
BEGAN = Began(Position("first"))


class _Stream:
    """Gives what it is told to; it is the engine's to go on for ever."""

    def __init__(self, *given: Any, newest: int = 0) -> None:
        self.given = given
        self.newest = newest
        self.with_history = False
        self.is_there = True

    async def facts(self, *, timeout_s: float) -> StreamFacts | None:
        assert timeout_s > 0
        return StreamFacts("first", 3, 2, 400, 9, 3, "n1") if self.is_there else None

    async def last(self, subject: str, *, timeout_s: float) -> StreamMessage | None:
        assert (subject, timeout_s > 0) == ("aiex_rows.notes.0.>", True)
        return message(self.newest)

    async def follow(self, _: Position, *, with_history: bool) -> AsyncGenerator[Any]:
        self.with_history = with_history
        for one in self.given:
            yield one


def message(
    sequence: int, *, pending: int = 0, data: bytes = b"{}", **headers: str
) -> StreamMessage:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return StreamMessage(WHERE.subject(("a",)), sequence, 100.0, named, data, pending)


async def steps(stream: Any) -> list[Any]:
    logs = EngineLogs(lambda _, __: (WHERE, stream))
    return [step async for step in logs.changes(NOTES, 0)]


async def quiet_at(*given: Any, newest: int = 0) -> list[int]:
    found = await steps(_Stream(*given, newest=newest))
    return [one.sequence for one in found if isinstance(one, Quiet)]


async def test_it_is_quiet_when_the_follower_is_up_to_date_and_as_long_as_nothing_is_skipped() -> (
    None
):
    given = (BEGAN, message(1), message(4), UpToDate(4), message(5), message(6), UpToDate(6))
    assert await quiet_at(*given) == [4, 5, 6, 6]


async def test_that_nothing_is_pending_proves_nothing() -> None:
    assert await quiet_at(BEGAN, message(1, pending=0), message(2, pending=0)) == []


async def test_after_a_gap_it_is_quiet_once_what_was_skipped_has_come() -> None:
    up = (BEGAN, message(1), UpToDate(1))
    skipping = (message(3, pending=9), message(4, pending=9), message(5, pending=9))
    assert await quiet_at(*up, *skipping, message(6, pending=9), newest=5) == [1, 5, 6]


async def test_a_gap_before_that_begins_it_anew() -> None:
    up = (BEGAN, message(1), UpToDate(1))
    skipping = (message(3, pending=9), message(5, pending=9))
    assert await quiet_at(*up, *skipping, newest=5) == [1, 5]
    assert await quiet_at(*up, *skipping, message(6, pending=9), newest=6) == [1, 6]
    gaps = (message(3, pending=9), message(5, pending=9), message(7, pending=9))
    assert await quiet_at(*up, *gaps, newest=8) == [1]


async def test_what_the_leader_has_nothing_behind_is_all() -> None:
    assert await quiet_at(BEGAN, message(1), UpToDate(1), message(9), newest=9) == [1, 9]


async def test_it_is_not_quiet_inside_a_batch() -> None:
    half = message(1, Nats_Batch_Id="b")
    end = message(2, Nats_Batch_Id="b", Nats_Batch_Commit="1")
    assert await quiet_at(BEGAN, half, UpToDate(1), end, message(3)) == [2, 3]


async def test_a_batch_whose_end_is_forgotten_does_not_keep_it_from_being_quiet() -> None:
    half = message(1, Nats_Batch_Id="b")
    assert await quiet_at(BEGAN, half, UpToDate(1), UpToDate(1)) == [1]


async def test_rows_deletions_ends_and_versions_are_told() -> None:
    given = (
        BEGAN,
        message(1, Aiex_Row_Version="3", Nats_TTL="60", data=b'{"book":"a"}'),
        message(2, KV_Operation="DEL", Nats_TTL="86400"),
    )
    put, deleted = [one for one in await steps(_Stream(*given)) if isinstance(one, Logged)]
    assert put == Logged(("a",), b'{"book":"a"}', 3, 1, 100.0, 160.0)
    assert (deleted.row, deleted.ends_at_s) == (None, 0.0)


async def test_all_that_is_kept_is_asked_for_and_not_only_the_newest() -> None:
    stream = _Stream(BEGAN, UpToDate(0))
    await steps(stream)
    assert stream.with_history


async def test_a_stream_that_was_replaced_is_no_log() -> None:
    with pytest.raises(StoreUnavailable, match="became another one"):
        await steps(_Stream(BEGAN, message(1), Began(Position("second"))))


async def test_a_fragment_that_was_never_used_is_not_made_by_looking() -> None:
    stream: Any = _Stream(BEGAN)
    stream.is_there = False
    assert await steps(stream) == [Quiet(0)]
    facts = await EngineLogs(lambda _, __: (WHERE, stream)).facts(NOTES, 0)
    assert facts.sequence == facts.row_count == 0


async def test_facts_are_those_of_the_stream() -> None:
    stream: Any = _Stream()
    facts = await EngineLogs(lambda _, __: (WHERE, stream)).facts(NOTES, 0)
    assert (facts.sequence, facts.row_count, facts.replica_count, facts.leader) == (9, 2, 3, "n1")
