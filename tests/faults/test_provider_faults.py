"""A provider fails at every phase, in every way: the client gets a right answer, or a clear error.

The right one comes from the fallback, both in time. The node's HTTP client is the real one; between
it and a server is a fault proxy.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from random import Random
from typing import Any

import pytest

from aiex.assistant import (
    Api,
    Catalogue,
    Chat,
    Intake,
    LoadLimits,
    Pace,
    RequestFinished,
    Targets,
    TokenCount,
    build_providers,
)
from aiex.assistant.events import BreakerTurned
from aiex.assistant.upstream_pyreqwest import PyreqwestUpstream
from aiex.clock import SystemClock
from aiex.settings import ModelSettings, ProviderSettings, Settings, TargetSettings
from aiex.testing.exchange import MemoryExchange, MemoryScope
from aiex.testing.fault_proxy import FAULTS, Deed, Fault, FaultProxy, Phase
from aiex.testing.http_server import Scripted, ScriptedServer, http_answer, http_stream

pytestmark = [pytest.mark.integration, pytest.mark.fault]

SEEDS = (1, 20260101)
# Every limit of a call is this short, so that whatever hangs is found within a few of them.
LIMIT_S = 0.3
IN_TIME_S = 8.0

JSON = b'{"choices":[{"message":{"content":"all is well"}}],"usage":{"prompt_tokens":1}}'
EVENTS = (
    b'data: {"choices":[{"delta":{"content":"all is "}}]}\n\n',
    b'data: {"choices":[{"delta":{"content":"well"},"finish_reason":"stop"}]}\n\n',
    b"data: [DONE]\n\n",
)
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n",
    *(b"%x\r\n%s\r\n" % (len(event), event) for event in EVENTS),
    b"0\r\n\r\n",
)
ANSWERS: dict[str, Scripted] = {
    "json": http_answer(JSON),
    "stream": http_stream(*EVENTS),
    "chunked": list(CHUNKED),
}
RIGHT = {"json": JSON, "stream": b"".join(EVENTS), "chunked": b"".join(EVENTS)}


class Node:
    """An API whose model `m` goes through the proxy; `with_fallback` next to the server itself."""

    def __init__(self, proxy_port: int, server_url: str) -> None:
        def provider(base_url: str) -> ProviderSettings:
            return ProviderSettings(
                kind="openai",
                base_url=base_url,
                connect_timeout_s=LIMIT_S / 2,
                first_byte_timeout_s=LIMIT_S,
                idle_timeout_s=LIMIT_S,
                total_timeout_s=6 * LIMIT_S,
                retries_max=0,
                breaker_open_s=0.2,
            )

        faulty = (TargetSettings("faulty"),)
        models = {
            "m": ModelSettings(targets=faulty),
            "with_fallback": ModelSettings(targets=faulty, fallbacks=("sound",)),
            "sound": ModelSettings(targets=(TargetSettings("sound"),)),
        }
        providers = {
            "faulty": provider(f"http://127.0.0.1:{proxy_port}/v1"),
            "sound": provider(f"{server_url}/v1"),
        }
        catalogue = Catalogue(Settings(providers=providers, models=models))
        clock, self.events = SystemClock(), list[Any]()
        self.targets = Targets(catalogue, clock=clock, random=Random(7), emit=self.events.append)
        built = build_providers(
            catalogue.providers, local_model=None, clock=clock, thread_gone=pytest.fail
        )
        self.api = Api(
            Chat(catalogue, built, self.targets),
            catalogue,
            key_check=lambda: None,
            is_ready=lambda: True,
            token_count=TokenCount(catalogue, built, self.targets),
            intake=Intake(LoadLimits(100, 10**6, 0.1, 0.5), random=Random(7), emit=lambda _: None),
            pace=Pace(lambda *_: None, clock, 10.0),
            body_bytes_max=10_000,
            body_timeout_s=30,
            random=Random(7),
            emit=self.events.append,
        )

    async def ask(self, kind: str, model: str) -> MemoryExchange:
        exchange = await self.ask_one(kind, model)
        assert all(state.cap.in_flight == 0 for state in self.targets.states())
        return exchange

    async def ask_one(self, kind: str, model: str) -> MemoryExchange:
        body = {"model": model, "messages": [], "stream": kind != "json"}
        exchange = MemoryExchange(json.dumps(body).encode())
        scope = MemoryScope("POST", "/v1/chat/completions", {"content-length": "1"})
        async with asyncio.timeout(IN_TIME_S):
            await self.api.respond(scope, exchange)
        return exchange

    @property
    def finished(self) -> RequestFinished:
        last = self.events[-1]
        assert isinstance(last, RequestFinished)
        return last


@pytest.fixture(params=list(ANSWERS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(kind: str) -> Iterator[ScriptedServer]:
    with ScriptedServer(ANSWERS[kind]) as running:
        yield running


@pytest.fixture(params=SEEDS)
async def proxy(
    request: pytest.FixtureRequest, server: ScriptedServer
) -> AsyncIterator[FaultProxy]:
    port = int(server.url.rpartition(":")[2])
    async with FaultProxy(port, random=Random(request.param)) as running:
        yield running


@pytest.fixture
def node(proxy: FaultProxy, server: ScriptedServer) -> Node:
    return Node(proxy.port, server.url)


async def test_through_the_proxy_all_is_well_as_long_as_it_does_nothing(
    node: Node, kind: str
) -> None:
    exchange = await node.ask(kind, "with_fallback")
    assert (exchange.status, exchange.body) == (200, RIGHT[kind])
    assert exchange.headers["x-aiex-target"] == "faulty/with_fallback"


def fault_name(fault: Fault) -> str:
    return f"{fault.phase.value}-{fault.deed.value}"


@pytest.mark.parametrize("fault", FAULTS, ids=fault_name)
async def test_the_fallback_answers_or_the_stream_says_that_it_broke(
    node: Node, proxy: FaultProxy, kind: str, fault: Fault
) -> None:
    await proxy.become(fault)
    exchange = await node.ask(kind, "with_fallback")
    assert exchange.status == 200
    if exchange.body == RIGHT[kind]:
        return
    # Only a stream whose first event had come cannot be had from elsewhere.
    assert (kind != "json", fault.phase) == (True, Phase.EVENTS)
    assert exchange.headers["x-aiex-target"].startswith("faulty/")
    assert exchange.parts[0] == EVENTS[0]
    assert json.loads(exchange.parts[-1].removeprefix(b"data: "))["error"]["code"]
    assert node.finished.outcome == "provider_failed"


@pytest.mark.parametrize("fault", FAULTS, ids=fault_name)
async def test_without_a_fallback_the_error_is_clear(
    node: Node, proxy: FaultProxy, kind: str, fault: Fault
) -> None:
    await proxy.become(fault)
    exchange = await node.ask(kind, "m")
    if exchange.status == 200:
        is_whole = exchange.body == RIGHT[kind]
        assert is_whole or b'"error"' in exchange.parts[-1]
        # What is sent byte by byte is right in the end, if the limits allow it.
        assert fault.phase is Phase.EVENTS or (is_whole and fault.deed is Deed.TRICKLE)
        return
    assert exchange.status == (504 if is_silent(fault) else 502)
    error = json.loads(exchange.body)["error"]
    assert error["code"] == ("provider_timeout" if is_silent(fault) else "provider_failed")
    assert error["message"].startswith("The ")


def is_silent(fault: Fault) -> bool:
    """Whether nothing but time tells that it failed; a connection that never came is another."""
    return fault.deed in (Deed.STALL, Deed.TRICKLE) and fault.phase is not Phase.CONNECT


async def test_a_provider_that_heals_is_asked_again(
    node: Node, proxy: FaultProxy, kind: str
) -> None:
    await proxy.become(Fault(Phase.REQUEST, Deed.RESET))
    for _ in range(8):
        assert (await node.ask(kind, "with_fallback")).status == 200
    # Five failures opened the breaker; the others never went there.
    assert proxy.connection_count == 5
    await proxy.become(None)
    async with asyncio.timeout(IN_TIME_S):
        while (await node.ask(kind, "with_fallback")).headers["x-aiex-target"][:6] != "faulty":
            await asyncio.sleep(0.02)
    states = [one.state for one in node.events if isinstance(one, BreakerTurned)]
    assert states == ["open", "half open", "closed"]


@pytest.mark.parametrize("fault", [Fault(Phase.REQUEST, Deed.STALL), Fault(Phase.BODY, Deed.STALL)])
async def test_a_client_that_leaves_ends_the_call(
    node: Node, proxy: FaultProxy, kind: str, fault: Fault
) -> None:
    await proxy.become(fault)
    body = {"model": "m", "messages": [], "stream": kind != "json"}
    exchange = MemoryExchange(json.dumps(body).encode())
    scope = MemoryScope("POST", "/v1/chat/completions", {"content-length": "1"})
    task = asyncio.create_task(node.api.respond(scope, exchange))
    async with asyncio.timeout(IN_TIME_S):
        while not proxy.connection_count:
            await asyncio.sleep(0.01)
    exchange.leave()
    await task
    assert node.finished.outcome == "client_gone"
    assert all(state.cap.in_flight == 0 for state in node.targets.states())
    assert not any(isinstance(one, BreakerTurned) for one in node.events)


@pytest.mark.parametrize("seed", range(3))
async def test_under_load_faults_that_come_and_go_cost_no_answer(seed: int) -> None:
    random = Random(seed)
    async with AsyncExitStack() as stack:
        server = stack.enter_context(ScriptedServer(ANSWERS["json"]))
        port = int(server.url.rpartition(":")[2])
        proxy = await stack.enter_async_context(FaultProxy(port, random=random))
        node = Node(proxy.port, server.url)
        for _ in range(6):
            await proxy.become(random.choice([None, *FAULTS]))
            answers = await asyncio.gather(
                *(node.ask_one("json", "with_fallback") for _ in range(4))
            )
            assert {(one.status, one.body) for one in answers} == {(200, JSON)}
        assert all(state.cap.in_flight == 0 for state in node.targets.states())


async def test_a_slow_client_is_not_the_providers_silence() -> None:
    with ScriptedServer(ANSWERS["chunked"], ANSWERS["chunked"], None) as server:
        upstream = PyreqwestUpstream(
            ProviderSettings(
                kind="openai",
                base_url=server.url,
                first_byte_timeout_s=LIMIT_S,
                idle_timeout_s=LIMIT_S,
            ),
            thread_gone=pytest.fail,
        )
        async with upstream.stream(f"{server.url}/v1", {}, b"{}") as stream:
            parts = [await anext(stream.chunks)]
            await asyncio.sleep(2 * LIMIT_S)  # the client's own time
            parts += [part async for part in stream.chunks]
        assert b"".join(parts) == b"".join(EVENTS)
        await upstream.close()
