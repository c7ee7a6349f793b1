"""A session with a server: what is said when there is none, and how everybody learns of its end."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from aiex.engine.address import EngineAddress
from aiex.engine.session import Session
from aiex.errors import EngineRefused, EngineUnavailable
from aiex.testing.nats_fake import FakeNats

HOST = "127.0.0.1"
SHORT_S = 0.1
LONG_S = 10.0


@asynccontextmanager
async def session_at(server: FakeNats) -> AsyncIterator[Session]:
    async with server.listening():
        session = await Session.open(server.address, LONG_S)
        try:
            yield session
        finally:
            await session.close()


async def refusal(server: FakeNats, timeout_s: float = LONG_S) -> str:
    """What opening a session raised."""
    async with server.listening():
        with pytest.raises((EngineRefused, EngineUnavailable)) as caught:
            await Session.open(server.address, timeout_s)
    assert "hunter2" not in str(caught.value)
    return str(caught.value)


async def test_a_session_knows_the_servers_version() -> None:
    async with session_at(FakeNats()) as session:
        assert session.server_version == "2.15.1"


async def test_where_nobody_listens_the_refused_connection_is_told() -> None:
    with socket.socket() as nobody:
        nobody.bind((HOST, 0))
        port = nobody.getsockname()[1]
        with pytest.raises(EngineUnavailable, match=rf"nats://127.0.0.1:{port}: .*refused"):
            await Session.open(EngineAddress(HOST, port), LONG_S)


async def test_a_name_nobody_knows_is_told() -> None:
    with pytest.raises(EngineUnavailable, match=r"nats://no-such-host\.invalid:4222: "):
        await Session.open(EngineAddress("no-such-host.invalid", 4222), LONG_S)


async def test_a_listener_that_says_nothing_is_given_up_in_time() -> None:
    assert "within 0.1 s" in await refusal(FakeNats(greeting=b""), SHORT_S)


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"INFO {oops\r\n"])
async def test_a_listener_that_is_no_nats_is_told(greeting: bytes) -> None:
    assert (await refusal(FakeNats(greeting=greeting), 1.0)).startswith("No engine answers at")


async def test_a_wrong_password_is_refused_with_what_to_set() -> None:
    server = FakeNats(answer_to_login=b"-ERR 'Authorization Violation'\r\n")
    assert "engine.password" in await refusal(server)


async def test_a_request_that_is_not_answered_in_time_says_so() -> None:
    async with session_at(FakeNats()) as session:
        with pytest.raises(EngineUnavailable, match=r"no answer within 0.1 s"):
            await session.request("question", timeout_s=SHORT_S)
        assert not session.has_ended


async def test_a_lost_connection_ends_every_request_at_once() -> None:
    server = FakeNats()
    async with session_at(server) as session:
        request = asyncio.create_task(session.request("question", timeout_s=LONG_S))
        await asyncio.sleep(0)
        server.hang_up()
        with pytest.raises(EngineUnavailable, match="connection was lost"):
            await request
        assert session.has_ended


@pytest.mark.parametrize(
    "call",
    [
        lambda session: session.request("question", timeout_s=LONG_S),
        lambda session: session.publish("news", timeout_s=LONG_S),
    ],
)
async def test_a_session_that_ended_answers_at_once_with_its_reason(
    call: Callable[[Session], Awaitable[object]],
) -> None:
    async with session_at(FakeNats()) as session:
        session.end("it was told to end")
        with pytest.raises(EngineUnavailable, match="it was told to end"):
            await call(session)


async def test_the_end_of_a_session_wakes_who_waits_at_an_inbox() -> None:
    async with session_at(FakeNats()) as session, session.inbox(LONG_S) as inbox:
        waiting = asyncio.create_task(inbox.next(LONG_S))
        await asyncio.sleep(0)
        session.end("it was told to end")
        with pytest.raises(EngineUnavailable, match="it was told to end"):
            await waiting
        with pytest.raises(EngineUnavailable, match="it was told to end"):
            await inbox.next(LONG_S)


async def test_a_cancelled_request_stays_cancelled() -> None:
    async with session_at(FakeNats()) as session:
        request = asyncio.create_task(session.request("question", timeout_s=LONG_S))
        await asyncio.sleep(0)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        assert not session.has_ended


async def test_a_message_too_large_for_this_server_is_refused_before_it_is_sent() -> None:
    async with session_at(FakeNats()) as session:
        with pytest.raises(EngineRefused, match="larger than"):
            await session.request("question", b"x" * 1020, headers={"a": "b"}, timeout_s=LONG_S)
        with pytest.raises(EngineRefused, match="larger than"):
            await session.publish("news", b"x" * 1025, timeout_s=LONG_S)
        assert not session.has_ended


async def test_closing_does_not_wait_for_a_server_that_says_no_more() -> None:
    server = FakeNats()
    async with server.listening():
        session = await Session.open(server.address, LONG_S)
        server.is_deaf = True
        async with asyncio.timeout(5.0):
            await session.close()
