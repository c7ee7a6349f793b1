"""Requests of OpenAI's chat as Anthropic's API says them."""

import json
from typing import Any

import pytest

from aiex.assistant.anthropic.messages_from_chat import messages_from_chat
from aiex.assistant.refusal import Refusal

HI = [{"role": "user", "content": "hi"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Paris"}'},
}


def messages(
    turns: object = HI, model: str = "claude-opus-5", bound: int = 8192, **fields: Any
) -> dict[str, Any]:
    raw = json.dumps({"model": "asked", "messages": turns, **fields}).encode()
    body: dict[str, Any] = json.loads(messages_from_chat(raw, model, max_tokens=bound))
    return body


def refused(turns: object = HI, **fields: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        messages(turns, **fields)
    assert caught.value.status == 400
    return caught.value


def test_a_short_question_stays_short_but_for_the_bound_that_anthropic_wants() -> None:
    assert messages() == {"model": "claude-opus-5", "max_tokens": 8192, "messages": HI}
    assert messages(max_tokens=5)["max_tokens"] == 5
    assert messages(max_tokens=5, max_completion_tokens=6)["max_tokens"] == 6


def test_system_and_developer_messages_come_before_all_others() -> None:
    turns = [
        {"role": "system", "content": "One."},
        *HI,
        {"role": "developer", "content": [{"type": "text", "text": "Two."}]},
    ]
    body = messages(turns)
    assert [block["text"] for block in body["system"]] == ["One.", "Two."]
    assert body["messages"] == HI


def test_messages_of_one_side_are_joined_into_one_turn() -> None:
    turns = [
        *HI,
        {"role": "assistant", "content": "", "tool_calls": [CALL, {**CALL, "id": "c2"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "sun"}]},
        {"role": "user", "content": "and?"},
    ]
    _, answer, results = messages(turns)["messages"]
    assert answer == {
        "role": "assistant",
        "content": [
            {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Paris"}},
            {"type": "tool_use", "id": "c2", "name": "weather", "input": {"city": "Paris"}},
        ],
    }
    assert results == {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "c1", "content": "rain"},
            {
                "type": "tool_result",
                "tool_use_id": "c2",
                "content": [{"type": "text", "text": "sun"}],
            },
            {"type": "text", "text": "and?"},
        ],
    }


def test_images_and_files_are_carried() -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
        {
            "type": "file",
            "file": {"file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"},
        },
    ]
    data, there, file = messages([{"role": "user", "content": parts}])["messages"][0]["content"]
    assert data["source"] == {"type": "base64", "media_type": "image/png", "data": "iVBO"}
    assert there["source"] == {"type": "url", "url": "https://x/y.png"}
    assert (file["type"], file["title"]) == ("document", "a.pdf")
    assert file["source"]["media_type"] == "application/pdf"


def test_marks_for_the_cache_are_carried_from_parts_messages_and_tools() -> None:
    mark = {"type": "ephemeral"}
    turns = [
        {"role": "system", "content": "S", "cache_control": mark},
        {
            "role": "user",
            "content": [{"type": "text", "text": "long", "cache_control": mark}],
        },
    ]
    body = messages(turns, tools=[{**TOOL, "cache_control": mark}])
    assert body["system"][0]["cache_control"] == mark
    assert body["messages"][0]["content"][0]["cache_control"] == mark
    assert body["tools"][0]["cache_control"] == mark


def test_signed_thinking_goes_back_and_other_thinking_does_not() -> None:
    signed = {"type": "thinking", "thinking": "T", "signature": "EqQB"}
    turns = [
        *HI,
        {
            "role": "assistant",
            "content": "so",
            "reasoning_content": "T",
            "thinking_blocks": [
                {**signed, "index": 0},
                {"type": "redacted_thinking", "data": "Emw", "index": 1},
                {"type": "thinking", "thinking": "x", "signature": "aiex-unsigned"},
            ],
        },
        *HI,
    ]
    assert messages(turns)["messages"][1]["content"] == [
        signed,
        {"type": "redacted_thinking", "data": "Emw"},
        {"type": "text", "text": "so"},
    ]


@pytest.mark.parametrize(
    ("model", "effort", "thinking", "output"),
    [
        ("claude-opus-5", "high", "adaptive", {"effort": "high"}),
        ("claude-sonnet-latest", "minimal", "adaptive", {"effort": "low"}),
        ("claude-opus-4-6", "max", "adaptive", {"effort": "max"}),
        ("claude-haiku-4-5-20251001", "low", 1024, None),
        ("claude-3-7-sonnet-20250219", "medium", 4096, None),
        ("claude-opus-4-1-20250805", "max", 8191, None),
        ("claude-opus-5", "none", "disabled", None),
    ],
)
def test_an_effort_becomes_what_the_model_takes(
    model: str, effort: str, thinking: str | int, output: object
) -> None:
    body = messages(model=model, reasoning_effort=effort)
    assert thinking in (body["thinking"]["type"], body["thinking"].get("budget_tokens"))
    assert body.get("output_config") == output


