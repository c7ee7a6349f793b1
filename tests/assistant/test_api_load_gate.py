"""At the API's door: what is too much is turned away, and told when to come again."""

import asyncio
import json
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
    RequestShed,
    Targets,
    TokenCount,
)
from aiex.assistant.providers import build_providers
from aiex.settings import ModelSettings, ProviderSettings, Settings, TargetSettings
from aiex.testing.clock import FakeClock
from aiex.testing.exchange import MemoryExchange, MemoryScope

PATH = "/v1/chat/completions"
LATENCY_S = 1.0
SETTINGS = Settings(
    providers={"mock": ProviderSettings(kind="mock", latency_ms=LATENCY_S * 1000)},
    models={"mock": ModelSettings(targets=(TargetSettings("mock"),))},
)
LIMITS = LoadLimits(in_flight_max=3, body_bytes_max=4000, shed_from_lag_s=0.1, shed_all_lag_s=0.5)


class Door:
    """An API over the mock in memory; `ask` begins a request, `clock` lets it go on."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.events: list[Any] = []
        self.intake = Intake(LIMITS, random=Random(1), emit=self.events.append)
        catalogue = Catalogue(SETTINGS)
        providers = build_providers(
            catalogue.providers, local_model=None, clock=self.clock, thread_gone=pytest.fail
        )
        targets = Targets(catalogue, clock=self.clock, random=Random(1), emit=lambda _: None)
        self.api = Api(
            Chat(catalogue, providers, targets),
            catalogue,
            token_count=TokenCount(catalogue, providers, targets),
            key_check=lambda: None,
            is_ready=lambda: True,
            intake=self.intake,
            pace=Pace(lambda *_: None, self.clock, 10.0),
            body_bytes_max=3000,
            body_timeout_s=10.0,
            random=Random(1),
            emit=self.events.append,
        )
        self.tasks: list[asyncio.Task[None]] = []

    def ask(
        self, *, body_bytes: int = 0, is_stream: bool = False, is_chunked: bool = False
    ) -> MemoryExchange:
        question = {"role": "user", "content": "echo hi"}
        fields = {"model": "mock", "messages": [question], "stream": is_stream}
        body = json.dumps(fields).encode().ljust(body_bytes)
        headers = {} if is_chunked else {"content-length": str(len(body))}
        exchange = MemoryExchange(body)
        respond = self.api.respond(MemoryScope("POST", PATH, headers), exchange)
        self.tasks.append(asyncio.ensure_future(respond))
        return exchange

    async def finish(self) -> None:
        await self.clock.advance(LATENCY_S + 1)
        await asyncio.gather(*self.tasks)

    def shed_reasons(self) -> list[str]:
        return [event.reason for event in self.events if isinstance(event, RequestShed)]


@pytest.fixture
async def door() -> Door:
    return Door()


def error_of(exchange: MemoryExchange) -> Any:
    return json.loads(exchange.body)["error"]


async def test_one_more_than_may_be_in_flight_is_turned_away(door: Door) -> None:
    taken = [door.ask() for _ in range(LIMITS.in_flight_max)]
    await door.clock.settle()
    turned_away = door.ask()
    await door.clock.settle()
    assert turned_away.status == 503
    assert turned_away.headers["retry-after"] == "1"
    assert error_of(turned_away)["code"] == "overloaded"
    assert "connection" not in turned_away.headers, "a handshake costs more than the next refusal"
    await door.finish()
    assert [exchange.status for exchange in taken] == [200] * LIMITS.in_flight_max
    assert door.shed_reasons() == ["in_flight"]
    finished = [event for event in door.events if isinstance(event, RequestFinished)]
    assert len(finished) == LIMITS.in_flight_max


async def test_a_late_loop_turns_all_away_but_probes(door: Door) -> None:
    for _ in range(30):
        door.intake.loop_was_late(1.0)
    turned_away = door.ask()
    await door.clock.settle()
    assert (turned_away.status, turned_away.headers["retry-after"]) == (503, "4")
    assert turned_away.headers["connection"] == "close", "load balancers go elsewhere by now"
    assert "more to do than it can" in error_of(turned_away)["message"]
    probe = MemoryExchange()
    await door.api.respond(MemoryScope("GET", "/livez"), probe)
    assert probe.status == 200
    assert door.shed_reasons() == ["loop_lag"]
    await door.finish()


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_bodies_beyond_what_may_be_held_are_turned_away(
    door: Door, *, is_chunked: bool
) -> None:
    first = door.ask(body_bytes=2500, is_chunked=is_chunked)
    await door.clock.settle()
    assert door.intake.body_bytes == 2500
    second = door.ask(body_bytes=2500, is_chunked=is_chunked)
    await door.clock.settle()
    assert (second.status, second.headers["retry-after"]) == (503, "1")
    assert "request bodies" in error_of(second)["message"]
    await door.finish()
    assert first.status == 200
    assert door.intake.body_bytes == 0
    assert door.shed_reasons() == ["body_bytes"]


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_body_too_large_by_itself_is_413_and_leaves_nothing_held(
    door: Door, *, is_chunked: bool
) -> None:
    asked = door.ask(body_bytes=3001, is_chunked=is_chunked)
    await door.finish()
    assert asked.status == 413
    assert door.intake.body_bytes == 0


async def test_streams_are_counted_while_they_are_open(door: Door) -> None:
    asked = door.ask(is_stream=True)
    await door.clock.advance(LATENCY_S / 2)
    assert door.intake.stream_count == 0
    await door.finish()
    assert asked.body.endswith(b"data: [DONE]\n\n")
    assert door.intake.stream_count == 0


async def test_a_request_cut_off_holds_nothing_any_more(door: Door) -> None:
    asked = door.ask(body_bytes=2000)
    await door.clock.settle()
    asked.leave()
    await asyncio.wait(door.tasks)
    assert door.intake.body_bytes == 0
    assert door.api.in_flight_count == 0
