"""Azure OpenAI's addresses and the stream that it begins without a choice, as recorded."""

import json
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.dialect_azure import AzureDialect

RESULTS = '{"hate":{"filtered":false,"severity":"safe"}}'
VERDICT = (
    '{"choices":[],"created":0,"id":"","model":"","object":"",'
    f'"prompt_filter_results":[{{"prompt_index":0,"content_filter_results":{RESULTS}}}]}}'
)
ROLE = (
    '{"choices":[{"content_filter_results":{},"delta":{"content":"","role":"assistant"},'
    '"finish_reason":null,"index":0,"logprobs":null}],"created":1,"id":"chatcmpl-1",'
    '"model":"gpt-4o-2024-08-06","object":"chat.completion.chunk","system_fingerprint":"fp"}'
)
DELTA = ROLE.replace('"content":"","role":"assistant"', '"content":"Hi"')
LAST = ROLE.replace('"content":"","role":"assistant"', "").replace("null", '"stop"', 1)
USAGE = '{"choices":[],"id":"chatcmpl-1","usage":{"prompt_tokens":1,"completion_tokens":1}}'


def stream(*data: str) -> bytes:
    return "".join(f"data: {one}\n\n" for one in (*data, "[DONE]")).encode()


async def turned(sent: bytes, cuts: set[int] | None = None) -> bytes:
    async def parts() -> AsyncIterator[bytes]:
        for start, end in pairwise([0, *sorted(cuts or ()), len(sent)]):
            yield sent[start:end]

    return b"".join([part async for part in AzureDialect("").chunks(parts())])


def events(data: bytes) -> list[Any]:
    *rest, done = data.decode().strip().split("\n\n")
    assert done == "data: [DONE]"
    return [json.loads(one.removeprefix("data: ")) for one in rest]


RECORDED = stream(VERDICT, ROLE, DELTA, LAST, USAGE)


@given(cuts=st.sets(st.integers(1, len(RECORDED) - 1)))
async def test_the_filters_verdict_moves_into_the_first_event_with_a_choice(
    cuts: set[int],
) -> None:
    first, *rest = events(await turned(RECORDED, cuts))
    assert first == {
        **json.loads(ROLE),
        "prompt_filter_results": json.loads(VERDICT)["prompt_filter_results"],
    }
    assert rest == [json.loads(one) for one in (DELTA, LAST, USAGE)]


async def test_a_stream_without_a_verdict_is_passed_on_byte_for_byte() -> None:
    plain = stream(ROLE, DELTA, LAST, USAGE)
    assert await turned(plain) == plain


async def test_bytes_that_are_no_events_are_passed_on_too() -> None:
    for sent in (b"", b"not json\n\n", b'data: {"prompt_filter_results": nonsense\n\n', b"half"):
        assert await turned(sent) == sent


def test_a_dated_version_asks_the_deployment_and_no_version_the_newer_surface() -> None:
    base = "https://acme.openai.azure.com"
    dated = AzureDialect("2024-10-21").url(base, "/chat/completions", "gpt 4/eu")
    assert dated == (
        f"{base}/openai/deployments/gpt%204%2Feu/chat/completions?api-version=2024-10-21"
    )
    assert AzureDialect("").url(base, "/embeddings", "m") == f"{base}/openai/v1/embeddings"
    assert AzureDialect("preview").url(base, "/embeddings", "m") == (
        f"{base}/openai/v1/embeddings?api-version=preview"
    )


def test_a_content_filters_refusal_is_passed_on() -> None:
    body = b'{"error":{"message":"filtered","type":null,"param":"prompt","code":"content_filter"}}'
    assert AzureDialect("").error(400, body) is body


@pytest.mark.parametrize("status", [400, 404, 429])
def test_an_error_in_no_form_is_told_in_openais(status: int) -> None:
    told = json.loads(AzureDialect("").error(status, b"<html>gateway</html>"))
    assert str(status) in told["error"]["message"]
