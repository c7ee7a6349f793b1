"""Calls between nodes: in memory, and the same at a real server."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aiex.cluster import (
    Answer,
    Caller,
    CallFinished,
    CallHandlerFailed,
    Failure,
    MemberDown,
    Page,
    Ping,
    Pong,
    Reason,
    Request,
    RequestKind,
)
from aiex.cluster.calls.call_messages import ANSWER_BYTES_MAX, CHUNK_BYTES, REQUEST_BYTES_MAX
from aiex.cluster.calls.in_flight import PEER_MAX
from aiex.cluster.membership.split import NO_QUORUM_TEXT
from aiex.errors import CallRefused
from aiex.testing.cluster_node import ClusterNode, together
from aiex.testing.engine_memory import MemoryConnection, MemoryEngine

DEADLINE_S = 10.0
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Echo(Request["Echoed"], frozen=True):
    data: bytes
    times: int = 1


class Echoed(Request[Any], frozen=True):
    data: bytes
    caller: str
    remaining_s: float
    traceparent: str


class Wait(Request["Echoed"], frozen=True):
    pass


class Fail(Request["Echoed"], frozen=True):
    how: str


class Newer(Request["Echoed"], frozen=True):
    """On the page, and answered by nobody: what a newer node asks."""


PAGE = Page(
    [
        RequestKind("ping", Ping, Pong, ""),
        RequestKind("echo", Echo, Echoed, ""),
        RequestKind("wait", Wait, Echoed, ""),
        RequestKind("fail", Fail, Echoed, ""),
        RequestKind("newer", Newer, Echoed, ""),
    ]
)


class Answering:
    """The handlers of one node, and what became of them."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def echo(self, request: Echo, caller: Caller) -> Echoed:
        return Echoed(
            request.data * request.times, caller.name, caller.remaining_s, caller.traceparent
        )

    async def wait(self, _: Wait, __: Caller) -> Echoed:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()
        raise AssertionError("nobody sets it")

    async def fail(self, request: Fail, _: Caller) -> Any:
        if request.how == "refuse":
            raise CallRefused("not today")
        if request.how == "nonsense":
            return object()
        raise ZeroDivisionError(request.how)

    def handlers(self) -> dict[type[Any], Any]:
        return {Echo: self.echo, Wait: self.wait, Fail: self.fail}


class Pair:
    """`n1` asks, `n2` answers."""

    def __init__(self, nodes: list[ClusterNode], answering: Answering) -> None:
        self.n1, self.n2 = nodes
        self.answering = answering

    async def call(self, request: Request[Any], deadline_s: float = DEADLINE_S, **more: Any) -> Any:
        return await self.n1.cluster.call("n2", request, deadline_s=deadline_s, **more)

    async def failure(self, request: Request[Any], deadline_s: float = DEADLINE_S) -> Failure:
        came = await self.call(request, deadline_s)
        assert isinstance(came, Failure)
        assert came.node == "n2"
        return came


@pytest.fixture
async def pair(connect: Any, tmp_path: Path) -> AsyncIterator[Pair]:
    answering = Answering()
    nodes = [
        ClusterNode(
            name,
            await connect(),
            tmp_path / name,
            page=PAGE,
            handlers=answering.handlers(),
        )
        for name in ("n1", "n2")
    ]
    for name in ("n1", "n2"):
        (tmp_path / name).mkdir()
    async with together(nodes):
        yield Pair(nodes, answering)


async def test_a_request_is_answered_by_the_function_handed_in_for_it(pair: Pair) -> None:
    came = await pair.call(Echo(b"\x00\xff" * 500))
    assert isinstance(came, Answer)
    assert came.node == "n2"
    assert came.value.data == b"\x00\xff" * 500
    assert came.value.caller == "n1"
    assert DEADLINE_S - 1 < came.value.remaining_s <= DEADLINE_S
    assert 0 < came.round_trip_s < DEADLINE_S
    assert [one.outcome for one in pair.n1.events if isinstance(one, CallFinished)] == ["ok"]


