"""How many tokens a request has: counted where somebody can, else estimated."""

import json
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant import Targets
from aiex.assistant.catalogue import Catalogue
from aiex.assistant.messages_request import decode_count_request
from aiex.assistant.provider import Provider
from aiex.assistant.provider_anthropic import AnthropicProvider
from aiex.assistant.provider_openai import OpenAIProvider
from aiex.assistant.refusal import Refusal
from aiex.assistant.token_count import INLINE_DATA_TOKENS, TokenCount, estimated_tokens
from aiex.assistant.trail import Trail
from aiex.assistant.upstream import UpstreamAnswer
from aiex.errors import ProviderError
from aiex.settings import ModelSettings, ProviderSettings, Settings, TargetSettings
from aiex.testing.clock import FakeClock
from aiex.testing.exchange import MemoryExchange
from aiex.testing.upstream import MemoryUpstream, Scripted

JSON = "application/json"


def question(content: object = "hi", **fields: Any) -> bytes:
    turns = [{"role": "user", "content": content}]
    return json.dumps({"model": "m", "messages": turns, **fields}).encode()


def anthropic(*script: Scripted) -> AnthropicProvider:
    upstream = MemoryUpstream(*script)
    return AnthropicProvider("p", upstream, base_url="http://x", headers={}, max_tokens=1)


async def counted(provider: Provider, raw: bytes) -> tuple[MemoryExchange, Trail]:
    settings = Settings(
        providers={"p": ProviderSettings(kind="anthropic")},
        models={"m": ModelSettings(targets=(TargetSettings("p"),))},
    )
    catalogue = Catalogue(settings)
    targets = Targets(catalogue, clock=FakeClock(), random=Random(1), emit=lambda _: None)
    count = TokenCount(catalogue, {"p": provider}, targets)
    trail = Trail(method="POST", route="/x", request_id="r1", traceparent="", at_s=0)
    exchange = MemoryExchange()
    decode = partial(decode_count_request, headers={}, request_id="r1")
    await count.respond(trail, raw, exchange, decode=decode)
    return exchange, trail


async def test_who_answers_counts_where_it_can() -> None:
    provider = anthropic(UpstreamAnswer(200, JSON, "", b'{"input_tokens":2095}'))
    exchange, trail = await counted(provider, question())
    assert json.loads(exchange.body) == {"input_tokens": 2095}
    assert exchange.headers["x-aiex-token-count"] == "exact"
    assert (trail.status, trail.target) == (200, "p/m")


async def test_others_are_estimated_and_that_is_said() -> None:
    provider = OpenAIProvider("p", MemoryUpstream(), base_url="http://x/v1", headers={})
    exchange, trail = await counted(provider, question())
    assert exchange.headers["x-aiex-token-count"] == "estimate"
    assert json.loads(exchange.body)["input_tokens"] > 0
    assert trail.attempt_count == 0


async def test_a_counter_that_does_not_answer_is_no_failure() -> None:
    exchange, trail = await counted(anthropic(ProviderError("away")), question())
    assert exchange.headers["x-aiex-token-count"] == "estimate"
    assert (exchange.status, trail.outcome) == (200, "ok")


async def test_what_the_counter_refuses_is_refused() -> None:
    error = b'{"type":"error","error":{"type":"invalid_request_error","message":"no"}}'
    exchange, trail = await counted(anthropic(UpstreamAnswer(400, JSON, "", error)), question())
    assert (exchange.status, exchange.body, trail.outcome) == (400, error, "refused")


async def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(Refusal, match="does not exist"):
        await counted(anthropic(), question(model="none"))


def test_an_estimate_grows_with_what_is_said() -> None:
    short, long = (
        estimated_tokens(question("word " * 10)),
        estimated_tokens(question("word " * 400)),
    )
    assert 400 < long < 600
    assert short < long
    assert estimated_tokens(question(system="Be short.")) > estimated_tokens(question())
    tools = [{"name": "weather", "input_schema": {"type": "object", "properties": {"city": {}}}}]
    assert estimated_tokens(question(tools=tools)) > estimated_tokens(question())


def test_inline_data_does_not_count_by_its_bytes() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "A" * 10**6}
    tokens = estimated_tokens(question([{"type": "image", "source": source}]))
    assert INLINE_DATA_TOKENS <= tokens < INLINE_DATA_TOKENS + 20


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON_VALUES, JSON_VALUES)
def test_any_content_has_an_estimate(content: object, system: object) -> None:
    assert estimated_tokens(question(content, system=system)) >= 4
