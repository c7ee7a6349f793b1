"""The API's front door, asked without a socket: who may ask, what is answered, what is told."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant import Intake, LoadLimits, Pace, RequestShed, Targets
from aiex.assistant.api import Api
from aiex.assistant.catalogue import Catalogue
from aiex.assistant.chat import Chat
from aiex.assistant.events import RequestFinished
from aiex.assistant.keys import KeyCheck, new_key
from aiex.assistant.provider import Answer, AnswerStream, Call, Provider, ProviderTimeout
from aiex.assistant.provider_openai import OpenAIProvider
from aiex.assistant.token_count import TokenCount
from aiex.assistant.upstream import UpstreamAnswer
from aiex.errors import ProviderError
from aiex.settings import ModelSettings, ProviderSettings, Settings, TargetSettings
from aiex.testing.clock import FakeClock
from aiex.testing.exchange import MemoryExchange, MemoryScope
from aiex.testing.upstream import MemoryUpstream
from aiex.work import Work

CHAT = "/v1/chat/completions"
QUESTION = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
USAGE = (
    b'{"prompt_tokens":7,"completion_tokens":5,"total_tokens":12,'
    b'"prompt_tokens_details":{"cached_tokens":3},'
    b'"completion_tokens_details":{"reasoning_tokens":2}}'
)
COMPLETION = (
    b'{"id":"x","new_field":[1.0e2],"choices":[{"message":{"content":"yes"}}],"usage":%s}' % USAGE
)
DELTA = b'data: {"choices":[{"index":0,"delta":{"content":"yes"},"finish_reason":null}]}\n\n'
LAST = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE_EVENT = b'data: {"choices":[],"usage":%s}\n\n' % USAGE
DONE = b"data: [DONE]\n\n"
KEY, RECORD = new_key("team", at="2026-01-01T00:00:00.000+00:00", by="test")
KEYS = KeyCheck({RECORD.id: RECORD}, "sk-of-the-settings")


class Scripted:
    """A provider that answers from a script and remembers what it was called with."""

    def __init__(self, *script: Answer | list[bytes | ProviderError] | Exception) -> None:
        self._script = list(script)
        self.calls: list[Call] = []
        self.ended_count = 0

    async def answer(self, call: Call) -> Answer:
        outcome = self._next(call)
        assert isinstance(outcome, Answer), "the script has a stream here"
        return outcome

    @asynccontextmanager
    async def stream(self, call: Call) -> AsyncIterator[AnswerStream | Answer]:
        outcome = self._next(call)
        try:
            yield outcome if isinstance(outcome, Answer) else AnswerStream(parts(outcome))
        finally:
            self.ended_count += 1

    def _next(self, call: Call) -> Answer | list[bytes | ProviderError]:
        self.calls.append(call)
        outcome = self._script.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


async def parts(script: list[bytes | ProviderError]) -> AsyncIterator[bytes]:
    for part in script:
        if isinstance(part, ProviderError):
            raise part
        yield part


class Hanging(Scripted):
    """A provider that begins an answer and then says nothing more."""

    async def answer(self, call: Call) -> Answer:
        self.calls.append(call)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.ended_count += 1
        raise AssertionError("nothing ends the wait but a cancellation")

    @asynccontextmanager
    async def stream(self, call: Call) -> AsyncIterator[AnswerStream | Answer]:
        async def forever() -> AsyncIterator[bytes]:
            yield DELTA
            await asyncio.get_running_loop().create_future()

        self.calls.append(call)
        try:
            yield AnswerStream(forever())
        finally:
            self.ended_count += 1


class Stage:
    """An API over scripted providers, with what it emitted."""

    def __init__(
        self, *providers: Provider, target_model: str = "", in_flight_max: int = 100, **options: Any
    ) -> None:
        names = [f"p{number}" for number in range(len(providers))]
        kind = ProviderSettings(kind="openai", base_url="http://127.0.0.1:1/v1", retries_max=0)
        models = {
            "m": ModelSettings(
                targets=(TargetSettings(names[0], model=target_model),), fallbacks=tuple(names[1:])
            ),
            **{name: ModelSettings(targets=(TargetSettings(name),)) for name in names[1:]},
        }
        catalogue = Catalogue(Settings(providers=dict.fromkeys(names, kind), models=models))
        self.events: list[RequestFinished] = []
        self.shed: list[RequestShed] = []
        clock = FakeClock()
        limits = LoadLimits(in_flight_max, 10**6, 0.1, 0.5)
        settings: dict[str, Any] = {
            "key_check": lambda: None,
            "is_ready": lambda: True,
            "intake": Intake(limits, random=Random(1), emit=self.shed.append),
            "pace": Pace(lambda *_: None, clock, 10.0),
            "body_bytes_max": 10_000,
            "body_timeout_s": 5.0,
        }
        named = dict(zip(names, providers, strict=True))
        targets = Targets(catalogue, clock=clock, random=Random(1), emit=lambda _: None)
        self.api = Api(
            Chat(catalogue, named, targets),
            catalogue,
            token_count=TokenCount(catalogue, named, targets),
            random=Random(1),
            emit=self._heard,
            **settings | options,
        )

    def _heard(self, event: RequestFinished | RequestShed) -> None:
        if isinstance(event, RequestShed):
            self.shed.append(event)
        else:
            self.events.append(event)

    async def ask(
        self,
        body: object = QUESTION,
        *,
        method: str = "POST",
        path: str = CHAT,
        headers: dict[str, str] | None = None,
    ) -> MemoryExchange:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        exchange = MemoryExchange(raw)
        await self.api.respond(MemoryScope(method, path, headers), exchange)
        return exchange

    @property
    def event(self) -> RequestFinished:
        (event,) = self.events
        return event


def error(exchange: MemoryExchange) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(exchange.body)["error"]
    return found


def completion(status: int = 200, body: bytes = COMPLETION, retry_after: str = "") -> Answer:
    return Answer(status, "application/json", body, retry_after)


def streaming(**more: object) -> dict[str, object]:
    return {**QUESTION, "stream": True, **more}


async def until(is_true: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not is_true():
            await asyncio.sleep(0)


async def test_an_answer_is_passed_on_byte_for_byte() -> None:
    exchange = await Stage(Scripted(completion())).ask()
    assert (exchange.status, exchange.body) == (200, COMPLETION)
    assert exchange.headers["x-aiex-target"] == "p0/m"


async def test_a_request_ends_as_one_event_with_all_that_is_known() -> None:
    stage = Stage(Scripted(completion()), key_check=lambda: KEYS)
    await stage.ask(headers={"authorization": f"Bearer {KEY}"})
    event = stage.event
    assert (event.route, event.status, event.outcome) == (CHAT, 200, "ok")
    assert (event.model, event.target, event.key_id) == ("m", "p0/m", RECORD.id)
    assert (event.prompt_tokens, event.completion_tokens) == (7, 5)
    assert (event.cached_tokens, event.reasoning_tokens) == (3, 2)
    assert event.duration_us >= event.provider_us >= 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(min_size=1, max_size=12), JSON, max_size=5), st.booleans())
async def test_fields_nobody_knows_reach_the_provider_as_they_were(
    extra: dict[str, Any], is_stream: bool
) -> None:
    known = {**QUESTION, "stream": is_stream}
    sent = {**extra, **known}
    sent.pop("stream_options", None)
    upstream = MemoryUpstream(
        [DELTA, LAST, DONE] if is_stream else UpstreamAnswer(200, "application/json", "", b"{}")
    )
    stage = Stage(OpenAIProvider("p0", upstream, base_url="http://x/v1", headers={}))
    exchange = await stage.ask(sent)
    assert exchange.status == 200
    received = json.loads(upstream.asked[0].body)
    received.pop("stream_options", None)  # a stream is always asked for its usage
    assert received == sent


async def test_the_model_is_renamed_and_nothing_else_touched() -> None:
    upstream = MemoryUpstream(UpstreamAnswer(200, "application/json", "", b"{}"))
    provider = OpenAIProvider("p0", upstream, base_url="http://x/v1", headers={})
    messages = b'"messages":[ {"role":"user","content":"h\\u00e9"} ]'
    await Stage(provider, target_model="deployed").ask(
        b'{"temperature": 1.50, "model":"m",' + messages + b"}"
    )
    sent = upstream.asked[0].body
    assert sent == b'{"temperature":1.50,"model":"deployed",' + messages + b"}"


async def test_a_stream_is_passed_on_event_for_event() -> None:
    stage = Stage(Scripted([DELTA[:10], DELTA[10:] + LAST, USAGE_EVENT, DONE]))
    exchange = await stage.ask(streaming(stream_options={"include_usage": True}))
    assert exchange.body == DELTA + LAST + USAGE_EVENT + DONE
    assert exchange.headers["content-type"].startswith("text/event-stream")
    assert stage.event.completion_tokens == 5


async def test_usage_that_only_we_asked_for_is_counted_and_not_shown() -> None:
    stage = Stage(Scripted([DELTA, LAST, USAGE_EVENT, DONE]))
    exchange = await stage.ask(streaming())
    assert exchange.body == DELTA + LAST + DONE
    assert (stage.event.prompt_tokens, stage.event.reasoning_tokens) == (7, 2)


async def test_a_stream_that_breaks_says_so_and_is_not_tried_elsewhere() -> None:
    second = Scripted([DELTA, LAST, DONE])
    stage = Stage(Scripted([DELTA, ProviderError("It broke.")]), second)
    exchange = await stage.ask(streaming())
    assert exchange.body.startswith(DELTA)
    assert json.loads(exchange.parts[-1].removeprefix(b"data: "))["error"]["message"] == "It broke."
    assert not second.calls
    assert stage.event.outcome == "provider_failed"


@pytest.mark.parametrize("failure", [ProviderError(), completion(500), completion(429)])
@pytest.mark.parametrize("is_stream", [False, True])
async def test_another_target_answers_while_nothing_was_sent(
    failure: ProviderError | Answer, is_stream: bool
) -> None:
    good: Answer | list[bytes | ProviderError] = [DELTA, LAST, DONE] if is_stream else completion()
    stage = Stage(Scripted(failure), Scripted(good))
    exchange = await stage.ask({**QUESTION, "stream": is_stream})
    assert exchange.status == 200
    assert exchange.headers["x-aiex-target"] == "p1/p1"
    assert stage.event.attempt_count == 2


async def test_what_is_wrong_with_the_request_is_tried_nowhere_else() -> None:
    wrong, second = completion(422, b'{"error":{"message":"no"}}'), Scripted()
    exchange = await Stage(Scripted(wrong), second).ask()
    assert (exchange.status, exchange.body) == (422, b'{"error":{"message":"no"}}')
    assert not second.calls


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (ProviderTimeout("It took too long."), 504, "provider_timeout"),
        (ProviderError("It broke."), 502, "provider_failed"),
    ],
)
async def test_when_nobody_answers_the_client_is_told_why(
    failure: ProviderError, status: int, code: str
) -> None:
    stage = Stage(Scripted(failure))
    exchange = await stage.ask()
    assert (exchange.status, error(exchange)["code"]) == (status, code)
    assert error(exchange)["message"] == str(failure)
    assert stage.event.outcome == "provider_failed"


async def test_a_providers_wish_to_wait_is_passed_on() -> None:
    exchange = await Stage(Scripted(completion(429, b"{}", "17"))).ask()
    assert (exchange.status, exchange.headers["retry-after"]) == (429, "17")


async def test_a_bug_is_a_500_that_tells_nothing_of_the_inside() -> None:
    stage = Stage(Scripted(ValueError("sk-secret of the provider")))
    exchange = await stage.ask()
    assert exchange.status == 500
    assert b"sk-secret" not in exchange.body
    assert stage.event.request_id in error(exchange)["message"]
    assert stage.event.outcome == "crashed"


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_client_that_goes_away_ends_the_providers_work(is_stream: bool) -> None:
    provider = Hanging()
    stage = Stage(provider)
    exchange = MemoryExchange(json.dumps({**QUESTION, "stream": is_stream}).encode())
    asking = asyncio.create_task(stage.api.respond(MemoryScope("POST", CHAT), exchange))
    await until(lambda: exchange.parts if is_stream else provider.calls)
    exchange.leave()
    await asking
    assert provider.ended_count == 1
    assert stage.event.outcome == "client_gone"
    assert stage.api.in_flight_count == 0


async def test_cutting_off_ends_what_is_in_flight() -> None:
    provider = Hanging()
    stage = Stage(provider)
    asking = asyncio.create_task(stage.ask())
    await until(lambda: provider.calls)
    assert stage.api.cut_off() == 1
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert stage.event.outcome == "cut_off"


async def test_one_more_than_are_served_at_once_is_asked_to_come_again() -> None:
    provider = Hanging()
    stage = Stage(provider, in_flight_max=1)
    asking = asyncio.create_task(stage.ask())
    await until(lambda: provider.calls)
    refused = await stage.ask()
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert error(refused)["code"] == "overloaded"
    asking.cancel()
    await asyncio.wait([asking])


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer  {KEY} "},
        {"x-api-key": KEY},
        {"authorization": "Bearer sk-of-the-settings"},
    ],
)
async def test_a_key_is_taken_in_every_form_clients_send_it(headers: dict[str, str]) -> None:
    stage = Stage(Scripted(completion()), key_check=lambda: KEYS)
    assert (await stage.ask(headers=headers)).status == 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "missing_api_key"),
        ({"authorization": "Basic abc"}, "missing_api_key"),
        ({"authorization": "Bearer sk-wrong"}, "invalid_api_key"),
        ({"authorization": f"Bearer {KEY[:-1]}"}, "invalid_api_key"),
        ({"authorization": "Bearer \udcff"}, "invalid_api_key"),
    ],
)
@pytest.mark.parametrize("path", [CHAT, "/v1/models", "/v1/models/m", "/v1/elsewhere"])
async def test_nobody_gets_in_without_a_key(headers: dict[str, str], code: str, path: str) -> None:
    provider = Scripted()
    stage = Stage(provider, key_check=lambda: KEYS)
    refused = await stage.ask(path=path, headers=headers)
    assert (refused.status, error(refused)["code"]) == (401, code)
    assert not provider.calls


async def test_a_revoked_key_is_a_wrong_one() -> None:
    check = KeyCheck({RECORD.id: RECORD.revoked("2026-01-02T00:00:00.000+00:00")}, None)
    stage = Stage(Scripted(), key_check=lambda: check)
    refused = await stage.ask(headers={"authorization": f"Bearer {KEY}"})
    assert error(refused)["code"] == "invalid_api_key"


async def test_models_are_listed_and_found_by_name() -> None:
    stage = Stage(Scripted(), Scripted())
    listed = json.loads((await stage.ask(method="GET", path="/v1/models")).body)
    assert [model["id"] for model in listed["data"]] == ["m", "p1"]
    one = await stage.ask(method="GET", path="/v1/models/p0%2Fgpt")
    assert json.loads(one.body)["id"] == "p0/gpt"
    assert stage.events[-1].route == "/v1/models/{model}"


async def test_a_model_that_is_not_there_is_told_with_the_nearest_one() -> None:
    refused = await Stage(Scripted(), Scripted()).ask({**QUESTION, "model": "p11"})
    assert refused.status == 404
    assert "Did you mean 'p1'?" in error(refused)["message"]
    assert error(refused)["param"] == "model"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", CHAT, 405),
        ("POST", "/v1/models", 405),
        ("DELETE", "/v1/models/m", 405),
        ("GET", "/", 404),
        ("POST", "/v1/nothing", 404),
        ("GET", "/v1/models/", 404),
    ],
)
async def test_what_is_not_there_is_told_in_openais_form(
    method: str, path: str, status: int
) -> None:
    stage = Stage(Scripted())
    refused = await stage.ask(method=method, path=path)
    assert refused.status == status
    assert error(refused)["type"] == "invalid_request_error"
    assert stage.event.route in ("unknown", CHAT, "/v1/models", "/v1/models/{model}")


async def test_a_wrong_method_is_told_with_the_right_one() -> None:
    refused = await Stage(Scripted()).ask(method="GET")
    assert refused.headers["allow"] == "POST"


@pytest.mark.parametrize("announced", [{"content-length": "10001"}, {}])
async def test_a_body_over_the_limit_is_refused(announced: dict[str, str]) -> None:
    refused = await Stage(Scripted()).ask(b" " * 10_001, headers=announced)
    assert (refused.status, error(refused)["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b"\xff", None),
        ({"messages": []}, "model"),
        ({"model": "m"}, "messages"),
        ({"model": "m", "messages": "hi"}, "messages"),
        ({"model": 5, "messages": []}, "model"),
        ({**QUESTION, "stream": "yes"}, "stream"),
    ],
)
async def test_a_request_that_is_none_is_refused_naming_the_field(
    body: object, param: str | None
) -> None:
    refused = await Stage(Scripted()).ask(body)
    assert refused.status == 400
    assert error(refused)["param"] == param


@given(st.binary(max_size=200))
async def test_no_bytes_crash_the_front_door(body: bytes) -> None:
    stage = Stage(Scripted(completion()))
    exchange = await stage.ask(body)
    assert exchange.status in (200, 400, 404)
    assert stage.event.outcome in ("ok", "refused")


async def test_a_clients_request_id_comes_back_and_reaches_the_provider() -> None:
    provider = Scripted(completion())
    exchange = await Stage(provider).ask(headers={"x-request-id": "mine-1"})
    assert exchange.headers["x-request-id"] == "mine-1"
    assert provider.calls[0].request_id == "mine-1"


async def test_a_trace_goes_on_at_the_provider_and_in_the_event() -> None:
    provider = Scripted(completion())
    stage = Stage(provider)
    trace = "0af7651916cd43dd8448eb211c80319c"
    await stage.ask(headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    assert provider.calls[0].traceparent.split("-")[1] == trace
    assert stage.event.trace_id == trace


async def test_server_timing_says_where_the_time_went() -> None:
    stage = Stage(Scripted(completion()), key_check=lambda: KEYS)
    exchange = await stage.ask(headers={"x-api-key": KEY})
    parts = [part.split(";dur=") for part in exchange.headers["server-timing"].split(", ")]
    times = {name: float(duration) for name, duration in parts}
    assert list(times) == ["auth", "parse", "route", "provider", "total"]
    assert times["total"] >= times["provider"]


@pytest.mark.parametrize("body", [QUESTION, {**QUESTION, "model": "nobody's"}])
async def test_a_node_that_stops_gives_the_connection_back_with_its_answer(
    body: dict[str, Any],
) -> None:
    leaving = [False]
    stage = Stage(Scripted(completion()), is_leaving=lambda: leaving[0])
    assert "connection" not in (await stage.ask(body)).headers
    leaving[0] = True
    assert (await stage.ask(body)).headers["connection"] == "close"


async def test_probes_say_their_bare_word_and_are_no_requests() -> None:
    stage = Stage(Scripted(), key_check=lambda: KEYS, is_ready=lambda: False)
    assert (await stage.ask(method="GET", path="/livez")).status == 200
    assert (await stage.ask(method="GET", path="/readyz")).status == 503
    assert (await stage.ask(method="GET", path="/healthz")).status == 503
    assert not stage.events


async def test_while_it_is_answered_a_request_s_task_says_whose_work_it_does() -> None:
    stage = Stage(Hanging())
    task = asyncio.create_task(stage.ask())
    await until(lambda: stage.api.in_flight_count)
    await until(lambda: stage.api.work_of(task) == Work("http.api", CHAT, "m"))
    assert stage.api.work_of(asyncio.current_task() or task) is None
    task.cancel()
    await asyncio.wait({task})
    assert stage.api.work_of(task) is None
