"""What each kind of provider really sends: address, query, headers, body."""

import json

import pytest

from aiex.assistant.chat_request import ChatRequest, decode_chat_request
from aiex.assistant.embedding_request import decode_embedding_request
from aiex.assistant.provider import AnswerStream, Call, Provider, ProviderRefusedUs
from aiex.assistant.providers import build_providers
from aiex.settings import ProviderSettings, Secret
from aiex.testing.clock import FakeClock
from aiex.testing.http_server import Request, ScriptedServer, http_answer, http_stream

CHAT = decode_chat_request(b'{"model":"m","messages":[]}')
STREAM = decode_chat_request(b'{"model":"m","messages":[],"stream":true}')
EMBED = decode_embedding_request(b'{"model":"m","input":"a"}')
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def provider(settings: ProviderSettings) -> Provider:
    return build_providers(
        {"p": settings}, local_model=None, clock=FakeClock(), thread_gone=pytest.fail
    )["p"]


def call(request: ChatRequest) -> Call:
    return Call(request, "there", "req-1", TRACE)


async def asked(
    settings: ProviderSettings, request: ChatRequest, server: ScriptedServer
) -> Request:
    await provider(settings).answer(call(request))
    (got,) = server.asked
    return got


async def test_openai_is_asked_below_its_base_url_with_a_bearer() -> None:
    with ScriptedServer(http_answer(b"{}")) as server:
        settings = ProviderSettings(
            kind="openai", base_url=f"{server.url}/v1/", api_key=Secret("k"), headers={"x-org": "o"}
        )
        got = await asked(settings, EMBED, server)
    assert (got.method, got.path) == ("POST", "/v1/embeddings")
    assert got.headers["authorization"] == "Bearer k"
    assert got.headers["x-org"] == "o"
    assert got.headers["x-request-id"] == "req-1"
    assert got.headers["traceparent"] == TRACE
    assert json.loads(got.body) == {"model": "there", "input": "a"}


async def test_azure_with_a_date_is_asked_at_the_deployment_with_an_api_key_header() -> None:
    with ScriptedServer(http_answer(b"{}")) as server:
        settings = ProviderSettings(
            kind="azure", base_url=server.url, api_key=Secret("k"), api_version="2024-10-21"
        )
        got = await asked(settings, CHAT, server)
    assert got.path == "/openai/deployments/there/chat/completions?api-version=2024-10-21"
    assert got.headers["api-key"] == "k"
    assert "authorization" not in got.headers


async def test_azure_without_a_date_is_asked_at_its_newer_surface() -> None:
    with ScriptedServer(http_answer(b"{}")) as server:
        settings = ProviderSettings(kind="azure", base_url=f"{server.url}/", api_key=Secret("k"))
        got = await asked(settings, CHAT, server)
    assert got.path == "/openai/v1/chat/completions"
    assert json.loads(got.body)["model"] == "there"


async def test_gemini_is_asked_like_openai_and_its_wrong_key_is_ours_to_mend() -> None:
    refused = http_answer(b'[{"error":{"code":400,"details":[{"reason":"API_KEY_INVALID"}]}}]', 400)
    with ScriptedServer(http_answer(b"{}"), refused) as server:
        settings = ProviderSettings(
            kind="gemini", base_url=f"{server.url}/v1beta/openai", api_key=Secret("k")
        )
        one = provider(settings)
        await one.answer(call(CHAT))
        with pytest.raises(ProviderRefusedUs, match="api_key"):
            await one.answer(call(CHAT))
        got = server.asked[0]
    assert got.path == "/v1beta/openai/chat/completions"
    assert got.headers["authorization"] == "Bearer k"


async def test_a_stream_of_azures_reaches_us_with_a_choice_in_every_event() -> None:
    sent = http_stream(
        b'data: {"choices":[],"prompt_filter_results":[1]}\n\n',
        b'data: {"choices":[{"index":0}]}\n\ndata: [DONE]\n\n',
    )
    with ScriptedServer(sent) as server:
        settings = ProviderSettings(kind="azure", base_url=server.url, api_version="2024-10-21")
        async with provider(settings).stream(call(STREAM)) as answer:
            assert isinstance(answer, AnswerStream)
            got = b"".join([chunk async for chunk in answer.chunks])
    assert got == (
        b'data: {"prompt_filter_results":[1],"choices":[{"index":0}]}\n\ndata: [DONE]\n\n'
    )
