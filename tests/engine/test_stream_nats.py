"""What a stream makes of the answers of servers that have just started, or are about to stop."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from aiex.engine import Kept, NewMessage, StreamConfig, StreamMessage
from aiex.engine.jetstream_refusal import StreamMissing
from aiex.engine.session import NoAnswer
from aiex.engine.stream_nats import NatsStream
from aiex.errors import EngineUnavailable

CONFIG = StreamConfig(
    "T_notes_0", followed="notes.>", barrier="notes", storage="disc", marker_life_s=60
)
ROW = StreamMessage("notes.a", 7, 0.0, {}, b"a row")


class Restarted:
    """A server that does not know its streams for the first `blind` questions."""

    def __init__(self, blind: int) -> None:
        self.blind = blind
        self.made: list[str] = []

    async def last_message(self, _: str, __: str, *, timeout_s: float) -> StreamMessage:
        self.blind -= 1
        if self.blind >= 0:
            raise StreamMissing
        return ROW

    async def ensure_stream(self, name: str, _: Mapping[str, Any]) -> None:
        self.made.append(name)


def stream(server: Restarted) -> NatsStream:
    return NatsStream(CONFIG, server, trouble=lambda: "")  # type: ignore[arg-type]


async def test_a_stream_that_is_yet_to_be_opened_is_not_read_as_empty() -> None:
    server = Restarted(blind=1)
    assert await stream(server).last("notes.a", timeout_s=1.0) == ROW
    assert server.made == ["T_notes_0"]


async def test_a_stream_that_stays_missing_after_it_was_made_cannot_be_read_now() -> None:
    with pytest.raises(EngineUnavailable, match="no leader"):
        await stream(Restarted(blind=2)).last("notes.a", timeout_s=1.0)


class Blind:
    """A server that does not know its streams; the leader of all knows those of these names."""

    def __init__(self, *known: str) -> None:
        self._known = known

    async def stream(self, _: str) -> None:
        raise StreamMissing

    async def is_known(self, name: str, subject: str) -> bool:
        assert subject == CONFIG.followed
        return name in self._known


async def test_there_are_no_facts_of_a_stream_that_is_not_there() -> None:
    bare = NatsStream(CONFIG, Blind("T_notes_1"), trouble=lambda: "")  # type: ignore[arg-type]
    assert await bare.facts(timeout_s=1.0) is None


async def test_a_stream_that_is_yet_to_be_opened_is_not_told_to_be_missing() -> None:
    closed = NatsStream(CONFIG, Blind("T_notes_0"), trouble=lambda: "")  # type: ignore[arg-type]
    with pytest.raises(EngineUnavailable, match="yet to be opened"):
        await closed.facts(timeout_s=1.0)


class Leaving:
    """A leader that takes rows along when it stops; who follows it keeps a barrier."""

    def __init__(self) -> None:
        self.batches: list[str] = []

    async def begin_batch(self, subject: str, _: bytes, **__: Any) -> None:
        self.batches.append(subject)

    async def write(self, subject: str, _: bytes, **__: Any) -> Kept:
        if subject != CONFIG.barrier:
            await asyncio.Event().wait()
        return Kept(8)


async def test_a_row_that_was_lost_with_its_leader_is_not_waited_for() -> None:
    leaving = NatsStream(CONFIG, Leaving(), trouble=lambda: "")  # type: ignore[arg-type]
    with pytest.raises(NoAnswer, match="another server leads"):
        await leaving.write(NewMessage("notes.a"), timeout_s=3600.0)


async def test_a_batch_whose_end_was_lost_with_its_leader_is_not_waited_for() -> None:
    leaving = NatsStream(CONFIG, Leaving(), trouble=lambda: "")  # type: ignore[arg-type]
    batch = [NewMessage("notes.a"), NewMessage("notes.b")]
    with pytest.raises(NoAnswer, match="another server leads"):
        await leaving.write_batch(batch, timeout_s=3600.0)