def test_a_budget_that_does_not_fit_is_no_thinking() -> None:
    body = messages(model="claude-haiku-4-5", reasoning_effort="high", max_tokens=1024)
    assert "thinking" not in body


def test_an_older_model_does_not_think_between_tools_when_its_thoughts_are_gone() -> None:
    turns = [
        *HI,
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
    ]
    fields: Any = {"reasoning_effort": "low", "tools": [TOOL]}
    assert "thinking" not in messages(turns, model="claude-haiku-4-5", **fields)
    assert "thinking" in messages(turns, model="claude-opus-5", **fields)
    assert "thinking" in messages([*turns, *HI], model="claude-haiku-4-5", **fields)


def test_thinking_in_anthropics_own_words_passes() -> None:
    thinking = {"type": "enabled", "budget_tokens": 2000}
    assert messages(thinking=thinking, reasoning_effort="low")["thinking"] == thinking


def test_tools_are_carried_with_their_schema() -> None:
    bare = {"type": "function", "function": {"name": "clock", "strict": True}}
    first, second = messages(tools=[TOOL, bare])["tools"]
    assert first == {"name": "weather", "input_schema": SCHEMA}
    assert second == {
        "name": "clock",
        "input_schema": {"type": "object", "properties": {}},
        "strict": True,
    }


@pytest.mark.parametrize(
    ("fields", "choice"),
    [
        ({}, None),
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "weather"}}},
            {"type": "tool", "name": "weather"},
        ),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"parallel_tool_calls": True}, None),
    ],
)
def test_a_choice_of_tools_is_carried(fields: dict[str, Any], choice: object) -> None:
    assert messages(tools=[TOOL], **fields).get("tool_choice") == choice


def test_temperatures_end_where_anthropics_do() -> None:
    assert messages(temperature=0.3)["temperature"] == 0.3
    assert messages(temperature=1.7)["temperature"] == 1.0


def test_stops_users_and_schemas_are_carried() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}
    body = messages(stop="END", user="u-1", response_format=form, reasoning_effort="low")
    assert body["stop_sequences"] == ["END"]
    assert body["metadata"] == {"user_id": "u-1"}
    assert body["output_config"] == {
        "effort": "low",
        "format": {"type": "json_schema", "schema": SCHEMA},
    }


def test_hints_and_values_that_are_the_case_anyway_are_left_out() -> None:
    body = messages(
        n=1,
        logprobs=False,
        presence_penalty=0,
        frequency_penalty=0.0,
        logit_bias={},
        modalities=["text"],
        response_format={"type": "text"},
        seed=7,
        store=True,
        verbosity="low",
        metadata={"run": "1"},
        prompt_cache_key="k",
        stream_options={"include_usage": True},
        top_logprobs=None,
    )
    assert body == messages()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"presence_penalty": 0.1}, "presence_penalty"),
        ({"frequency_penalty": -1}, "frequency_penalty"),
        ({"logit_bias": {"50256": -100}}, "logit_bias"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"audio": {"voice": "x"}}, "audio"),
        ({"functions": []}, "functions"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"stop": ["END", " \n"]}, "stop"),
        ({"tomorrow": 1}, "tomorrow"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type"),
    ],
)
def test_a_field_without_a_counterpart_is_refused_by_its_name(
    fields: dict[str, Any], field: str
) -> None:
    assert refused(**fields).param == field


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]},
            "messages[0].content[0].type",
        ),
        (
            {"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]},
            "messages[0].content[0].file",
        ),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "ftp://x"}}]},
            "messages[0].content[0].image_url",
        ),
        ({"role": "assistant", "function_call": {"name": "f"}}, "messages[0].function_call"),
        (
            {
                "role": "assistant",
                "tool_calls": [{**CALL, "function": {"name": "f", "arguments": "[1"}}],
            },
            "messages[0].tool_calls[0].function.arguments",
        ),
        ({"role": "tool", "content": "x"}, "messages[0]"),
        ({"role": "function", "content": "x"}, "messages[0].role"),
    ],
)
def test_a_part_without_a_counterpart_is_refused_with_its_place(
    message: dict[str, Any], field: str
) -> None:
    assert refused([message]).param == field


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"model":"m","messages":1}', b"\xff"])
def test_what_is_no_request_is_refused(raw: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        messages_from_chat(raw, "m", max_tokens=1)
    assert caught.value.status == 400
