"""What messaging promises, asked of the one in memory and of the one at a real server."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from aiex.engine import Engine, Message, Messaging, NobodyAnswers
from aiex.errors import EngineRefused, EngineUnavailable
from aiex.testing.engine_memory import MemoryEngine

DEADLINE_S = 10.0


@pytest.fixture(params=["memory", pytest.param("nats", marks=pytest.mark.integration)])
def messaging(request: pytest.FixtureRequest) -> Messaging:
    if request.param == "memory":
        return MemoryEngine().connection()
    engine: Engine = request.getfixturevalue("engine")
    return engine.connection


@pytest.fixture
def subject() -> str:
    return f"test.{secrets.token_hex(4)}"


@asynccontextmanager
async def answering(
    messaging: Messaging, subject: str, answer: Callable[[Message], bytes | None]
) -> AsyncIterator[list[Message]]:
    """Somebody who answers at a subject; what was asked."""
    asked: list[Message] = []

    async def listen() -> None:
        async with messaging.subscribed(subject, timeout_s=DEADLINE_S) as inbox:
            await messaging.probe(DEADLINE_S)
            is_listening.set()
            while True:
                message = await inbox.next(DEADLINE_S)
                asked.append(message)
                if (data := answer(message)) is not None:
                    await messaging.publish(
                        message.reply, data, headers={"Mood": "good"}, timeout_s=DEADLINE_S
                    )

    is_listening = asyncio.Event()
    task = asyncio.create_task(listen())
    await is_listening.wait()
    try:
        yield asked
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_a_request_is_answered_with_headers_both_ways(
    messaging: Messaging, subject: str
) -> None:
    async with answering(messaging, subject, lambda message: message.data * 2) as asked:
        answer = await messaging.request(
            subject, b"ab", headers={"Aiex-Call": "7"}, timeout_s=DEADLINE_S
        )
    assert (answer.data, answer.headers) == (b"abab", {"Mood": "good"})
    assert (asked[0].data, asked[0].headers) == (b"ab", {"Aiex-Call": "7"})
    assert asked[0].reply.startswith("_INBOX.")


async def test_where_nobody_listens_it_says_so_at_once(messaging: Messaging, subject: str) -> None:
    async with asyncio.timeout(DEADLINE_S / 2):
        with pytest.raises(NobodyAnswers):
            await messaging.request(subject, timeout_s=DEADLINE_S)


async def test_no_answer_by_the_deadline_is_unavailable(messaging: Messaging, subject: str) -> None:
    async with answering(messaging, subject, lambda _: None):
        with pytest.raises(EngineUnavailable):
            await messaging.request(subject, timeout_s=0.05)


async def test_a_star_stands_for_one_word(messaging: Messaging, subject: str) -> None:
    async with messaging.subscribed(f"{subject}.*", timeout_s=DEADLINE_S) as inbox:
        for below in ("", ".a.b", ".c", ".d"):
            await messaging.publish(subject + below, timeout_s=DEADLINE_S)
        seen = [(await inbox.next(DEADLINE_S)).subject for _ in range(2)]
    assert seen == [f"{subject}.c", f"{subject}.d"]


async def test_messages_of_one_sender_come_in_order(messaging: Messaging, subject: str) -> None:
    async with messaging.subscribed(subject, timeout_s=DEADLINE_S) as inbox:
        for number in range(200):
            await messaging.publish(subject, b"%d" % number, timeout_s=DEADLINE_S)
        seen = [int((await inbox.next(DEADLINE_S)).data) for _ in range(200)]
    assert seen == list(range(200))


async def test_silence_is_a_timeout(messaging: Messaging, subject: str) -> None:
    async with messaging.subscribed(subject, timeout_s=DEADLINE_S) as inbox:
        with pytest.raises(TimeoutError):
            await inbox.next(0.01)


async def test_what_is_too_large_is_refused(messaging: Messaging, subject: str) -> None:
    large = b"x" * (8 * 1024 * 1024 + 1)
    with pytest.raises(EngineRefused):
        await messaging.publish(subject, large, timeout_s=DEADLINE_S)
    with pytest.raises(EngineRefused):
        await messaging.request(subject, large, timeout_s=DEADLINE_S)


async def test_it_is_up_and_answers(messaging: Messaging) -> None:
    await messaging.until_up()
    assert messaging.status().state == "up"
    assert await messaging.probe(DEADLINE_S) is not None


async def test_one_that_went_down_says_why_to_all_who_use_it() -> None:
    """As `tests/engine/test_session.py` has it for a real connection."""
    messaging = MemoryEngine().connection()
    async with messaging.subscribed("a", timeout_s=1.0) as inbox:
        waiting = asyncio.create_task(inbox.next(DEADLINE_S))
        asking = asyncio.create_task(messaging.request("a", timeout_s=DEADLINE_S))
        await asyncio.sleep(0)
        messaging.go_down("the connection was lost")
        assert (await waiting).subject == "a", "it was asked before the end"
        with pytest.raises(EngineUnavailable):
            await asking
        with pytest.raises(EngineUnavailable):
            await inbox.next(DEADLINE_S)
    with pytest.raises(EngineUnavailable, match="the connection was lost"):
        await messaging.publish("a", timeout_s=1.0)
    messaging.come_back()
    await messaging.until_up()
    await messaging.publish("a", timeout_s=1.0)
