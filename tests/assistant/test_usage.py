"""Tokens as providers report them, and nothing where they report none or nonsense."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.usage import NO_USAGE, Usage, usage_of

COUNT = st.integers(0, 2**53)


@given(COUNT, COUNT, COUNT, COUNT)
def test_all_four_counts_are_read(
    prompt: int, completion: int, cached: int, reasoning: int
) -> None:
    reported = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reasoning, "tomorrow": [1]},
    }
    answer = json.dumps({"id": "x", "choices": [{"a": 1}], "usage": reported}).encode()
    assert usage_of(answer) == Usage(prompt, completion, cached, reasoning)


@pytest.mark.parametrize(
    "reported",
    [
        {"prompt_tokens": 5},
        {"prompt_tokens": 5, "completion_tokens": None},
        {"prompt_tokens": 5, "prompt_tokens_details": None, "completion_tokens_details": {}},
        {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": None}},
    ],
)
def test_what_is_left_out_or_null_is_zero(reported: dict[str, Any]) -> None:
    assert usage_of(json.dumps({"usage": reported}).encode()) == Usage(5)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff",
        b'{"usage":"\xff"}',
        b"{}",
        b'{"usage":null}',
        b'{"usage":5}',
        b'{"usage":{"prompt_tokens":"many"}}',
        b'{"usage":{"prompt_tokens":1.5}}',
        b'{"usage":{"prompt_tokens":-5}}',
        b'{"usage":{"prompt_tokens":1,"completion_tokens_details":{"reasoning_tokens":-1}}}',
        b'{"usage":{"prompt_tokens":99999999999999999999}}',
        b'{"x":' + b"[" * 100_000,
    ],
)
def test_nonsense_is_no_usage(answer: bytes) -> None:
    assert usage_of(answer) is NO_USAGE


@given(st.binary(max_size=100))
def test_no_bytes_break_the_count(answer: bytes) -> None:
    assert usage_of(answer).prompt_tokens >= 0
