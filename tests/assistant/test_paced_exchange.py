"""A stream goes on only when its client has taken what it was sent."""

import asyncio

import pytest

from aiex.assistant.exchange import ClientGone
from aiex.assistant.paced_exchange import WINDOW_BYTES, Pace, PacedExchange
from aiex.testing.clock import FakeClock
from aiex.testing.exchange import MemoryExchange, MemoryScope

STALL_S = 10.0
HALF = b"x" * (WINDOW_BYTES // 2)


class Client:
    """Has so much unread; counts how often that was asked."""

    def __init__(self, unread: int | None) -> None:
        self.unread = unread
        self.asked: list[tuple[str, str]] = []

    def unread_bytes(self, port: str, client: str) -> int | None:
        self.asked.append((port, client))
        return self.unread


def exchange_with(client: Client, clock: FakeClock) -> tuple[PacedExchange, MemoryExchange]:
    below = MemoryExchange(b"body")
    pace = Pace(client.unread_bytes, clock, STALL_S)
    began = client.asked.clear
    return PacedExchange(below, MemoryScope("POST", "/"), pace, began), below


async def test_a_short_stream_asks_nobody() -> None:
    client = Client(unread=1_000_000)
    exchange, below = exchange_with(client, FakeClock())
    outlet = exchange.response_stream(200, [])
    await outlet.send_bytes(HALF)
    assert exchange.is_streaming
    assert below.body == HALF
    assert client.asked == []


async def test_a_stream_waits_at_the_end_of_each_window_until_its_client_has_read() -> None:
    client, clock = Client(unread=50_000), FakeClock()
    exchange, below = exchange_with(client, clock)
    outlet = exchange.response_stream(200, [])
    await outlet.send_bytes(HALF)
    sending = asyncio.ensure_future(outlet.send_bytes(HALF))
    await clock.advance(STALL_S / 2)
    assert not sending.done()
    assert below.body == HALF + HALF
    assert client.asked[0] == ("8080", "127.0.0.1:50000")
    client.unread = 0
    await clock.advance(1.0)
    await sending
    await outlet.send_bytes(HALF)
    assert below.body == HALF * 3


async def test_a_client_that_reads_a_little_all_the_time_is_waited_for() -> None:
    client, clock = Client(unread=50_000), FakeClock()
    exchange, _ = exchange_with(client, clock)
    sending = asyncio.ensure_future(exchange.response_stream(200, []).send_bytes(HALF + HALF))
    for _ in range(10):
        await clock.advance(STALL_S / 2)
        assert client.unread is not None
        client.unread -= 5_000
    assert not sending.done()
    await clock.advance(1.0)
    await sending


async def test_a_client_that_reads_nothing_is_gone() -> None:
    client, clock = Client(unread=50_000), FakeClock()
    exchange, _ = exchange_with(client, clock)
    sending = asyncio.ensure_future(exchange.response_stream(200, []).send_bytes(HALF + HALF))
    await clock.advance(STALL_S + 1)
    with pytest.raises(ClientGone, match="stopped reading"):
        await sending


async def test_where_nobody_knows_what_is_unread_a_stream_goes_on() -> None:
    exchange, below = exchange_with(Client(unread=None), FakeClock())
    outlet = exchange.response_stream(200, [])
    for _ in range(5):
        await outlet.send_bytes(HALF)
    assert below.body == HALF * 5


async def test_all_else_goes_straight_through() -> None:
    exchange, below = exchange_with(Client(unread=0), FakeClock())
    assert await exchange() == b"body"
    assert [part async for part in exchange] == [b"body"]
    exchange.response_bytes(200, [("a", "b")], b"answer")
    assert (below.status, below.headers, below.body) == (200, {"a": "b"}, b"answer")
    assert not exchange.is_streaming
