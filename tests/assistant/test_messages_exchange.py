"""The front door for clients of Anthropic's API: forms, marks and errors, without a socket."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from aiex.assistant import Intake, LoadLimits, Pace, Targets
from aiex.assistant.api import Api
from aiex.assistant.catalogue import Catalogue
from aiex.assistant.chat import Chat
from aiex.assistant.events import RequestFinished
from aiex.assistant.keys import KeyCheck
from aiex.assistant.messages_request import MessagesRequest
from aiex.assistant.provider import Answer, AnswerStream, Call, ProviderTimeout
from aiex.assistant.token_count import TokenCount
from aiex.errors import ProviderError
from aiex.settings import ModelSettings, ProviderSettings, Settings, TargetSettings
from aiex.testing.clock import FakeClock
from aiex.testing.exchange import MemoryExchange, MemoryScope

MESSAGES = "/v1/messages"
QUESTION = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
COMPLETION = (
    b'{"id":"chatcmpl-1","model":"m","choices":[{"message":{"content":"yes"},'
    b'"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":5}}'
)
DELTA = b'data: {"choices":[{"index":0,"delta":{"content":"yes"},"finish_reason":null}]}\n\n'
LAST = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'

type Outcome = Answer | list[bytes | ProviderError] | Exception


class Front:
    """An API over one provider that asks in OpenAI's form and answers from a script."""

    def __init__(self, *script: Outcome, key: str | None = None, in_flight_max: int = 9) -> None:
        self._script = list(script)
        self.asked: list[dict[str, Any]] = []
        self.events: list[RequestFinished] = []
        kind = ProviderSettings(kind="openai", base_url="http://127.0.0.1:1/v1")
        model = ModelSettings(targets=(TargetSettings("p"),))
        catalogue = Catalogue(Settings(providers={"p": kind}, models={"m": model}))
        check = KeyCheck({}, key) if key else None
        targets = Targets(catalogue, clock=FakeClock(), random=Random(1), emit=lambda _: None)
        limits = LoadLimits(in_flight_max, 10**6, 0.1, 0.5)
        self.api = Api(
            Chat(catalogue, {"p": self}, targets),
            catalogue,
            token_count=TokenCount(catalogue, {"p": self}, targets),
            key_check=lambda: check,
            is_ready=lambda: True,
            intake=Intake(limits, random=Random(1), emit=lambda _: None),
            pace=Pace(lambda *_: None, FakeClock(), 10.0),
            body_bytes_max=10_000,
            body_timeout_s=5,
            random=Random(1),
            emit=self.events.append,
        )

    async def answer(self, call: Call) -> Answer:
        outcome = self._next(call)
        assert isinstance(outcome, Answer)
        return outcome

    @asynccontextmanager
    async def stream(self, call: Call) -> AsyncIterator[AnswerStream | Answer]:
        outcome = self._next(call)
        yield outcome if isinstance(outcome, Answer) else AnswerStream(_parts(outcome))

    def _next(self, call: Call) -> Answer | list[bytes | ProviderError]:
        assert isinstance(call.request, MessagesRequest)
        self.asked.append(json.loads(call.request.body_for(call.target_model)))
        outcome = self._script.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def ask(
        self, path: str = MESSAGES, method: str = "POST", key: str = "", **fields: Any
    ) -> MemoryExchange:
        exchange = MemoryExchange(json.dumps({**QUESTION, **fields}).encode())
        headers = {"x-request-id": "mine-1", **({"x-api-key": key} if key else {})}
        await self.api.respond(MemoryScope(method, path, headers), exchange)
        return exchange

    @property
    def event(self) -> RequestFinished:
        (event,) = self.events
        return event


async def _parts(script: list[bytes | ProviderError]) -> AsyncIterator[bytes]:
    for part in script:
        if isinstance(part, ProviderError):
            raise part
        yield part


def told(exchange: MemoryExchange) -> tuple[int, str, str]:
    body = json.loads(exchange.body)
    assert body["type"] == "error"
    assert body["request_id"] == exchange.headers["request-id"] == "mine-1"
    return exchange.status, body["error"]["type"], body["error"]["message"]


