"""The node's own part of a request, in memory: all of it, and each stage by itself.

`Api.respond` is run as a server would, in a task, with a provider that answers at once; then each
thing it does, alone, on the same request. What remains between the whole and its stages is the way
from one to the next: the coroutines, the checks. CPU of the thread, so that the log's
writer, a thread of its own, is a stage like any other.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any, Final

from aiex.assistant import Api, Catalogue, Chat, Intake, KeyCheck, LoadLimits, Pace, Targets
from aiex.assistant import TokenCount as Counts
from aiex.assistant.account_local import LocalAccounts
from aiex.assistant.admission import Admission
from aiex.assistant.attempts import Attempts
from aiex.assistant.call_watch import CallWatch
from aiex.assistant.chat_request import decode_chat_request
from aiex.assistant.keys import key_in
from aiex.assistant.leave_watch import LeaveWatch
from aiex.assistant.ledger import Ledger
from aiex.assistant.limits import Limits
from aiex.assistant.prices import Prices
from aiex.assistant.provider import Call
from aiex.assistant.provider_openai import OpenAIProvider
from aiex.assistant.request_id import RequestIds
from aiex.assistant.routes import CHAT_COMPLETIONS, route_of
from aiex.assistant.trail import Trail
from aiex.assistant.upstream import UpstreamAnswer
from aiex.assistant.usage import usage_of
from aiex.clock import SystemClock
from aiex.events import EventBus
from aiex.settings import (
    ModelSettings,
    PriceSettings,
    ProviderSettings,
    Settings,
    TargetSettings,
)
from aiex.telemetry import LogWriter, Telemetry
from rig import chat

REST: Final = "coroutines, checks between"
_PROVIDER: Final = "upstream"
_LIMITS: Final = Limits(requests_per_minute=10**9, tokens_per_minute=10**12)

type Stage = Callable[[], object] | Callable[[], Awaitable[object]]


class FixedUpstream:
    """A provider's server that has answered before it was asked."""

    def __init__(self, answer: bytes) -> None:
        self._answer = UpstreamAnswer(200, "application/json", "", answer)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> UpstreamAnswer:
        return self._answer

    def stream(self, url: str, headers: Mapping[str, str], body: bytes) -> Any:
        raise NotImplementedError("only whole answers are measured here")

    async def close(self) -> None:
        return None


