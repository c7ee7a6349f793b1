"""A request of the Responses API, as the chat that is asked instead."""

import json
from typing import Any

import pytest

from aiex.assistant.anthropic.messages_from_chat import messages_from_chat
from aiex.assistant.refusal import Refusal
from aiex.assistant.responses.chat_from_items import chat_for, chat_from_items
from aiex.assistant.responses.create_body import decode_create_body
from aiex.assistant.responses.item_form import ItemPlace
from aiex.assistant.responses.items_from_input import items_from_input

PLACE = ItemPlace("a" * 32, "00000001", 0)
IMAGE = {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "low"}
FILE = {"type": "input_file", "file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"}
CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"x":1}'}
TOOL = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}
CHAT_TOOL = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object"}, "strict": True},
}


def chat(given: Any = "hi", *, model: str = "m", target: str = "", **more: Any) -> dict[str, Any]:
    body = decode_create_body(json.dumps({"model": model, "input": given, **more}).encode())
    items = items_from_input(body.input or "", PLACE)
    found: dict[str, Any] = json.loads(chat_for(chat_from_items(body, items), target or model))
    return found


def messages(given: Any, **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = chat(given, **more)["messages"]
    return found


def test_a_question_is_one_message() -> None:
    assert chat() == {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def test_instructions_come_first() -> None:
    assert messages("hi", instructions="Be brief.")[0] == {"role": "system", "content": "Be brief."}


def test_a_developer_is_a_system_to_servers_that_know_none() -> None:
    given = [{"role": "developer", "content": "x"}, {"role": "user", "content": "y"}]
    assert [message["role"] for message in messages(given)] == ["system", "user"]


def test_calls_join_the_answer_they_came_with_and_results_follow() -> None:
    given = [
        {"role": "user", "content": "q"},
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
        {"role": "assistant", "content": "Let me see."},
        CALL,
        {**CALL, "call_id": "c2"},
        {"type": "function_call_output", "call_id": "c1", "output": "1"},
        {"type": "function_call_output", "call_id": "c2", "output": "2"},
    ]
    function = {"name": "f", "arguments": '{"x":1}'}
    assert messages(given) == [
        {"role": "user", "content": "q"},
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [
                {"type": "function", "id": "c1", "function": function},
                {"type": "function", "id": "c2", "function": function},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
        {"role": "tool", "tool_call_id": "c2", "content": "2"},
    ]


def test_a_call_alone_is_an_answer_without_text() -> None:
    [answer] = messages([CALL])
    assert answer["content"] is None


def test_images_and_files_are_parts() -> None:
    text = {"type": "input_text", "text": "see"}
    [message] = messages([{"role": "user", "content": [text, IMAGE, FILE]}])
    assert message["content"] == [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": IMAGE["image_url"], "detail": "low"}},
        {"type": "file", "file": {"file_data": FILE["file_data"], "filename": "a.pdf"}},
    ]


def test_what_a_tool_returned_beside_text_follows_all_results() -> None:
    text = {"type": "input_text", "text": "a map"}
    given = [
        CALL,
        {**CALL, "call_id": "c2"},
        {"type": "function_call_output", "call_id": "c1", "output": [text, IMAGE]},
        {"type": "function_call_output", "call_id": "c2", "output": "2"},
    ]
    _, first, second, beside = messages(given)
    assert first["content"] == "a map\n\n[What this tool returned beside text follows.]"
    assert second == {"role": "tool", "tool_call_id": "c2", "content": "2"}
    assert beside["role"] == "user"
    assert [part["type"] for part in beside["content"]] == ["text", "image_url"]


def test_tools_keep_their_schema_and_strictness() -> None:
    asked = chat(tools=[TOOL], tool_choice="required", parallel_tool_calls=False)
    assert asked["tools"] == [CHAT_TOOL]
    assert (asked["tool_choice"], asked["parallel_tool_calls"]) == ("required", False)


def test_a_named_function_is_the_choice() -> None:
    asked = chat(tools=[TOOL], tool_choice={"type": "function", "name": "f"})
    assert asked["tool_choice"] == {"type": "function", "function": {"name": "f"}}


def test_allowed_tools_are_the_only_ones_told() -> None:
    choice = {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "f"}],
    }
    asked = chat(tools=[TOOL, {**TOOL, "name": "g"}], tool_choice=choice)
    assert asked["tools"] == [CHAT_TOOL]
    assert asked["tool_choice"] == "required"


def test_a_choice_without_tools_is_not_passed_on() -> None:
    assert "tool_choice" not in chat(tool_choice="auto", parallel_tool_calls=True)


@pytest.mark.parametrize(
    "kind", ["web_search", "file_search", "computer_use_preview", "mcp", "code_interpreter"]
)
def test_a_built_in_tool_is_refused_by_name(kind: str) -> None:
    with pytest.raises(Refusal, match=kind) as caught:
        chat(tools=[TOOL, {"type": kind}])
    assert caught.value.param == "tools[1]"


def test_a_schema_for_the_answer_is_a_response_format() -> None:
    schema = {"type": "object", "properties": {"z": {}, "a": {}}}
    form = {"type": "json_schema", "name": "n", "schema": schema, "strict": True}
    assert chat(text={"format": form})["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": schema, "strict": True},
    }


def test_plain_text_is_no_response_format() -> None:
    assert "response_format" not in chat(text={"format": {"type": "text"}})


def test_the_bound_has_the_name_that_the_target_knows() -> None:
    asked = chat(max_output_tokens=5, target="gpt-5")
    assert (asked.get("max_completion_tokens"), asked.get("max_tokens")) == (5, None)
    asked = chat(max_output_tokens=5, model="gpt-5", target="llama3")
    assert (asked.get("max_completion_tokens"), asked.get("max_tokens")) == (None, 5)


def test_a_stream_is_asked_for_its_usage() -> None:
    asked = chat(stream=True)
    assert (asked["stream"], asked["stream_options"]) == (True, {"include_usage": True})


def test_effort_sampling_and_hints_are_passed_on() -> None:
    asked = chat(
        reasoning={"effort": "low", "summary": "auto"},
        temperature=0.5,
        top_p=0.9,
        text={"verbosity": "low"},
        user="u",
        safety_identifier="s",
        prompt_cache_key="k",
        service_tier="flex",
    )
    for field in ("temperature", "user", "safety_identifier", "prompt_cache_key", "service_tier"):
        assert field in asked
    assert (asked["reasoning_effort"], asked["verbosity"], asked["top_p"]) == ("low", "low", 0.9)


def test_nothing_to_say_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        chat("")
    assert caught.value.param == "input"


def test_the_chat_can_be_said_to_anthropic_too() -> None:
    given = [
        {"role": "user", "content": [{"type": "input_text", "text": "q"}, IMAGE]},
        CALL,
        {"type": "function_call_output", "call_id": "c1", "output": [IMAGE]},
    ]
    form = {"type": "json_schema", "name": "n", "schema": {"type": "object"}}
    asked = chat(
        given,
        tools=[TOOL],
        tool_choice="auto",
        text={"format": form, "verbosity": "low"},
        reasoning={"effort": "high"},
        prompt_cache_key="k",
        service_tier="auto",
        stream=True,
    )
    said = messages_from_chat(json.dumps(asked).encode(), "claude-x", max_tokens=9)
    turns = json.loads(said)["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert [block["type"] for block in turns[2]["content"]] == ["tool_result", "text", "image"]