async def test_a_message_is_asked_as_a_chat_and_answered_as_a_message() -> None:
    front = Front(Answer(200, "application/json", COMPLETION))
    exchange = await front.ask()
    assert front.asked == [{"model": "m", "messages": QUESTION["messages"], "max_tokens": 9}]
    body = json.loads(exchange.body)
    assert (exchange.status, body["content"]) == (200, [{"type": "text", "text": "yes"}])
    assert exchange.headers["request-id"] == exchange.headers["x-request-id"] == "mine-1"
    assert exchange.headers["x-aiex-target"] == "p/m"
    assert (front.event.route, front.event.prompt_tokens) == (MESSAGES, 7)


async def test_a_stream_is_answered_in_events() -> None:
    front = Front([DELTA, LAST])
    exchange = await front.ask(stream=True)
    assert exchange.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert exchange.headers["request-id"] == "mine-1"
    assert exchange.body.startswith(b"event: message_start\n")
    assert exchange.body.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
    assert front.event.outcome == "ok"


async def test_a_stream_that_breaks_says_so_in_an_event() -> None:
    front = Front([DELTA, ProviderError("It broke.")])
    exchange = await front.ask(stream=True)
    last = exchange.parts[-1]
    assert last.startswith(b"event: error\ndata: ")
    assert b"It broke." in last
    assert front.event.outcome == "provider_failed"


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_providers_error_gets_the_apis_form(is_stream: bool) -> None:
    error = b'{"error":{"message":"Slow down.","type":"rate_limit_error","param":null,"code":"x"}}'
    front = Front(Answer(429, "application/json", error, retry_after="3"))
    exchange = await front.ask(stream=is_stream)
    assert told(exchange) == (429, "rate_limit_error", "Slow down.")
    assert exchange.headers["retry-after"] == "3"


async def test_a_silent_provider_is_a_timeout() -> None:
    assert told(await Front(ProviderTimeout("Silence.")).ask()) == (
        504,
        "timeout_error",
        "Silence.",
    )


async def test_what_is_no_completion_is_the_providers_failure() -> None:
    front = Front(Answer(200, "application/json", b"{}"))
    assert told(await front.ask())[:2] == (502, "api_error")
    assert front.event.outcome == "provider_failed"


async def test_what_cannot_be_carried_is_refused_and_no_providers_failure() -> None:
    front = Front()
    status, kind, message = told(await front.ask(mcp_servers=[]))
    assert (status, kind) == (400, "invalid_request_error")
    assert "'mcp_servers' cannot be carried" in message
    assert (front.event.outcome, front.event.error_code) == ("refused", "not_carried")


async def test_the_servers_own_refusals_have_the_apis_form() -> None:
    assert told(await Front(key="sk-right").ask())[:2] == (401, "authentication_error")
    assert told(await Front(key="sk-right").ask(key="sk-wrong"))[:2] == (
        401,
        "authentication_error",
    )
    assert told(await Front().ask(model="none"))[:2] == (404, "not_found_error")
    assert told(await Front().ask(max_tokens="x"))[:2] == (400, "invalid_request_error")
    assert told(await Front().ask(metadata="x" * 10_000))[:2] == (413, "request_too_large")
    assert told(await Front().ask(method="GET"))[0] == 405


async def test_a_full_server_turns_away_in_the_apis_form() -> None:
    exchange = await Front(in_flight_max=0).ask()
    error = json.loads(exchange.body)
    assert (exchange.status, error["type"]) == (503, "error")
    assert error["error"]["type"] == "overloaded_error"
    assert int(exchange.headers["retry-after"]) > 0


async def test_tokens_are_counted() -> None:
    front = Front()
    exchange = await front.ask(f"{MESSAGES}/count_tokens")
    assert json.loads(exchange.body)["input_tokens"] > 0
    assert exchange.headers["request-id"] == "mine-1"
    assert front.event.route == "/v1/messages/count_tokens"