class FixedExchange:
    """A client that sent its request and takes its answer."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.status = 0

    async def __call__(self) -> bytes:
        return self._body

    def client_disconnect(self) -> "asyncio.Future[None]":
        return asyncio.get_running_loop().create_future()

    def response_bytes(self, status: int, headers: object, body: bytes) -> None:
        self.status = status


class Scope:
    method = "POST"
    path = CHAT_COMPLETIONS
    server, client = "127.0.0.1:8080", "127.0.0.1:50000"

    def __init__(self, body: bytes) -> None:
        self.headers = {
            "authorization": f"Bearer {chat.KEY}",
            "content-type": "application/json",
            "content-length": str(len(body)),
        }


class Handler:
    """The API of a node with one provider, a key, limits, prices and a log: all that records."""

    def __init__(self, answer: bytes, writer: LogWriter) -> None:
        clock, random, bus = SystemClock(), Random(1), EventBus()
        telemetry = Telemetry(writer, node="bench", version="0", has_access_log=True)
        telemetry.watch(bus)
        self.body = chat.body(is_stream=False)
        self.scope = Scope(self.body)
        self.answer = answer
        self.emit = bus.emit
        self.ids = RequestIds(random)
        self.keys = KeyCheck({}, chat.KEY)
        prices = PriceSettings(input_usd_per_million=1.0, output_usd_per_million=2.0)
        ledger = Ledger(clock.wall_s)
        self.admission = Admission(
            lambda _: _LIMITS,
            LocalAccounts(time.monotonic_ns, ledger),
            Prices({chat.MODEL: prices}),
            ledger,
            wall_s=clock.wall_s,
        )
        settings = Settings(
            providers={_PROVIDER: ProviderSettings(kind="openai", base_url="http://127.0.0.1/v1")},
            models={chat.MODEL: ModelSettings(targets=(TargetSettings(provider=_PROVIDER),))},
        )
        self.catalogue = Catalogue(settings)
        self.provider = OpenAIProvider(
            _PROVIDER,
            FixedUpstream(answer),
            base_url="http://127.0.0.1/v1",
            headers={"authorization": "Bearer sk-upstream"},
        )
        providers = {_PROVIDER: self.provider}
        self.targets = Targets(self.catalogue, clock=clock, random=random, emit=bus.emit)
        self.api = Api(
            Chat(self.catalogue, providers, self.targets, admission=self.admission),
            self.catalogue,
            token_count=Counts(self.catalogue, providers, self.targets),
            key_check=lambda: self.keys,
            is_ready=lambda: True,
            intake=Intake(LoadLimits(10**6, 10**9, 1.0, 2.0), random=random, emit=bus.emit),
            pace=Pace(lambda *_: None, clock, 30.0),
            body_bytes_max=20_000_000,
            body_timeout_s=30,
            random=random,
            emit=bus.emit,
            admission=self.admission,
        )

    async def respond(self) -> None:
        """One request as a server would have it answered."""
        exchange = FixedExchange(self.body)
        await asyncio.create_task(self.api.respond(self.scope, exchange))  # type: ignore[arg-type]
        assert exchange.status == 200, exchange.status

    def trail(self) -> Trail:
        headers = self.scope.headers
        return Trail(
            method="POST",
            route=route_of(self.scope.path),
            request_id=self.ids.request_id(headers.get("x-request-id")),
            traceparent=self.ids.traceparent(headers.get("traceparent")),
            at_s=time.time(),
        )

    def stages(self) -> Mapping[str, Stage]:
        """Each thing that `respond` does, alone, on a request that has come so far."""
        request = decode_chat_request(self.body)
        model = self.catalogue.model(chat.MODEL)
        done = self.trail()
        done.model = chat.MODEL
        done.provider, done.target = _PROVIDER, f"{_PROVIDER}/{chat.MODEL}"
        done.status, done.usage = 200, usage_of(self.answer)
        call = Call(request, chat.MODEL, done.request_id, done.traceparent)

        def key() -> object:
            headers = self.scope.headers
            return self.keys.key_id(key_in(headers.get("authorization"), headers.get("x-api-key")))

        async def admission() -> None:
            await self.admission.admit(done, self.body, request.answer_tokens)
            self.admission.settle(done)

        def target() -> None:
            done.attempts = []
            attempt = Attempts(self.targets, self.catalogue, model, done).first()
            assert attempt is not None, "the target is free"
            attempt.ended(None)
            attempt.close()
            done.note(attempt.name, attempt.outcome, attempt.took_s)

        exchange: Any = FixedExchange(self.body)
        leavers, bodies = LeaveWatch(), CallWatch(30)

        async def visit() -> None:
            own: Any = asyncio.current_task()
            leavers.add(own, done, exchange)
            leavers.remove(own)

        async def task() -> None:
            await asyncio.create_task(visit())

        async def body() -> None:
            with bodies.call(30):
                await exchange()

        return {
            "task, watch for a client that leaves": task,
            "time limit of the body": body,
            "ids, trace, trail": self.trail,
            "key check": key,
            "decoding the request": lambda: decode_chat_request(self.body),
            "limits, cost, usage": admission,
            "choice of the target, breaker, cap": target,
            "provider: headers, check of the answer": lambda: self.provider.answer(call),
            "usage in the answer": lambda: usage_of(self.answer),
            "headers of the answer": lambda: (done.server_timing(), done.extra_headers),
            "event: metrics, log line queued": lambda: self.emit(done.finished()),
        }


async def _cpu_us(stage: Stage, count: int) -> float:
    """CPU of this thread for one of `count` times `stage`."""
    began_ns = time.thread_time_ns()
    for _ in range(count):
        made = stage()
        if asyncio.iscoroutine(made):
            await made
    return (time.thread_time_ns() - began_ns) / count / 1000


async def _rounds(handler: Handler, rounds: int, count: int) -> Mapping[str, list[float]]:
    await _cpu_us(handler.respond, count)  # warms up
    stages = handler.stages()
    found: dict[str, list[float]] = {"all": [], "log line written": [], REST: []}
    found |= {name: [] for name in stages}
    for _ in range(rounds):
        others_ns = time.process_time_ns() - time.thread_time_ns()
        whole_us = await _cpu_us(handler.respond, count)
        await asyncio.sleep(0.2)  # the writer has its say
        others_ns = time.process_time_ns() - time.thread_time_ns() - others_ns
        round_us = {name: await _cpu_us(stage, count) for name, stage in stages.items()}
        found["log line written"].append(others_ns / count / 1000)
        found["all"].append(whole_us)
        found[REST].append(whole_us - sum(round_us.values()))
        for name, stage_us in round_us.items():
            found[name].append(stage_us)
    return found


def measure_stages(answer: bytes, rounds: int, count: int) -> Mapping[str, list[float]]:
    """Microseconds of CPU for each stage in each round; `all` is `Api.respond` whole."""
    import uvloop

    with Path("/dev/null").open("wb") as nowhere:
        writer = LogWriter(nowhere)
        writer.start()
        try:
            return uvloop.run(_rounds(Handler(answer, writer), rounds, count))
        finally:
            writer.close()
