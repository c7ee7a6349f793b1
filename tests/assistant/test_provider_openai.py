"""A provider that speaks OpenAI's API: what it is sent, and what is made of its answers."""

import json

import pytest

from aiex.assistant import upstream as upstreams
from aiex.assistant.chat_request import decode_chat_request
from aiex.assistant.provider import (
    Answer,
    AnswerStream,
    Call,
    ProviderRefusedUs,
    ProviderTimeout,
)
from aiex.assistant.provider_openai import OpenAIProvider
from aiex.assistant.upstream import UpstreamAnswer
from aiex.errors import ProviderError
from aiex.testing.upstream import MemoryUpstream

TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
JSON = "application/json"
BOTH_WAYS = pytest.mark.parametrize("is_stream", [False, True])


def provider(upstream: MemoryUpstream, base_url: str = "http://there/v1") -> OpenAIProvider:
    headers = {"authorization": "Bearer sk-node", "x-team": "green"}
    return OpenAIProvider("there", upstream, base_url=base_url, headers=headers)


def call(*, is_stream: bool = False, target_model: str = "m") -> Call:
    body = json.dumps({"model": "m", "messages": [], "stream": is_stream}).encode()
    return Call(decode_chat_request(body), target_model, "req_1", TRACE)


def answer_of(status: int, body: bytes = b"{}", retry_after: str = "") -> UpstreamAnswer:
    return UpstreamAnswer(status, JSON, retry_after, body)


async def asked(upstream: MemoryUpstream, *, is_stream: bool) -> Answer | list[bytes]:
    """What comes of a call: an answer, or the chunks of a stream."""
    if not is_stream:
        return await provider(upstream).answer(call())
    async with provider(upstream).stream(call(is_stream=True)) as answer:
        if isinstance(answer, AnswerStream):
            return [chunk async for chunk in answer.chunks]
        return answer


@BOTH_WAYS
async def test_a_call_carries_the_providers_credentials_and_its_own_ids(is_stream: bool) -> None:
    upstream = MemoryUpstream(answer_of(200))
    await asked(upstream, is_stream=is_stream)
    (sent,) = upstream.asked
    assert sent.url == "http://there/v1/chat/completions"
    assert sent.headers == {
        "content-type": JSON,
        "authorization": "Bearer sk-node",
        "x-team": "green",
        "x-request-id": "req_1",
        "traceparent": TRACE,
    }


async def test_a_base_url_may_end_in_a_slash() -> None:
    upstream = MemoryUpstream(answer_of(200))
    await provider(upstream, "http://there/v1/").answer(call())
    assert upstream.asked[0].url == "http://there/v1/chat/completions"


async def test_a_request_goes_on_as_it_came_but_for_the_targets_model() -> None:
    upstream = MemoryUpstream(answer_of(200), answer_of(200))
    same, other = call(), call(target_model="gpt-9")
    await provider(upstream).answer(same)
    await provider(upstream).answer(other)
    assert upstream.asked[0].body == same.request.raw
    assert json.loads(upstream.asked[1].body)["model"] == "gpt-9"


async def test_a_stream_is_asked_for_its_usage() -> None:
    upstream = MemoryUpstream([])
    await asked(upstream, is_stream=True)
    assert json.loads(upstream.asked[0].body)["stream_options"] == {"include_usage": True}


async def test_a_stream_is_passed_on_chunk_by_chunk() -> None:
    upstream = MemoryUpstream([b"data: 1", b"\n\ndata: 2\n\n"])
    assert await asked(upstream, is_stream=True) == [b"data: 1", b"\n\ndata: 2\n\n"]
    assert upstream.closed_streams == 1


async def test_a_stream_that_is_left_early_is_closed() -> None:
    upstream = MemoryUpstream([b"1", b"2"])
    async with provider(upstream).stream(call(is_stream=True)) as answer:
        assert isinstance(answer, AnswerStream)
        await anext(answer.chunks)
        assert upstream.closed_streams == 0
    assert upstream.closed_streams == 1


