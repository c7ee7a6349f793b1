"""Broken and hostile messages to a node's desk, and hostile answers: refused, counted, harmless."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aiex.cluster import Answer, Caller, Failure, Page, Ping, Pong, Reason, Request, RequestKind
from aiex.cluster.calls.call_messages import (
    ANSWER_BYTES_MAX,
    CALLS,
    CHUNK_BYTES,
    REQUEST_BYTES_MAX,
    AnswerHead,
    CallHead,
    MoreHead,
    StopHead,
    head_of,
    headers,
)
from aiex.cluster.calls.in_flight import PEER_MAX
from aiex.cluster.subjects import node_subject
from aiex.engine import Message, Messaging, NobodyAnswers
from aiex.testing.cluster_node import ClusterNode
from aiex.testing.running import running

DEADLINE_S = 10.0
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
DESK = node_subject("test", "n1")
FALSE_NODE = node_subject("test", "false")


class Repeat(Request["Repeated"], frozen=True):
    size: int


class Repeated(msgspec.Struct, frozen=True):
    data: bytes


PAGE = Page([RequestKind("ping", Ping, Pong, ""), RequestKind("repeat", Repeat, Repeated, "")])


class Gate:
    """What answers here; while it is shut, nothing is answered but counted."""

    def __init__(self) -> None:
        self.waiting_count = 0
        self.open = asyncio.Event()
        self.open.set()

    async def repeat(self, request: Repeat, _: Caller) -> Repeated:
        self.waiting_count += 1
        await self.open.wait()
        self.waiting_count -= 1
        return Repeated(b"x" * request.size)


def head(**fields: Any) -> dict[str, str]:
    """The headers of a call as a stranger would write them."""
    call = CallHead(
        call="c1",
        caller="stranger",
        incarnation=1,
        request="repeat",
        remaining_ms=5000,
        traceparent=TRACE,
    )
    return headers(msgspec.structs.replace(call, **fields))


class Stranger:
    """Somebody who may publish at the engine, and a node `n1` that it speaks to."""

    def __init__(self, node: ClusterNode, messaging: Messaging, gate: Gate) -> None:
        self.gate = gate
        self.node = node
        self.messaging = messaging

    async def ask(
        self, what: str, given: dict[str, str], data: bytes = b""
    ) -> tuple[AnswerHead, bytes]:
        message = await self.messaging.request(
            f"{DESK}.{what}", data, headers=given, timeout_s=DEADLINE_S
        )
        return head_of(message.headers, AnswerHead), message.data

    async def say(
        self, what: str, given: dict[str, str], data: bytes = b"", reply: str = ""
    ) -> None:
        await self.messaging.publish(
            f"{DESK}.{what}", data, reply=reply, headers=given, timeout_s=DEADLINE_S
        )

    async def is_heard(self) -> bool:
        """Whether the node listens by now; nothing says so but an answer."""
        try:
            await self.is_well()
        except NobodyAnswers:
            return False
        return True

    async def is_well(self) -> None:
        """The node answers as before."""
        answer, data = await self.ask("call", head(), msgspec.msgpack.encode(Repeat(3)))
        assert answer.outcome == "ok"
        assert msgspec.msgpack.decode(data, type=Repeated).data == b"xxx"


@pytest.fixture
async def stranger(connect: Any, tmp_path: Path) -> AsyncIterator[Stranger]:
    gate = Gate()
    node = ClusterNode("n1", await connect(), tmp_path, page=PAGE, handlers={Repeat: gate.repeat})
    stranger = Stranger(node, await connect(), gate)
    async with running(node.cluster.services()):
        async with asyncio.timeout(DEADLINE_S):
            while not await stranger.is_heard():
                await asyncio.sleep(0.005)
        node.events.clear()
        yield stranger


@pytest.mark.parametrize(
    ("what", "given", "data", "reason"),
    [
        ("call", {}, b"", "malformed"),
        ("call", {"Aiex-Calls": "1"}, b"", "malformed"),
        ("call", head() | {"Aiex-Call": "a" * 99}, b"", "malformed"),
        ("call", head() | {"Aiex-Remaining-Ms": "-1"}, b"", "malformed"),
        ("call", head(), b"", "malformed"),
        ("call", head(), b"\xff" * 1000, "malformed"),
        ("call", head(), b"\x91" * 100_000, "malformed"),
        ("call", head(), msgspec.msgpack.encode({"size": "many"}), "malformed"),
        ("call", head(), msgspec.msgpack.encode([1, 2, 3]), "malformed"),
        ("call", head(), b"x" * (REQUEST_BYTES_MAX + 1), "too large"),
        ("more", {}, b"", "malformed"),
        ("more", {"Aiex-Call": "c1", "Aiex-Offset": "-5"}, b"", "malformed"),
    ],
)
async def test_what_is_no_call_is_refused_in_words_and_counted(
    stranger: Stranger, what: str, given: dict[str, str], data: bytes, reason: str
) -> None:
    answer, text = await stranger.ask(what, given, data)
    assert (answer.outcome, text) == ("refused", f"the message is {reason}".encode())
    assert stranger.node.refused() == [reason]
    await stranger.is_well()


@pytest.mark.parametrize(
    "reply", ["", "aiex.test.members", "$JS.API.STREAM.DELETE.KV_keys", DESK + ".call"]
)
@pytest.mark.parametrize("what", ["call", "more"])
async def test_an_answer_is_sent_nowhere_but_to_an_inbox(
    stranger: Stranger, what: str, reply: str
) -> None:
    async with stranger.messaging.subscribed(reply or "x", timeout_s=DEADLINE_S) as inbox:
        given = head() | {"Aiex-Offset": "0"}
        await stranger.say(what, given, msgspec.msgpack.encode(Repeat(3)), reply)
        await stranger.node.until(lambda: stranger.node.refused() == ["forged address"])
        await stranger.is_well()
        heard = []
        while True:
            try:
                heard.append(await inbox.next(0.05))
            except TimeoutError:
                break
    # Heartbeats go to the members; nothing else was sent to any of these.
    assert not [one for one in heard if "Aiex-Outcome" in one.headers]


async def test_a_subject_of_no_meaning_is_out_of_place(stranger: Stranger) -> None:
    await stranger.say("order", head(), reply="_INBOX.a")
    await stranger.node.until(lambda: stranger.node.refused() == ["out of place"])
    await stranger.is_well()


async def test_a_stop_of_nothing_stops_nothing(stranger: Stranger) -> None:
    for call in ("c1", "c2"):
        await stranger.say("stop", headers(StopHead(call, "stranger", 1)))
    await stranger.say("stop", {})
    await stranger.node.until(lambda: stranger.node.refused() == ["malformed"])
    await stranger.is_well()


async def test_another_version_of_calls_is_answered_in_words(stranger: Stranger) -> None:
    answer, text = await stranger.ask("call", head() | {"Aiex-Calls": str(CALLS + 1)}, b"?")
    assert answer.outcome == "too old"
    assert text.startswith(b"n1 is too old: stranger speaks version 2 of calls, n1 1 to 1")
    assert stranger.node.refused() == []


async def test_an_answer_that_is_not_held_is_not_given(stranger: Stranger) -> None:
    more = MoreHead("c9", "stranger", 1, offset=0)
    answer, text = await stranger.ask("more", headers(more))
    assert (answer.outcome, text) == ("refused", b"n1 does not hold that answer any more")


async def test_more_is_given_at_any_offset_but_never_more_than_a_chunk(stranger: Stranger) -> None:
    request = msgspec.msgpack.encode(Repeat(3 * CHUNK_BYTES))
    answer, beginning = await stranger.ask("call", head(), request)
    assert (answer.outcome, len(beginning)) == ("large", CHUNK_BYTES)
    for offset, size in ((0, CHUNK_BYTES), (5, CHUNK_BYTES), (answer.size - 7, 7)):
        more = MoreHead("c1", "stranger", 1, offset=offset)
        _, chunk = await stranger.ask("more", headers(more))
        assert len(chunk) == size
    await stranger.say("stop", headers(StopHead("c1", "stranger", 1)))
    await stranger.is_well()
    assert stranger.node.cluster.held_bytes() == 0


async def test_large_answers_that_nobody_fetches_are_held_up_to_a_limit(
    stranger: Stranger,
) -> None:
    request = msgspec.msgpack.encode(Repeat(ANSWER_BYTES_MAX - 1024))
    outcomes = []
    for number in range(4):
        answer, _ = await stranger.ask("call", head(call=f"c{number}"), request)
        outcomes.append(answer.outcome)
    assert outcomes == ["large", "large", "refused", "refused"]


# A node that answers falsely.


@asynccontextmanager
async def false_node(
    messaging: Messaging, answer: Callable[[Message], tuple[dict[str, str], bytes]]
) -> AsyncIterator[list[str]]:
    asked: list[str] = []

    async def listen() -> None:
        async with messaging.subscribed(f"{FALSE_NODE}.*", timeout_s=DEADLINE_S) as inbox:
            await messaging.probe(DEADLINE_S)  # an answer means that the engine knows
            is_listening.set()
            while True:
                message = await inbox.next(DEADLINE_S)
                asked.append(message.subject.rpartition(".")[2])
                if message.reply:
                    given, data = answer(message)
                    await messaging.publish(
                        message.reply, data, headers=given, timeout_s=DEADLINE_S
                    )

    is_listening = asyncio.Event()
    task = asyncio.create_task(listen())
    await is_listening.wait()
    try:
        yield asked
    finally:
        task.cancel()
        await asyncio.wait({task})


LARGE = headers(AnswerHead(outcome="large", size=2 * CHUNK_BYTES))
OK = headers(AnswerHead(outcome="ok"))


@pytest.mark.parametrize(
    ("given", "data", "reason"),
    [
        ({}, b"", "malformed"),
        ({"Aiex-Outcome": "ok"}, b"", "malformed"),
        (OK, b"\xff" * 100, "malformed"),
        (OK, msgspec.msgpack.encode({"data": 7}), "malformed"),
        (OK | {"Aiex-Bytes": "-1"}, b"", "malformed"),
        (LARGE | {"Aiex-Bytes": str(ANSWER_BYTES_MAX + 1)}, b"", "malformed"),
        (LARGE, b"x" * (2 * CHUNK_BYTES + 1), "malformed"),
        # Each chunk is asked for, and this node gives what it was not asked for.
        (LARGE, b"x" * CHUNK_BYTES, "incomplete"),
        (LARGE, b"", "incomplete"),
    ],
)
async def test_a_false_answer_is_a_failure_and_counted(
    stranger: Stranger, given: dict[str, str], data: bytes, reason: str
) -> None:
    def answer(message: Message) -> tuple[dict[str, str], bytes]:
        return (given, data) if message.subject.endswith(".call") else (LARGE, b"flood" * 1000)

    async with false_node(stranger.messaging, answer):
        came = await stranger.node.cluster.call("false", Repeat(3), deadline_s=DEADLINE_S)
    assert came == Failure("false", Reason.REFUSED, f"what came as an answer of false is {reason}")
    assert stranger.node.refused() == [reason]
    assert stranger.node.cluster.calls_in_flight() == 0


async def test_an_answer_that_comes_many_times_counts_once(stranger: Stranger) -> None:
    body = msgspec.msgpack.encode(Repeated(b"once"))
    inboxes: list[str] = []

    def answer(message: Message) -> tuple[dict[str, str], bytes]:
        inboxes.append(message.reply)
        return OK, body

    async with false_node(stranger.messaging, answer):
        for _ in range(2):
            came = await stranger.node.cluster.call("false", Repeat(3), deadline_s=DEADLINE_S)
            assert isinstance(came, Answer)
            for _ in range(500):
                await stranger.messaging.publish(
                    inboxes[-1], body, headers=OK, timeout_s=DEADLINE_S
                )
    await stranger.is_well()


async def test_a_reason_of_a_newer_node_is_shown_with_its_text(stranger: Stranger) -> None:
    tired = headers(AnswerHead(outcome="tired")), b"come back \x1b[2Jlater"
    async with false_node(stranger.messaging, lambda _: tired):
        came = await stranger.node.cluster.call("false", Repeat(3), deadline_s=DEADLINE_S)
    assert came == Failure("false", Reason.REFUSED, "come back  [2Jlater")


async def test_more_callers_than_a_node_has_places_for_are_refused_at_once(
    stranger: Stranger,
) -> None:
    """One caller has its places; a flood of its calls is refused, and others go on."""
    stranger.gate.open.clear()
    request = msgspec.msgpack.encode(Repeat(3))
    asking = [
        asyncio.create_task(stranger.ask("call", head(call=f"c{number}"), request))
        for number in range(PEER_MAX + 12)
    ]
    refused = [answer async for answer in _first(asking, 12)]
    assert all(answer.outcome == "refused" for answer, _ in refused)
    assert b"n1 has enough to do: 128 calls with stranger are under way" in refused[0][1]
    assert stranger.gate.waiting_count == PEER_MAX
    other = asyncio.create_task(
        stranger.ask("call", head(call="d1", caller="other", request="ping"), b"\x80")
    )
    answer, _ = await other
    assert answer.outcome == "ok"
    stranger.gate.open.set()
    await asyncio.gather(*asking)


async def _first(tasks: list[asyncio.Task[Any]], count: int) -> AsyncIterator[Any]:
    for _, task in zip(range(count), asyncio.as_completed(tasks), strict=False):
        yield await task
