"""Whole answers of one API as the other says them, and back."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.anthropic.completion_from_message import completion_from_message
from aiex.assistant.anthropic.message_from_completion import message_from_completion
from aiex.assistant.usage import usage_of
from aiex.errors import ProviderError

FIXTURES = Path(__file__).parent / "fixtures"
COUNT = st.integers(0, 10**6)


def completion(body: object) -> dict[str, Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    said: dict[str, Any] = json.loads(completion_from_message(raw, created_s=1))
    return said


def message(body: object) -> dict[str, Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    said: dict[str, Any] = json.loads(message_from_completion(raw))
    return said


def given_message(**fields: Any) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "yes"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 5, "output_tokens": 2},
        **fields,
    }


def given_completion(finish: str | None = "stop", **spoken: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **spoken}, "finish_reason": finish}
    return {"id": "chatcmpl-1", "model": "m", "choices": [choice]}


def test_a_message_with_everything_becomes_a_completion() -> None:
    body = (FIXTURES / "message_everything.json").read_bytes()
    said = completion(body)
    (choice,) = said["choices"]
    assert (said["object"], said["model"], said["created"]) == (
        "chat.completion",
        "claude-opus-5",
        1,
    )
    assert choice["finish_reason"] == "tool_calls"
    spoken = choice["message"]
    assert spoken["content"] == "I'll look that up."
    assert spoken["reasoning_content"] == "They want the weather."
    assert [block["type"] for block in spoken["thinking_blocks"]] == [
        "thinking",
        "redacted_thinking",
    ]
    (call,) = spoken["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"city": "Paris", "days": 1.5}
    assert said["usage"] == {
        "prompt_tokens": 2245,
        "completion_tokens": 503,
        "total_tokens": 2748,
        "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 50},
        "completion_tokens_details": {"reasoning_tokens": 12},
    }
    assert usage_of(body) == usage_of(json.dumps(said).encode())


def test_a_completion_with_everything_becomes_a_message() -> None:
    body = (FIXTURES / "completion_everything.json").read_bytes()
    said = message(body)
    assert (said["type"], said["role"], said["id"]) == ("message", "assistant", "msg_9x")
    assert (said["stop_reason"], said["stop_sequence"]) == ("tool_use", None)
    assert said["content"] == [
        {
            "type": "thinking",
            "thinking": "They want the weather.",
            "signature": "aiex-unsigned",
        },
        {"type": "text", "text": "I'll look that up."},
        {
            "type": "tool_use",
            "id": "call_1",
            "name": "weather",
            "input": {"city": "Paris", "days": 1.5},
        },
    ]
    assert said["usage"] == {
        "input_tokens": 50,
        "output_tokens": 40,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 100,
        "output_tokens_details": {"thinking_tokens": 12},
    }
    assert usage_of(body) == usage_of(json.dumps(said).encode())


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("of_tomorrow", "stop"),
        (None, "stop"),
    ],
)
def test_every_stop_reason_has_its_finish_reason(stop: str | None, finish: str) -> None:
    assert completion(given_message(stop_reason=stop))["choices"][0]["finish_reason"] == finish


@pytest.mark.parametrize(
    ("finish", "stop"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("function_call", "tool_use"),
        ("content_filter", "refusal"),
        ("eos", "end_turn"),
        (None, "end_turn"),
    ],
)
def test_every_finish_reason_has_its_stop_reason(finish: str | None, stop: str) -> None:
    assert message(given_completion(finish, content="x"))["stop_reason"] == stop


def test_a_stop_sequence_is_told_by_the_servers_that_tell_it() -> None:
    body = given_completion(content="x")
    body["choices"][0]["stop_reason"] = "END"
    said = message(body)
    assert (said["stop_reason"], said["stop_sequence"]) == ("stop_sequence", "END")
    body["choices"][0]["stop_reason"] = 128_009  # a token's id, at vLLM
    assert message(body)["stop_reason"] == "end_turn"
    there = given_message(stop_reason="stop_sequence", stop_sequence="END")
    assert completion(there)["choices"][0]["stop_reason"] == "END"


def test_a_call_under_a_wrong_finish_reason_is_seen() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}
    said = message(given_completion("stop", content=None, tool_calls=[call]))
    assert said["stop_reason"] == "tool_use"
    assert said["content"] == [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]


def test_a_refusal_is_text_and_its_own_stop_reason() -> None:
    said = message(given_completion("stop", content=None, refusal="I can't."))
    assert (said["stop_reason"], said["content"]) == (
        "refusal",
        [{"type": "text", "text": "I can't."}],
    )


def test_reasoning_under_its_other_name_is_thinking_too() -> None:
    said = message(given_completion(content="x", reasoning="hm"))
    assert said["content"][0]["thinking"] == "hm"


def test_missing_counts_are_zeros_and_odd_ones_never_negative() -> None:
    assert message(given_completion(content="x"))["usage"]["input_tokens"] == 0
    body = given_completion(content="x")
    body["usage"] = {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 9}}
    assert message(body)["usage"]["input_tokens"] == 0


@given(COUNT, COUNT, COUNT, COUNT)
def test_counts_survive_both_ways(fresh: int, written: int, read: int, output: int) -> None:
    usage = {
        "input_tokens": fresh,
        "output_tokens": output,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens_details": {"thinking_tokens": output // 2},
    }
    there = completion(given_message(usage=usage))
    assert there["usage"]["prompt_tokens"] == fresh + written + read
    assert message(there)["usage"] == usage


BLOCKS = st.tuples(
    st.lists(
        st.builds(
            lambda thinking, signature: {
                "type": "thinking",
                "thinking": thinking,
                "signature": signature,
            },
            st.text(min_size=1),
            st.text(min_size=1),
        ),
        max_size=2,
    ),
    st.lists(
        st.builds(lambda text: {"type": "text", "text": text}, st.text(min_size=1)), max_size=1
    ),
    st.lists(
        st.builds(
            lambda name, arguments: {
                "type": "tool_use",
                "id": f"toolu_{name}",
                "name": name,
                "input": arguments,
            },
            st.text(min_size=1),
            st.dictionaries(st.text(), st.integers(-(2**53), 2**53) | st.text(), max_size=3),
        ),
        max_size=2,
    ),
).map(lambda groups: [block for group in groups for block in group])


@given(BLOCKS)
def test_what_both_apis_share_survives_both_ways(blocks: list[dict[str, Any]]) -> None:
    assert message(completion(given_message(content=blocks)))["content"] == blocks


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"choices":[]}', b"\xff", b'{"choices":[{}]}']
)
def test_what_is_no_completion_is_the_providers_failure(body: bytes) -> None:
    with pytest.raises(ProviderError):
        message_from_completion(body)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"content":"x"}', b"\xff"])
def test_what_is_no_message_is_the_providers_failure(body: bytes) -> None:
    with pytest.raises(ProviderError):
        completion_from_message(body, created_s=1)


@pytest.mark.parametrize("function", [{"arguments": "{}"}, {"name": "f", "arguments": "[1"}, None])
def test_a_call_that_no_client_could_make_is_the_providers_failure(function: object) -> None:
    call = {"id": "c", "type": "function", "function": function}
    with pytest.raises(ProviderError):
        message(given_completion("tool_calls", tool_calls=[call]))
