"""Limits, costs and usage as clients of the API meet them, without a socket."""

import asyncio
import json
from random import Random
from typing import Any

import msgspec
import pytest

from aiex.assistant import Intake, LoadLimits, Pace, Targets, TokenCount
from aiex.assistant.account import Limit, Shortage, Standing
from aiex.assistant.account_local import LocalAccounts
from aiex.assistant.admission import Admission
from aiex.assistant.api import Api
from aiex.assistant.catalogue import Catalogue
from aiex.assistant.chat import Chat
from aiex.assistant.events import RequestFinished
from aiex.assistant.keys import KeyCheck, new_key
from aiex.assistant.ledger import Ledger, Span, UsageRow
from aiex.assistant.limits import NO_LIMITS, Limits
from aiex.assistant.prices import Prices
from aiex.assistant.providers import build_providers
from aiex.assistant.token_estimate import prompt_tokens
from aiex.settings import (
    MockFaults,
    ModelSettings,
    PriceSettings,
    ProviderSettings,
    Settings,
    TargetSettings,
)
from aiex.testing.accounts import MemoryAccounts
from aiex.testing.clock import FakeClock
from aiex.testing.exchange import MemoryExchange, MemoryScope

PROVIDERS = {
    "mock": ProviderSettings("mock"),
    "failing": ProviderSettings("mock", retries_max=0, faults=MockFaults(error_ratio=1.0)),
    "cutting": ProviderSettings("mock", retries_max=0, faults=MockFaults(cut_ratio=1.0)),
    "slow": ProviderSettings("mock", latency_ms=1_000),
}
SETTINGS = Settings(
    providers=PROVIDERS,
    models={name: ModelSettings((TargetSettings(name),)) for name in PROVIDERS},
    prices={
        name: PriceSettings(2.5, 10.0) for name in ("mock/mock", "cutting/cutting", "slow/slow")
    },
)
# The question is 4 tokens for the mock, the answer 3: 4 * 2,500 + 3 * 10,000 nano-dollars.
QUESTION = [{"role": "user", "content": "echo one two three"}]
COST_NANO_USD = 40_000


class Desk:
    """One API with one key, and all that it counts."""

    def __init__(
        self, limits: Limits = NO_LIMITS, *, accounts: MemoryAccounts | None = None
    ) -> None:
        self.clock = FakeClock()
        self.ledger = Ledger(self.clock.wall_s)
        self.events: list[RequestFinished] = []
        self.key, record = new_key("test", at="", by="test")
        self.key_id = record.id
        admission = Admission(
            lambda key_id: limits if key_id == record.id else NO_LIMITS,
            accounts or LocalAccounts(self.now_ns, self.ledger),
            Prices(SETTINGS.prices),
            self.ledger,
            wall_s=self.clock.wall_s,
        )
        catalogue, random = Catalogue(SETTINGS), Random(1)
        providers = build_providers(
            PROVIDERS, local_model=None, clock=self.clock, thread_gone=pytest.fail
        )
        targets = Targets(catalogue, clock=self.clock, random=Random(1), emit=lambda _: None)
        self.api = Api(
            Chat(catalogue, providers, targets, admission=admission),
            catalogue,
            token_count=TokenCount(catalogue, providers, targets, admission=admission),
            key_check=lambda: KeyCheck({record.id: record}, None),
            is_ready=lambda: True,
            intake=Intake(LoadLimits(100, 10**7, 0.1, 0.5), random=random, emit=lambda _: None),
            pace=Pace(lambda *_: None, self.clock, 10.0),
            body_bytes_max=10**6,
            body_timeout_s=5.0,
            random=random,
            emit=self.events.append,
            admission=admission,
        )

    def now_ns(self) -> int:
        return round(self.clock.monotonic_s() * 10**9)

    async def ask(self, model: str = "mock", **fields: object) -> MemoryExchange:
        exchange = MemoryExchange(body_of(model, **fields))
        await self.respond(exchange)
        return exchange

    async def respond(self, exchange: MemoryExchange) -> None:
        headers = {"authorization": f"Bearer {self.key}"}
        scope = MemoryScope("POST", "/v1/chat/completions", headers)
        # In a task, as a server runs it: a client that leaves cancels it.
        await asyncio.create_task(self.api.respond(scope, exchange))

    async def get(self, path: str) -> MemoryExchange:
        exchange = MemoryExchange()
        scope = MemoryScope("GET", path, {"authorization": f"Bearer {self.key}"})
        await self.api.respond(scope, exchange)
        return exchange

    def usage(self) -> list[UsageRow]:
        self.ledger.fold()
        return [row for page in self.ledger.dirty_pages(Span.MONTH) for row in page.rows()]


