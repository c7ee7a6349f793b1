"""The mock's legacy completions: whole and streamed they say the same."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.mock import MockModel
from aiex.assistant.mock_completion import (
    completion,
    completion_frames,
    decode_mock_completion,
    prompt_texts,
)
from aiex.settings import ProviderSettings

MODEL = MockModel(ProviderSettings(kind="mock", answer_tokens=4))


def whole(**fields: object) -> Any:
    request = decode_mock_completion(json.dumps({"model": "m", **fields}).encode())
    return json.loads(completion(MODEL, request))


def streamed(**fields: object) -> list[Any]:
    request = decode_mock_completion(json.dumps({"model": "m", **fields}).encode())
    *frames, done = completion_frames(MODEL, request)
    assert done == b"data: [DONE]\n\n"
    return [json.loads(frame.removeprefix(b"data: ")) for frame in frames]


def test_each_prompt_gets_a_choice() -> None:
    answer = whole(prompt=["echo a b", "what?"])
    assert [choice["text"] for choice in answer["choices"]] == ["a b", "the quick brown fox"]
    assert [choice["index"] for choice in answer["choices"]] == [0, 1]
    assert answer["usage"] == {"prompt_tokens": 4, "completion_tokens": 6, "total_tokens": 10}


def test_echo_repeats_the_prompt_and_a_limit_is_kept() -> None:
    answer = whole(prompt="once upon", max_tokens=2, echo=True)
    assert answer["choices"][0]["text"] == "once upon the quick"


@given(st.lists(st.text("ab \n", min_size=1), min_size=1, max_size=3), st.integers(1, 5))
def test_a_stream_says_what_the_whole_says(prompts: list[str], limit: int) -> None:
    *events, last = streamed(prompt=prompts, max_tokens=limit)
    answer = whole(prompt=prompts, max_tokens=limit)
    texts = dict.fromkeys(range(len(prompts)), "")
    for event in events:
        (choice,) = event["choices"]
        texts[choice["index"]] += choice["text"]
    assert [texts[choice["index"]] for choice in answer["choices"]] == [
        choice["text"] for choice in answer["choices"]
    ]
    assert (last["choices"], last["usage"]) == ([], answer["usage"])


@pytest.mark.parametrize(
    ("prompt", "texts"),
    [("a b", ["a b"]), (["a", "b"], ["a", "b"]), ([1, 2], ["1 2"]), ([[1, 2], [3]], ["1 2", "3"])],
)
def test_a_prompt_may_be_text_tokens_or_several_of_them(prompt: Any, texts: list[str]) -> None:
    assert prompt_texts(prompt) == texts