async def test_a_node_can_ask_itself(pair: Pair) -> None:
    came = await pair.n2.cluster.call("n2", Echo(b"a"), deadline_s=DEADLINE_S)
    assert isinstance(came, Answer)
    assert (came.value.data, came.value.caller) == (b"a", "n2")
    came = await pair.n2.cluster.call("n2", Fail("refuse"), deadline_s=DEADLINE_S)
    assert came == Failure("n2", Reason.REFUSED, "not today")


async def test_a_trace_goes_there_and_comes_back(pair: Pair) -> None:
    came = await pair.call(Echo(b""), traceparent=TRACE)
    there, back = came.value.traceparent, came.traceparent
    assert there == back
    assert there[:35] == TRACE[:35]
    assert there[35:] != TRACE[35:]
    without = await pair.call(Echo(b""))
    assert without.traceparent[:35] != TRACE[:35]


async def test_ping_tells_who_and_when(pair: Pair) -> None:
    came = await pair.call(Ping())
    assert came.value.name == "n2"
    assert came.value.incarnation == pair.n2.cluster.incarnation() > 0
    assert abs(came.value.wall_s - time.time()) < 60


async def test_of_a_node_that_is_not_there_it_is_said_at_once(pair: Pair) -> None:
    began_s = time.monotonic()
    came = await pair.n1.cluster.call("n9", Ping(), deadline_s=DEADLINE_S)
    assert came == Failure("n9", Reason.DOWN, "nobody listens for calls to n9")
    assert time.monotonic() - began_s < DEADLINE_S / 2


async def test_a_request_that_is_not_known_there_is_refused_in_words(pair: Pair) -> None:
    failure = await pair.failure(Newer())
    assert failure.reason is Reason.NO_SUCH_REQUEST
    assert failure.text == "n2 (release 1.0) does not know the request newer"


@pytest.mark.parametrize(
    ("how", "reason", "text"),
    [
        ("refuse", Reason.REFUSED, "not today"),
        ("divide", Reason.ERROR, "ZeroDivisionError: divide"),
        ("nonsense", Reason.ERROR, "TypeError: "),
        ("\x1b[2J", Reason.ERROR, "ZeroDivisionError:  [2J"),
        ("x" * 9000, Reason.ERROR, "ZeroDivisionError: xxx"),
    ],
)
async def test_what_fails_there_is_a_failure_with_its_text(
    pair: Pair, how: str, reason: Reason, text: str
) -> None:
    failure = await pair.failure(Fail(how))
    assert failure.reason is reason
    assert failure.text.startswith(text)
    assert len(failure.text) <= 2048
    told = [one for one in pair.n2.events if isinstance(one, CallHandlerFailed)]
    assert len(told) == (reason is Reason.ERROR)
    assert (await pair.call(Echo(b"on"))).value.data == b"on"


async def test_at_the_deadline_caller_and_handler_both_end(pair: Pair) -> None:
    failure = await pair.failure(Wait(), deadline_s=0.2)
    assert failure.reason is Reason.DEADLINE
    async with asyncio.timeout(DEADLINE_S):
        await pair.answering.cancelled.wait()


async def test_a_caller_that_is_cancelled_cancels_the_handler(pair: Pair) -> None:
    calling = asyncio.create_task(pair.call(Wait()))
    async with asyncio.timeout(DEADLINE_S):
        await pair.answering.begun.wait()
        calling.cancel()
        await pair.answering.cancelled.wait()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert pair.n1.cluster.calls_in_flight() == 0


async def test_a_caller_that_left_cancels_the_handler(connect: Any, tmp_path: Path) -> None:
    answering = Answering()
    n1, n2 = [
        ClusterNode(name, await connect(), tmp_path, page=PAGE, handlers=answering.handlers())
        for name in ("n1", "n2")
    ]
    async with together([n2]):
        async with together([n1]):
            calling = asyncio.create_task(n1.cluster.call("n2", Wait(), deadline_s=600))
            async with asyncio.timeout(DEADLINE_S):
                await answering.begun.wait()
        async with asyncio.timeout(DEADLINE_S):
            await answering.cancelled.wait()
        calling.cancel()
        await asyncio.wait({calling})


