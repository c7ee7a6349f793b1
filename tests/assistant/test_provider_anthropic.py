"""What an Anthropic provider is sent and how its answers are read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aiex.assistant.chat_request import ChatRequest, decode_chat_request
from aiex.assistant.completion_request import decode_completion_request
from aiex.assistant.embedding_request import decode_embedding_request
from aiex.assistant.messages_request import decode_messages_request
from aiex.assistant.provider import Answer, AnswerStream, Call, ProviderRefusedUs
from aiex.assistant.provider_anthropic import AnthropicProvider
from aiex.assistant.refusal import Refusal
from aiex.assistant.upstream import UpstreamAnswer
from aiex.errors import ProviderError
from aiex.testing.upstream import MemoryUpstream, Scripted

FIXTURES = Path(__file__).parent / "anthropic" / "fixtures"
MESSAGE = (FIXTURES / "message_everything.json").read_bytes()
EVENTS = (FIXTURES / "stream_everything.sse").read_bytes()
OVERLOADED = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
JSON = "application/json"


def chat(**fields: Any) -> ChatRequest:
    question = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}
    return decode_chat_request(json.dumps(question).encode())


def messages(headers: dict[str, str] | None = None, **fields: Any) -> ChatRequest:
    question = {"model": "m", "max_tokens": 5, "messages": [], **fields}
    return decode_messages_request(json.dumps(question).encode(), headers or {}, "r1")


def call(request: ChatRequest) -> Call:
    return Call(request, "claude-opus-5", "r1", "00-t-s-00")


class There:
    """A provider, and what stands behind it."""

    def __init__(self, *script: Scripted, base_url: str = "http://there", **headers: str) -> None:
        self.upstream = MemoryUpstream(*script)
        self.provider = AnthropicProvider(
            "there",
            self.upstream,
            base_url=base_url,
            headers={name.replace("_", "-"): text for name, text in headers.items()},
            max_tokens=77,
        )

    async def streamed(self, request: ChatRequest) -> tuple[bytes, AnswerStream | Answer]:
        async with self.provider.stream(call(request)) as answer:
            if isinstance(answer, Answer):
                return answer.body, answer
            return b"".join([chunk async for chunk in answer.chunks]), answer


async def test_a_chat_is_translated_and_so_is_its_answer() -> None:
    there = There(UpstreamAnswer(200, JSON, "", MESSAGE), x_api_key="sk-ant")
    answer = await there.provider.answer(call(chat()))
    (asked,) = there.upstream.asked
    assert asked.url == "http://there/v1/messages"
    assert json.loads(asked.body) == {
        "model": "claude-opus-5",
        "max_tokens": 77,
        "messages": [{"role": "user", "content": "hi"}],
    }
    assert (asked.headers["x-api-key"], asked.headers["anthropic-version"]) == (
        "sk-ant",
        "2023-06-01",
    )
    assert json.loads(answer.body)["choices"][0]["finish_reason"] == "tool_calls"
    assert not answer.is_native


async def test_a_message_and_its_answer_pass_as_they_are() -> None:
    there = There(UpstreamAnswer(200, JSON, "", MESSAGE))
    headers = {"anthropic-version": "2026-10-21", "anthropic-beta": "a"}
    answer = await there.provider.answer(call(messages(headers, tomorrow=1)))
    (asked,) = there.upstream.asked
    assert json.loads(asked.body)["tomorrow"] == 1
    assert (asked.headers["anthropic-version"], asked.headers["anthropic-beta"]) == (
        "2026-10-21",
        "a",
    )
    assert (answer.body, answer.is_native) == (MESSAGE, True)


async def test_an_operators_betas_are_sent_beside_the_clients() -> None:
    answer = UpstreamAnswer(200, JSON, "", MESSAGE)
    there = There(answer, answer, anthropic_beta="mine")
    await there.provider.answer(call(messages({"anthropic-beta": "yours"})))
    await there.provider.answer(call(chat()))
    betas = [asked.headers["anthropic-beta"] for asked in there.upstream.asked]
    assert betas == ["mine,yours", "mine"]


@pytest.mark.parametrize("base_url", ["http://x/", "http://x/v1", "http://x/v1/"])
async def test_a_base_url_may_have_its_version_or_not(base_url: str) -> None:
    there = There(UpstreamAnswer(200, JSON, "", MESSAGE), base_url=base_url)
    await there.provider.answer(call(chat()))
    assert there.upstream.asked[0].url == "http://x/v1/messages"


async def test_streams_pass_or_are_translated() -> None:
    there = There([EVENTS], [EVENTS])
    passed, answer = await there.streamed(messages(stream=True))
    assert passed == EVENTS
    assert isinstance(answer, AnswerStream)
    assert answer.is_native
    translated, answer = await there.streamed(chat(stream=True))
    assert translated.endswith(b"data: [DONE]\n\n")
    assert isinstance(answer, AnswerStream)
    assert not answer.is_native


async def test_errors_keep_their_status_and_get_the_clients_form() -> None:
    error = UpstreamAnswer(529, JSON, "7", OVERLOADED)
    there = There(error, error, error)
    answer = await there.provider.answer(call(chat()))
    assert (answer.status, answer.retry_after) == (529, "7")
    assert json.loads(answer.body)["error"]["code"] == "overloaded_error"
    native = await there.provider.answer(call(messages()))
    assert (native.body, native.is_native) == (OVERLOADED, True)
    body, _ = await there.streamed(messages(stream=True))
    assert body == OVERLOADED


async def test_our_own_credentials_are_our_own_affair() -> None:
    there = There(UpstreamAnswer(401, JSON, "", b"{}"), x_api_key="sk-ant-secret")
    with pytest.raises(ProviderRefusedUs, match="'there'") as caught:
        await there.provider.answer(call(messages()))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("status", [204, 302, 9999])
async def test_a_status_that_is_no_answer_is_a_failure(status: int) -> None:
    with pytest.raises(ProviderError):
        await There(UpstreamAnswer(status, JSON, "", b"")).provider.answer(call(messages()))


async def test_a_stream_that_breaks_is_a_failure_behind_what_it_said() -> None:
    there = There([(FIXTURES / "stream_overloaded.sse").read_bytes()])
    said = []
    with pytest.raises(ProviderError, match="Overloaded"):  # noqa: PT012 - as Chat reads it
        async with there.provider.stream(call(chat(stream=True))) as answer:
            assert isinstance(answer, AnswerStream)
            async for chunk in answer.chunks:
                said.append(chunk)  # noqa: PERF401 - what came before the failure counts
    assert b"Hel" in b"".join(said)


async def test_what_cannot_be_carried_is_refused_before_anybody_is_asked() -> None:
    there = There()
    with pytest.raises(Refusal, match="'n' cannot be carried"):
        await there.provider.answer(call(chat(n=2)))
    assert not there.upstream.asked


async def test_tokens_are_counted_there() -> None:
    there = There(UpstreamAnswer(200, JSON, "", b'{"input_tokens":9}'))
    answer = await there.provider.count_tokens(call(messages()))
    assert answer.body == b'{"input_tokens":9}'
    assert there.upstream.asked[0].url == "http://there/v1/messages/count_tokens"


@pytest.mark.parametrize("decode", [decode_embedding_request, decode_completion_request])
async def test_what_is_no_chat_is_refused(decode: Callable[[bytes], ChatRequest]) -> None:
    request = decode(b'{"model":"m","input":"x","prompt":"x"}')
    with pytest.raises(Refusal, match="chats only"):
        await There().provider.answer(call(request))
