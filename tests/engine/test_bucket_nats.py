"""What a bucket makes of the answers of servers that have just started."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from aiex.engine import Deleted, Entry, StreamMessage
from aiex.engine.bucket_nats import NatsBucket
from aiex.engine.jetstream_refusal import StreamMissing
from aiex.engine.stream import DELETION
from aiex.errors import EngineUnavailable

KEPT = [
    StreamMessage("$KV.hot.level", 3, 0.0, DELETION, b""),
    StreamMessage("$KV.hot.level", 7, 0.0, {}, b"debug"),
]
ENTRY = Entry("level", b"debug", 7)


class Restarted:
    """A server that does not know its streams for the first `blind` questions."""

    def __init__(self, blind: int) -> None:
        self.blind = blind
        self.asked_for: list[str] = []
        self.too_few = ""

    async def last_message(self, _: str, __: str) -> StreamMessage:
        self._look()
        return KEPT[-1]

    async def next_message(self, _: str, __: str, seq: int) -> StreamMessage | None:
        self._look()
        return next((one for one in KEPT if one.sequence >= seq), None)

    async def stream(self, _: str) -> None:
        raise StreamMissing

    async def ensure_stream(self, name: str, _: Mapping[str, Any]) -> None:
        self.asked_for.append(name)
        if self.too_few:
            raise EngineUnavailable(self.too_few)

    def _look(self) -> None:
        self.blind -= 1
        if self.blind >= 0:
            raise StreamMissing


def bucket(server: Restarted) -> NatsBucket:
    return NatsBucket("hot", server, history=64)  # type: ignore[arg-type]


async def test_a_bucket_that_is_yet_to_be_opened_is_not_read_as_one_that_holds_nothing() -> None:
    server = Restarted(blind=1)
    assert await bucket(server).get("level") == ENTRY
    assert server.asked_for == ["KV_hot"]


async def test_the_history_of_a_key_is_whole_though_its_bucket_is_yet_to_be_opened() -> None:
    server = Restarted(blind=1)
    assert await bucket(server).history("level") == [Deleted("level", 3), ENTRY]
    assert server.asked_for == ["KV_hot"]


@pytest.mark.parametrize("read", [NatsBucket.get, NatsBucket.history])
async def test_a_bucket_that_stays_missing_after_it_was_made_cannot_be_read_now(
    read: Callable[[NatsBucket, str], Awaitable[object]],
) -> None:
    with pytest.raises(EngineUnavailable, match="KV_hot has no leader"):
        await read(bucket(Restarted(blind=2)), "level")


async def test_all_entries_are_not_none_because_the_bucket_is_yet_to_be_opened() -> None:
    server = Restarted(blind=1)
    server.too_few = "too few of the cluster's servers are there"
    with pytest.raises(EngineUnavailable, match="too few"):
        await bucket(server).entries()
