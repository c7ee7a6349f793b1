"""Gemini's stream and usage, as recorded, and as OpenAI's clients read them."""

import json
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.dialect_gemini import GeminiDialect

HEAD = {"created": 1, "id": "g1", "model": "gemini-2.5-flash", "object": "chat.completion.chunk"}
KEY_INVALID = (
    b'[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.",'
    b'"status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}]'
)


def usage(prompt: int, completion: int, total: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}


def event(delta: dict[str, Any], used: dict[str, int], finish: str | None = None) -> Any:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {**HEAD, "choices": [choice], "usage": used}


def call(name: str, **more: Any) -> dict[str, Any]:
    return {"function": {"arguments": "{}", "name": name}, "id": name, "type": "function", **more}


SIGNED = {"extra_content": {"google": {"thought_signature": "Ej=="}}}
TEXTS = [
    event({"role": "assistant", "content": "Hel"}, usage(4, 1, 30)),
    event({"role": "assistant", "content": "lo"}, usage(4, 2, 31), "stop"),
]
CALLS = [
    event({"role": "assistant", "tool_calls": [call("a", **SIGNED)]}, usage(4, 5, 9)),
    event({"tool_calls": [call("b"), call("c")]}, usage(4, 9, 13)),
    event({}, usage(4, 9, 13), "stop"),
]


def stream(events: list[Any]) -> bytes:
    lines = [json.dumps(one) for one in events]
    return "".join(f"data: {one}\n\n" for one in (*lines, "[DONE]")).encode()


async def turned(sent: bytes, cuts: set[int] | None = None) -> bytes:
    async def parts() -> AsyncIterator[bytes]:
        for start, end in pairwise([0, *sorted(cuts or ()), len(sent)]):
            yield sent[start:end]

    return b"".join([part async for part in GeminiDialect().chunks(parts())])


def events(data: bytes) -> list[Any]:
    *rest, done = data.decode().strip().split("\n\n")
    assert done == "data: [DONE]"
    return [json.loads(one.removeprefix("data: ")) for one in rest]


@given(cuts=st.sets(st.integers(1, len(stream(TEXTS)) - 1)))
async def test_the_usage_is_told_once_at_the_end_with_the_thoughts_in_it(cuts: set[int]) -> None:
    *texts, last = events(await turned(stream(TEXTS), cuts))
    assert [one["choices"][0]["delta"]["content"] for one in texts] == ["Hel", "lo"]
    assert not any("usage" in one for one in texts)
    assert last == {
        **HEAD,
        "choices": [],
        "usage": {
            **usage(4, 27, 31),
            "completion_tokens_details": {"reasoning_tokens": 25},
        },
    }


async def test_tool_calls_are_numbered_and_end_with_their_reason() -> None:
    first, second, end, _ = events(await turned(stream(CALLS)))
    assert first["choices"][0]["delta"]["tool_calls"] == [{**call("a", **SIGNED), "index": 0}]
    numbers = [one["index"] for one in second["choices"][0]["delta"]["tool_calls"]]
    assert numbers == [1, 2]
    assert end["choices"][0]["finish_reason"] == "tool_calls"


async def test_a_text_ends_with_stop() -> None:
    *_, end, _ = events(await turned(stream(TEXTS)))
    assert end["choices"][0]["finish_reason"] == "stop"


async def test_a_stream_without_an_end_mark_still_tells_its_usage() -> None:
    sent = stream(TEXTS).removesuffix(b"data: [DONE]\n\n").removesuffix(b"\n\n")
    assert b'"choices":[],"usage"' in await turned(sent)


@given(sent=st.binary(max_size=60))
async def test_what_is_no_event_of_a_chat_passes(sent: bytes) -> None:
    assert sent.strip() in await turned(sent)


def test_a_whole_answers_usage_counts_the_thoughts() -> None:
    body = json.dumps({"choices": [], "usage": usage(20, 151, 553), "x": 1.50}).encode()
    answer = json.loads(GeminiDialect().answer(body))
    assert answer["usage"]["completion_tokens"] == 533
    assert answer["usage"]["completion_tokens_details"] == {"reasoning_tokens": 382}
    assert answer["x"] == 1.5


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"usage":null}',
        b'{"usage":{"total_tokens":"x"}}',
        b'{"data":[],"usage":{"prompt_tokens":3,"total_tokens":3}}',
        b'{"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}',
    ],
)
def test_an_answer_whose_usage_is_whole_or_none_is_not_touched(body: bytes) -> None:
    assert GeminiDialect().answer(body) is body


def test_a_wrong_key_is_known_for_what_it_is_and_an_error_is_no_list() -> None:
    assert GeminiDialect().is_key_refused(400, KEY_INVALID)
    assert not GeminiDialect().is_key_refused(400, b'[{"error":{"message":"other"}}]')
    told = json.loads(GeminiDialect().error(400, KEY_INVALID))
    assert told["error"]["code"] == "INVALID_ARGUMENT"