@pytest.mark.parametrize("size", [CHUNK_BYTES - 100, CHUNK_BYTES, 3 * CHUNK_BYTES + 17])
async def test_a_large_answer_comes_whole(pair: Pair, size: int) -> None:
    came = await pair.call(Echo(b"\xa5", size))
    assert came.value.data == b"\xa5" * size
    await pair.call(Ping())  # behind the word that the answer is fetched
    assert pair.n2.cluster.held_bytes() == 0


@pytest.mark.timeout(30)
async def test_the_largest_answer_comes_whole_and_a_larger_one_not_at_all(pair: Pair) -> None:
    size = ANSWER_BYTES_MAX - 1024
    came = await pair.call(Echo(b"\xa5", size), deadline_s=25)
    assert len(came.value.data) == size
    failure = await pair.failure(Echo(b"\xa5", ANSWER_BYTES_MAX))
    assert failure.reason is Reason.REFUSED
    assert "are the limit" in failure.text


async def test_a_request_that_is_too_large_is_not_even_sent(pair: Pair) -> None:
    failure = await pair.failure(Echo(b"x" * REQUEST_BYTES_MAX))
    assert failure.reason is Reason.REFUSED
    assert "are the limit" in failure.text
    assert (await pair.call(Echo(b"x" * (REQUEST_BYTES_MAX - 100)))).value.caller == "n1"


async def test_all_members_are_asked_and_answer_as_they_come(pair: Pair) -> None:
    seen = {
        one.node: one async for one in pair.n1.cluster.call_all(Echo(b"a"), deadline_s=DEADLINE_S)
    }
    assert sorted(seen) == ["n1", "n2"]
    assert all(isinstance(one, Answer) for one in seen.values())


async def test_whoever_stops_listening_to_all_cancels_the_rest(pair: Pair) -> None:
    came = pair.n1.cluster.call_all(Wait(), deadline_s=DEADLINE_S)
    first = asyncio.ensure_future(anext(came))
    async with asyncio.timeout(DEADLINE_S):
        await pair.answering.begun.wait()
        first.cancel()
        await asyncio.wait({first})
        await came.aclose()
        await pair.answering.cancelled.wait()
    assert pair.n1.cluster.calls_in_flight() == 0


# What only an engine in memory can do on demand.


class Crowd:
    """Some nodes in memory, all answering."""

    def __init__(self, directory: Path, *names: str) -> None:
        engine = MemoryEngine()
        self.connections = {name: engine.connection() for name in names}
        self.answering = Answering()
        self.nodes: dict[str, ClusterNode] = {}
        for name, connection in self.connections.items():
            (directory / name).mkdir()
            self.nodes[name] = ClusterNode(
                name,
                connection,
                directory / name,
                page=PAGE,
                handlers=self.answering.handlers(),
            )

    async def call(self, node: str, request: Request[Any], deadline_s: float = DEADLINE_S) -> Any:
        return await self.nodes["n1"].cluster.call(node, request, deadline_s=deadline_s)

    def connection(self, name: str) -> MemoryConnection:
        return self.connections[name]


@pytest.fixture
async def crowd(tmp_path: Path) -> AsyncIterator[Crowd]:
    crowd = Crowd(tmp_path, "n1", "n2", "n3")
    async with together(list(crowd.nodes.values())):
        yield crowd


async def test_a_frozen_peer_slows_no_call_to_others(crowd: Crowd) -> None:
    crowd.connection("n3").freeze()
    to_frozen = [asyncio.create_task(crowd.call("n3", Echo(b"a"))) for _ in range(100)]
    began_s = time.monotonic()
    to_well = await asyncio.gather(*(crowd.call("n2", Echo(b"a")) for _ in range(100)))
    took_s = time.monotonic() - began_s
    assert all(isinstance(one, Answer) for one in to_well)
    assert not any(task.done() for task in to_frozen)
    assert took_s < 2.0, "which is before anybody can know that the other is frozen"
    came = await asyncio.gather(*to_frozen)
    # Nobody waited for the deadline: membership knew first.
    assert {one.reason for one in came} == {Reason.DOWN}
    assert time.monotonic() - began_s < DEADLINE_S / 2
    assert "n3 is down: " in came[0].text
    at_once = await crowd.call("n3", Echo(b"a"))
    assert at_once == Failure("n3", Reason.DOWN, "n3 is down")
    crowd.connection("n3").thaw()