@BOTH_WAYS
@pytest.mark.parametrize("status", [200, 400, 404, 408, 422, 429, 500, 503, 529, 599])
async def test_answers_and_errors_are_passed_on_with_their_body(
    status: int, is_stream: bool
) -> None:
    upstream = MemoryUpstream(answer_of(status, b'{"said": "there"}', retry_after="7"))
    answer = await asked(upstream, is_stream=is_stream)
    assert answer == Answer(status, JSON, b'{"said": "there"}', "7")


@BOTH_WAYS
@pytest.mark.parametrize("status", [401, 403])
async def test_refused_credentials_are_the_nodes_own_and_the_body_stays_here(
    status: int, is_stream: bool
) -> None:
    upstream = MemoryUpstream(answer_of(status, b"Incorrect API key provided: sk-node"))
    with pytest.raises(ProviderRefusedUs) as caught:
        await asked(upstream, is_stream=is_stream)
    told = str(caught.value)
    assert f"'there' refused this server's credentials (status {status})" in told
    assert "api_key" in told
    assert "sk-node" not in told


@BOTH_WAYS
@pytest.mark.parametrize("status", [0, 100, 101, 199, 201, 204, 206, 300, 302, 307, 399, 600, 999])
async def test_a_redirect_or_a_status_that_is_no_answer_is_a_failure(
    status: int, is_stream: bool
) -> None:
    with pytest.raises(ProviderError, match=f"'there' answered with status {status}"):
        await asked(MemoryUpstream(answer_of(status)), is_stream=is_stream)


@pytest.mark.parametrize("content_type", [JSON, "text/plain", ""])
async def test_a_whole_answer_where_a_stream_was_asked_for_is_taken_whole(
    content_type: str,
) -> None:
    upstream = MemoryUpstream(UpstreamAnswer(200, content_type, "", b'{"choices":[]}'))
    answer = await asked(upstream, is_stream=True)
    assert answer == Answer(200, JSON, b'{"choices":[]}', "")


@BOTH_WAYS
@pytest.mark.parametrize("body", [b"data: no\n\n", b"<html>Bad Gateway</html>", b"", b'{"half'])
async def test_an_error_that_is_no_json_gets_the_form_that_clients_read(
    body: bytes, is_stream: bool
) -> None:
    upstream = MemoryUpstream(UpstreamAnswer(503, "text/html", "7", body))
    answer = await asked(upstream, is_stream=is_stream)
    assert isinstance(answer, Answer)
    assert (answer.status, answer.content_type, answer.retry_after) == (503, JSON, "7")
    assert json.loads(answer.body)["error"]["code"] == "provider_503"


@pytest.mark.parametrize("content_type", ["text/event-stream; charset=utf-8", "Text/Event-Stream"])
async def test_a_stream_is_known_by_its_media_type_however_it_is_written(content_type: str) -> None:
    upstream = MemoryUpstream(UpstreamAnswer(200, content_type, "", b"data: 1\n\n"))
    assert await asked(upstream, is_stream=True) == [b"data: 1\n\n"]


async def test_a_whole_answer_in_place_of_a_stream_has_a_size_limit() -> None:
    too_large = b"x" * (upstreams.WHOLE_ANSWER_BYTES_MAX + 1)
    with pytest.raises(ProviderError, match="larger than is taken"):
        await asked(MemoryUpstream(answer_of(500, too_large)), is_stream=True)


@BOTH_WAYS
@pytest.mark.parametrize("failure", [ProviderError("broke"), ProviderTimeout("late")])
async def test_a_failure_of_the_connection_is_told_as_it_is(
    failure: ProviderError, is_stream: bool
) -> None:
    with pytest.raises(type(failure)) as caught:
        await asked(MemoryUpstream(failure), is_stream=is_stream)
    assert caught.value is failure


async def test_a_stream_that_breaks_gives_what_came_before() -> None:
    upstream = MemoryUpstream([b"data: 1\n\n", ProviderTimeout("silent")])
    chunks: list[bytes] = []

    async def read() -> None:
        async with provider(upstream).stream(call(is_stream=True)) as answer:
            assert isinstance(answer, AnswerStream)
            async for chunk in answer.chunks:
                chunks.append(chunk)  # noqa: PERF401 - it ends with an error

    with pytest.raises(ProviderTimeout, match="silent"):
        await read()
    assert chunks == [b"data: 1\n\n"]
    assert upstream.closed_streams == 1