def body_of(model: str, **fields: object) -> bytes:
    return json.dumps({"model": model, "messages": QUESTION, **fields}).encode()


def error_of(exchange: MemoryExchange) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(exchange.body)["error"]
    return error


async def test_a_whole_answer_tells_what_is_left_and_what_it_cost() -> None:
    desk = Desk(Limits(requests_per_minute=60, tokens_per_minute=6_000))
    headers = (await desk.ask(max_tokens=1_000)).headers
    assert headers["x-ratelimit-limit-requests"] == "60"
    assert headers["x-ratelimit-remaining-requests"] == "59"
    assert headers["x-ratelimit-reset-requests"] == "1s"
    assert headers["x-ratelimit-limit-tokens"] == "6000"
    assert headers["x-ratelimit-remaining-tokens"] == "5993"
    assert headers["x-ratelimit-reset-tokens"] == "70ms"
    assert headers["x-aiex-cost"] == "0.000040000"


async def test_a_stream_tells_what_is_held_and_its_cost_at_the_end() -> None:
    desk = Desk(Limits(requests_per_minute=60, tokens_per_minute=6_000))
    exchange = await desk.ask(stream=True, max_tokens=1_000)
    held = 1_000 + prompt_tokens(body_of("mock", stream=True, max_tokens=1_000))
    assert exchange.headers["x-ratelimit-remaining-requests"] == "59"
    assert exchange.headers["x-ratelimit-remaining-tokens"] == str(6_000 - held)
    assert "x-aiex-cost" not in exchange.headers
    assert desk.events[-1].cost_nano_usd == COST_NANO_USD
    after = await desk.get("/v1/models")
    assert after.headers["x-ratelimit-remaining-tokens"] == "5993"
    assert after.headers["x-ratelimit-remaining-requests"] == "59"


async def test_one_request_too_many_is_told_when_to_come_again() -> None:
    desk = Desk(Limits(requests_per_minute=2))
    assert [(await desk.ask()).status for _ in range(2)] == [200, 200]
    refused = await desk.ask()
    assert refused.status == 429
    assert error_of(refused)["code"] == "rate_limit_exceeded"
    assert error_of(refused)["type"] == "requests"
    assert "2 requests a minute. Try again in 30s." in error_of(refused)["message"]
    assert refused.headers["retry-after"] == "30"
    assert refused.headers["retry-after-ms"] == "30000"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    await desk.clock.advance(29.999)
    assert (await desk.ask()).status == 429
    await desk.clock.advance(0.001)
    assert (await desk.ask()).status == 200


async def test_too_many_tokens_are_refused_now_or_for_good() -> None:
    desk = Desk(Limits(tokens_per_minute=1_000))
    for_good = await desk.ask(max_tokens=2_000)
    assert for_good.status == 429
    assert for_good.headers["x-should-retry"] == "false"
    assert "retry-after" not in for_good.headers
    stream = asyncio.create_task(desk.ask("slow", max_tokens=900))
    await desk.clock.settle()
    now = await desk.ask(max_tokens=500)
    assert (now.status, error_of(now)["type"]) == (429, "tokens")
    await desk.clock.advance(1)
    assert (await stream).status == 200
    assert (await desk.ask(max_tokens=500)).status == 200


async def test_a_spent_budget_is_insufficient_quota_until_the_month_ends() -> None:
    desk = Desk(Limits(budget_micro_usd=80))
    assert [(await desk.ask()).status for _ in range(2)] == [200, 200]
    refused = await desk.ask()
    assert refused.status == 429
    assert error_of(refused)["code"] == error_of(refused)["type"] == "insufficient_quota"
    assert "0.00008 of its 0.00008 USD" in error_of(refused)["message"]
    assert "begins anew at 2023-12-01T00:00:00Z" in error_of(refused)["message"]
    assert refused.headers["x-should-retry"] == "false"
    await desk.clock.advance(int(refused.headers["retry-after"]) - 1)
    assert (await desk.ask()).status == 429
    await desk.clock.advance(1)
    assert (await desk.ask()).status == 200


