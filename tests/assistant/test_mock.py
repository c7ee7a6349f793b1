"""What the mock answers: by rule, the same every time, and its faults by share and seed."""

import json
from collections import Counter
from itertools import islice
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.mock import MockFault, MockModel, MockRequest, decode_mock_request
from aiex.assistant.usage import Usage, usage_of
from aiex.settings import MockFaults, ProviderSettings

DRAWS = 4_000
WITHOUT_END = 10**12
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
RATIOS = {
    MockFault.ERROR: "error_ratio",
    MockFault.RATE_LIMIT: "rate_limit_ratio",
    MockFault.HANG: "hang_ratio",
    MockFault.CUT: "cut_ratio",
}


def mock(**settings: Any) -> MockModel:
    return MockModel(ProviderSettings(kind="mock", **settings))


def asked(content: object = "hello", **fields: Any) -> MockRequest:
    messages = [{"role": "user", "content": content}]
    return decode_mock_request(json.dumps({"model": "m", "messages": messages, **fields}).encode())


def text(model: MockModel, request: MockRequest) -> str:
    answer = json.loads(model.answer(request))
    return str(answer["choices"][0]["message"]["content"])


def events(model: MockModel, request: MockRequest) -> list[dict[str, Any]]:
    """A stream's events without its end mark."""
    *frames, last = model.frames(request)
    assert last == b"data: [DONE]\n\n"
    return [json.loads(frame.removeprefix(b"data: ")) for frame in frames]


def streamed_text(model: MockModel, request: MockRequest) -> str:
    deltas = [one["choices"][0]["delta"] for one in events(model, request) if one["choices"]]
    return "".join(delta.get("content", "") for delta in deltas)


def faults(seed: int, **ratios: float) -> list[MockFault | None]:
    model = mock(seed=seed, faults=MockFaults(**ratios))
    return [model.fault() for _ in range(DRAWS)]


def test_the_same_question_gets_the_same_bytes() -> None:
    assert mock().answer(asked()) == mock().answer(asked())
    assert list(mock().frames(asked())) == list(mock().frames(asked()))


def test_an_answer_has_the_number_of_words_that_is_configured() -> None:
    assert text(mock(answer_tokens=3), asked()) == "the quick brown"
    assert len(text(mock(answer_tokens=100), asked()).split()) == 100


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_a_request_may_ask_for_fewer_tokens_and_not_for_more(field: str) -> None:
    model = mock(answer_tokens=5)
    assert text(model, asked(**{field: 2})) == "the quick"
    assert len(text(model, asked(**{field: 9})).split()) == 5
    assert text(model, asked("echo a b c", **{field: 2})) == "a b"


def test_the_newer_name_of_the_limit_counts() -> None:
    assert text(mock(), asked(max_tokens=4, max_completion_tokens=1)) == "the"


@pytest.mark.parametrize("limit", [0, -1, "many", 1.5])
def test_a_limit_that_no_provider_takes_is_refused(limit: object) -> None:
    with pytest.raises(msgspec.DecodeError):
        asked(max_tokens=limit)


@given(st.text())
def test_an_echo_says_it_again_whole_and_streamed(said: str) -> None:
    request = asked(f"echo {said}")
    assert text(mock(), request) == said
    assert streamed_text(mock(), request) == said


def test_a_message_in_parts_is_read_as_one_text() -> None:
    assert text(mock(), asked([{"type": "text", "text": "echo a"}, {"text": "b"}])) == "a b"


def test_only_the_last_message_is_echoed() -> None:
    messages = [{"role": "user", "content": "echo a"}, {"role": "assistant", "content": "a"}]
    assert text(mock(answer_tokens=1), asked(messages=messages)) == "the"


def test_usage_counts_words_of_all_messages_and_of_the_answer() -> None:
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "assistant", "content": None},
        {"role": "user", "content": "echo a b c"},
    ]
    answer = mock().answer(asked(messages=messages, max_tokens=2))
    assert usage_of(answer) == Usage(prompt_tokens=6, completion_tokens=2)
    assert json.loads(answer)["usage"]["total_tokens"] == 8