async def test_beyond_the_limit_of_a_peer_calls_are_refused_at_once(crowd: Crowd) -> None:
    crowd.connection("n3").freeze()
    came = await asyncio.gather(*(crowd.call("n3", Ping(), 1.0) for _ in range(PEER_MAX + 72)))
    reasons = [one.reason for one in came]
    assert reasons.count(Reason.REFUSED) == 72
    assert reasons.count(Reason.DEADLINE) == PEER_MAX
    refused = next(one for one in came if one.reason is Reason.REFUSED)
    assert refused.text == f"{PEER_MAX} calls with n3 are under way, which is the limit"
    crowd.connection("n3").thaw()


async def test_among_the_answers_of_all_one_failure_is_data(crowd: Crowd) -> None:
    crowd.connection("n3").freeze()
    came = [one async for one in crowd.nodes["n1"].cluster.call_all(Echo(b"a"), deadline_s=1.0)]
    assert sorted(one.node for one in came[:2]) == ["n1", "n2"]
    assert isinstance(came[2], Failure)
    assert (came[2].node, came[2].reason) == ("n3", Reason.DEADLINE)
    crowd.connection("n3").thaw()


async def test_without_an_engine_others_are_down_and_oneself_is_not(crowd: Crowd) -> None:
    calling = asyncio.create_task(crowd.call("n2", Wait()))
    async with asyncio.timeout(DEADLINE_S):
        await crowd.answering.begun.wait()
    crowd.connection("n1").go_down("the connection was lost")
    for came in (await calling, await crowd.call("n2", Ping())):
        assert came.reason is Reason.DOWN
        assert "the connection was lost" in came.text
    assert isinstance(await crowd.call("n1", Ping()), Answer)
    crowd.connection("n1").come_back()
    await crowd.nodes["n1"].until(lambda: crowd.nodes["n1"].sees("n2") == "up")
    assert isinstance(await crowd.call("n2", Ping()), Answer)


async def test_without_a_quorum_calls_are_answered_and_the_cluster_says_so(crowd: Crowd) -> None:
    n1 = crowd.nodes["n1"]
    crowd.connection("n1").state = "no quorum"
    await n1.until(lambda: n1.cluster.view().split)
    assert n1.cluster.view().split == NO_QUORUM_TEXT
    assert isinstance(await crowd.call("n2", Ping()), Answer)
    assert n1.sees("n2") == "up"
    crowd.connection("n1").state = "up"
    await n1.until(lambda: not n1.cluster.view().split)


async def test_a_caller_that_froze_costs_little_and_not_for_long(crowd: Crowd) -> None:
    """Its handler is cancelled and its answer let go as soon as it counts as down."""
    n2 = crowd.nodes["n2"]
    waiting = asyncio.create_task(crowd.call("n2", Wait(), 600))
    async with asyncio.timeout(DEADLINE_S):
        await crowd.answering.begun.wait()
    fetching = asyncio.create_task(crowd.call("n2", Echo(b"x", 4 * CHUNK_BYTES), 600))
    while n2.cluster.held_bytes() == 0:
        await asyncio.sleep(0)
    crowd.connection("n1").freeze()
    await n2.until(lambda: any(isinstance(one, MemberDown) for one in n2.events))
    async with asyncio.timeout(DEADLINE_S):
        await crowd.answering.cancelled.wait()
    assert n2.cluster.held_bytes() == 0
    for task in (waiting, fetching):
        task.cancel()
        await asyncio.wait({task})
    crowd.connection("n1").thaw()