async def test_concurrency_counts_what_is_in_progress_and_frees_it_however_it_ends() -> None:
    desk = Desk(Limits(concurrency=1))
    leaving = MemoryExchange(body_of("slow"))
    asking = asyncio.create_task(desk.respond(leaving))
    await desk.clock.settle()
    refused = await desk.ask()
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    leaving.leave()
    await asking
    assert (await desk.ask("failing")).status == 500
    assert (await desk.ask("cutting")).status == 502
    assert (await desk.ask("cutting", stream=True)).status == 200
    assert (await desk.ask()).status == 200


async def test_a_key_asks_for_and_sees_the_models_it_may_use() -> None:
    desk = Desk(Limits(models=("mo*", "slow")))
    refused = await desk.ask("failing")
    assert refused.status == 403
    assert error_of(refused) == {
        "message": "This API key may not use the model 'failing'; it may use mo*, slow.",
        "type": "permission_error",
        "param": "model",
        "code": "model_not_allowed",
    }
    assert (await desk.ask("none")).status == 404
    assert (await desk.ask()).status == 200
    listed = json.loads((await desk.get("/v1/models")).body)["data"]
    assert [model["id"] for model in listed] == ["mock", "slow"]
    assert (await desk.get("/v1/models/failing")).status == 403
    assert (await desk.get("/v1/models/slow")).status == 200


async def test_without_limits_there_are_no_headers_and_usage_is_counted() -> None:
    desk = Desk()
    exchange = await desk.ask()
    assert not [name for name in exchange.headers if name.startswith("x-ratelimit")]
    assert exchange.headers["x-aiex-cost"] == "0.000040000"
    assert desk.usage() == [UsageRow(desk.key_id, "mock", 1, 0, 4, 3, cost_nano_usd=COST_NANO_USD)]


async def test_failures_cost_nothing_and_refusals_are_not_counted() -> None:
    desk = Desk(Limits(requests_per_minute=1, tokens_per_minute=6_000))
    failed = await desk.ask("failing", max_tokens=1_000)
    assert failed.headers["x-ratelimit-remaining-tokens"] == "6000"
    assert "x-aiex-cost" not in failed.headers
    assert (await desk.ask()).status == 429
    assert desk.usage() == [UsageRow(desk.key_id, "failing", 1, 1)]


async def test_a_stream_that_breaks_off_is_charged_by_estimate() -> None:
    desk = Desk()
    await desk.ask("cutting", stream=True)
    event = desk.events[-1]
    assert event.is_usage_estimated
    assert event.prompt_tokens > 0
    assert event.completion_tokens == -(-event.response_bytes // 200)
    assert event.cost_nano_usd == event.prompt_tokens * 2_500 + event.completion_tokens * 10_000
    (row,) = desk.usage()
    assert (row.failures, row.cost_nano_usd) == (1, event.cost_nano_usd)


async def test_a_hundred_at_once_get_what_there_is_and_not_one_more() -> None:
    desk = Desk(Limits(requests_per_minute=60))
    answers = await asyncio.gather(*(desk.ask() for _ in range(100)))
    statuses = [answer.status for answer in answers]
    assert (statuses.count(200), statuses.count(429)) == (60, 40)
    left = [answer.headers["x-ratelimit-remaining-requests"] for answer in answers]
    assert sorted(map(int, left)) == sorted([*range(60), *[0] * 40])


async def test_accounts_that_ask_elsewhere_first_need_no_other_caller() -> None:
    shortage = Shortage(Limit.REQUESTS, 5, 1, 1)
    accounts = MemoryAccounts(None, shortage, standing=Standing(5, 2, 10**9))
    desk = Desk(Limits(tokens_per_minute=100), accounts=accounts)
    first, second, third = [await desk.ask(max_tokens=7) for _ in range(3)]
    assert [first.status, second.status, third.status] == [200, 429, 200]
    assert second.headers["x-ratelimit-remaining-requests"] == "2"
    assert second.headers["retry-after"] == "1"
    assert [key for key, _ in accounts.taken] == [desk.key_id] * 2
    assert accounts.settled == [(desk.key_id, 7)] * 2


async def test_the_event_of_a_request_can_be_encoded() -> None:
    desk = Desk()
    await desk.ask()
    assert b'"cost_nano_usd":40000' in msgspec.json.encode(desk.events[-1])