def test_a_stream_says_what_the_whole_answer_says() -> None:
    request = asked(max_tokens=7)
    *deltas, last, usage = events(mock(), request)
    assert streamed_text(mock(), request) == text(mock(), request)
    assert [one["choices"][0]["finish_reason"] for one in deltas] == [None] * 7
    assert last["choices"][0]["finish_reason"] == "stop"
    assert usage["choices"] == []
    assert usage["usage"] == json.loads(mock().answer(request))["usage"]


def test_a_required_tool_is_called() -> None:
    request = asked(tools=TOOLS, tool_choice="required")
    (choice,) = json.loads(mock().answer(request))["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "weather", "arguments": "{}"}
    first, last, _ = events(mock(), request)
    (call,) = first["choices"][0]["delta"]["tool_calls"]
    assert (call["index"], call["function"]["name"]) == (0, "weather")
    assert last["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("fields", [{"tools": TOOLS}, {"tools": TOOLS, "tool_choice": "auto"}])
def test_a_tool_that_may_be_called_is_not(fields: dict[str, object]) -> None:
    assert text(mock(answer_tokens=1), asked(**fields)) == "the"


@pytest.mark.parametrize("tool", [7, {"function": 7}, {"function": {"name": None}}])
def test_a_broken_tool_is_refused_and_does_not_crash(tool: object) -> None:
    with pytest.raises(msgspec.DecodeError):
        asked(tools=[tool], tool_choice="required")


def test_a_tool_without_a_name_is_called_all_the_same() -> None:
    request = asked(tools=[{"function": {}}], tool_choice="required")
    (choice,) = json.loads(mock().answer(request))["choices"]
    assert choice["message"]["tool_calls"][0]["function"]["name"] == "tool"


def test_a_stream_without_end_begins_at_once() -> None:
    model = mock(answer_tokens=WITHOUT_END)
    assert len(list(islice(model.frames(asked()), 5))) == 5
    assert len(list(islice(model.half_of_frames(asked()), 5))) == 5


@pytest.mark.parametrize(("answer_tokens", "half"), [(1, 1), (2, 1), (9, 4)])
def test_half_a_stream_ends_within_the_answer(answer_tokens: int, half: int) -> None:
    model = mock(answer_tokens=answer_tokens)
    assert list(model.half_of_frames(asked())) == list(model.frames(asked()))[:half]


def test_without_faults_there_is_none() -> None:
    assert set(faults(seed=1)) == {None}


@pytest.mark.parametrize("fault", MockFault)
def test_a_fault_comes_in_its_share_of_requests(fault: MockFault) -> None:
    drawn = Counter(faults(seed=1, **{RATIOS[fault]: 0.25}))
    assert set(drawn) == {fault, None}
    assert 0.22 <= drawn[fault] / DRAWS <= 0.28


@pytest.mark.parametrize("fault", MockFault)
def test_a_share_of_one_is_every_request(fault: MockFault) -> None:
    assert set(faults(seed=1, **{RATIOS[fault]: 1.0})) == {fault}


def test_faults_share_the_requests_among_them() -> None:
    ratios = {"error_ratio": 0.1, "rate_limit_ratio": 0.2, "hang_ratio": 0.3, "cut_ratio": 0.4}
    drawn = Counter(faults(seed=1, **ratios))
    for fault, name in RATIOS.items():
        assert abs(drawn[fault] / DRAWS - ratios[name]) < 0.03


def test_a_seed_repeats_its_faults_and_another_does_not() -> None:
    assert faults(seed=7, error_ratio=0.5) == faults(seed=7, error_ratio=0.5)
    assert faults(seed=7, error_ratio=0.5) != faults(seed=8, error_ratio=0.5)
