"""Requests of Anthropic's API as OpenAI's chat says them."""

import json
from typing import Any

import pytest

from aiex.assistant.anthropic.chat_from_messages import chat_from_messages
from aiex.assistant.refusal import Refusal

HI = [{"role": "user", "content": "hi"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def chat(messages: object = HI, model: str = "m", **fields: Any) -> dict[str, Any]:
    raw = json.dumps({"model": "asked", "max_tokens": 50, "messages": messages, **fields})
    body: dict[str, Any] = json.loads(chat_from_messages(raw.encode(), model))
    return body


def user(*blocks: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(blocks)}]


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def refused(messages: object = HI, **fields: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        chat(messages, **fields)
    assert caught.value.status == 400
    return caught.value


def test_a_short_question_stays_short() -> None:
    assert chat() == {"model": "m", "messages": HI, "max_tokens": 50}


@pytest.mark.parametrize(
    ("model", "field"),
    [
        ("gpt-5", "max_completion_tokens"),
        ("openai/o3-mini", "max_completion_tokens"),
        ("gpt-oss-20b", "max_tokens"),
        ("openai/gpt-oss-120b", "max_tokens"),
        ("qwen3-coder", "max_tokens"),
        ("olmo-2", "max_tokens"),
    ],
)
def test_the_bound_has_the_name_that_the_models_server_takes(model: str, field: str) -> None:
    assert {"max_tokens", "max_completion_tokens"} & chat(model=model).keys() == {field}


def test_a_stream_is_asked_for_its_usage() -> None:
    body = chat(stream=True)
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})


def test_a_system_prompt_comes_first_as_text_or_in_blocks() -> None:
    assert chat(system="Be short.")["messages"] == [
        {"role": "system", "content": "Be short."},
        *HI,
    ]
    marked = {**text("One."), "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    note = text("x-anthropic-billing-header: cc_version=2.1; cch=9")
    system = [note, marked, text("Two.")]
    assert chat(system=system)["messages"][0] == {"role": "system", "content": "One.\n\nTwo."}
    assert chat(system=[])["messages"] == HI


def test_a_system_message_among_the_others_stays_where_it_is() -> None:
    turns = [*HI, {"role": "system", "content": [text("Now in French.")]}, *HI]
    assert chat(turns)["messages"][1] == {"role": "system", "content": "Now in French."}


def test_images_are_carried_as_data_and_as_addresses() -> None:
    data = {"type": "base64", "media_type": "image/png", "data": "iVBO"}
    there = {"type": "url", "url": "https://x/y.png"}
    blocks = user(
        text("which?"), {"type": "image", "source": data}, {"type": "image", "source": there}
    )
    (message,) = chat(blocks)["messages"]
    assert [part["type"] for part in message["content"]] == ["text", "image_url", "image_url"]
    assert [part["image_url"]["url"] for part in message["content"][1:]] == [
        "data:image/png;base64,iVBO",
        "https://x/y.png",
    ]


def test_documents_are_carried_as_files_or_as_their_text() -> None:
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}
    plain = {"type": "text", "media_type": "text/plain", "data": "words"}
    inner = {"type": "content", "content": [text("inside")]}
    blocks = user(
        {"type": "document", "source": pdf, "title": "a.pdf"},
        {"type": "document", "source": plain, "title": "T", "context": "C"},
        {"type": "document", "source": inner},
        {"type": "search_result", "source": "https://s", "title": "S", "content": [text("found")]},
    )
    head, file, *texts = chat(blocks)["messages"][0]["content"]
    assert head["text"] == "a.pdf"
    assert file["file"] == {
        "file_data": "data:application/pdf;base64,JVBE",
        "filename": "a.pdf",
    }
    assert [part["text"] for part in texts] == [
        "T\nC\n\nwords",
        "inside",
        "S\nhttps://s\n\nfound",
    ]


def test_a_turn_with_tools_becomes_a_call_and_its_result_before_what_the_user_adds() -> None:
    turns = [
        *HI,
        {
            "role": "assistant",
            "content": [
                text("I look."),
                {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Köln"}},
                {"type": "tool_use", "id": "t2", "name": "clock", "input": {}},
            ],
        },
        *user(
            {"type": "tool_result", "tool_use_id": "t1", "content": "rain"},
            {"type": "tool_result", "tool_use_id": "t2", "content": [text("9"), text("am")]},
            text("and?"),
        ),
    ]
    _, answer, first, second, question = chat(turns)["messages"]
    assert answer["content"] == "I look."
    assert [call["id"] for call in answer["tool_calls"]] == ["t1", "t2"]
    assert [call["type"] for call in answer["tool_calls"]] == ["function"] * 2
    assert json.loads(answer["tool_calls"][0]["function"]["arguments"]) == {"city": "Köln"}
    assert first == {"role": "tool", "tool_call_id": "t1", "content": "rain"}
    assert second == {"role": "tool", "tool_call_id": "t2", "content": "9\n\nam"}
    assert question == {"role": "user", "content": "and?"}


def test_an_image_that_a_tool_returned_follows_in_the_users_name() -> None:
    image = {"type": "image", "source": {"type": "url", "url": "https://x/shot.png"}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [text("seen"), image]}
    tool, user_message = chat(user(result))["messages"]
    assert tool["content"].startswith("seen\n\n")
    note, part = user_message["content"]
    assert "t1" in note["text"]
    assert part["image_url"]["url"] == "https://x/shot.png"


def test_a_tools_failure_is_said_in_words() -> None:
    def said(content: str) -> object:
        block = {"type": "tool_result", "tool_use_id": "t", "content": content, "is_error": True}
        return chat(user(block))["messages"][0]["content"]

    assert said("no such city") == "Error: no such city"
    assert said("ERROR 404") == "ERROR 404"


def test_an_empty_result_is_an_empty_text() -> None:
    (message,) = chat(user({"type": "tool_result", "tool_use_id": "t"}))["messages"]
    assert message["content"] == ""


def test_thinking_goes_back_only_to_those_it_came_from() -> None:
    answer = {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "ours", "signature": "aiex-unsigned"},
            {"type": "thinking", "thinking": "sealed", "signature": "EqQB"},
            {"type": "redacted_thinking", "data": "Emw"},
            text("so"),
        ],
    }
    assert chat([*HI, answer])["messages"][1] == {
        "role": "assistant",
        "content": "so",
        "reasoning_content": "ours",
    }


@pytest.mark.parametrize(
    ("fields", "effort"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 8000}}, "medium"),
        ({"thinking": {"type": "enabled", "budget_tokens": 31_999}}, "high"),
        ({"thinking": {"type": "adaptive"}}, None),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}}, "xhigh"),
        ({"output_config": {"effort": "max"}}, "max"),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}}, None),
        ({"thinking": {"type": "between_tools"}}, None),
    ],
)
def test_thinking_becomes_an_effort(fields: dict[str, Any], effort: str | None) -> None:
    assert chat(**fields).get("reasoning_effort") == effort


def test_tools_are_carried_with_their_schema() -> None:
    tools = [
        {"name": "weather", "description": "D", "input_schema": SCHEMA, "strict": True},
        {"name": "clock", "type": "custom", "input_schema": {"type": "object"}},
    ]
    first, second = chat(tools=tools)["tools"]
    assert first == {
        "type": "function",
        "function": {"name": "weather", "description": "D", "parameters": SCHEMA, "strict": True},
    }
    assert second["function"] == {"name": "clock", "parameters": {"type": "object"}}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "any"}, {"tool_choice": "required"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        (
            {"type": "tool", "name": "t", "disable_parallel_tool_use": True},
            {
                "tool_choice": {"type": "function", "function": {"name": "t"}},
                "parallel_tool_calls": False,
            },
        ),
    ],
)
def test_a_choice_of_tools_is_carried(choice: dict[str, Any], expected: dict[str, Any]) -> None:
    body = chat(tools=[{"name": "t", "input_schema": {}}], tool_choice=choice)
    assert {key: body[key] for key in ("tool_choice", "parallel_tool_calls") if key in body} == (
        expected
    )


def test_sampling_and_stops_are_carried() -> None:
    body = chat(temperature=0.5, top_p=0.9, top_k=40, stop_sequences=["END", "\n"])
    assert (body["temperature"], body["top_p"], body["top_k"]) == (0.5, 0.9, 40)
    assert body["stop"] == ["END", "\n"]


@pytest.mark.parametrize("place", ["output_config", "output_format"])
def test_a_schema_for_the_answer_is_carried(place: str) -> None:
    form = {"type": "json_schema", "schema": SCHEMA}
    fields: dict[str, Any] = {place: {"format": form} if place == "output_config" else form}
    assert chat(**fields)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
    }


def test_a_user_id_is_carried_unless_it_is_longer_than_openai_takes() -> None:
    assert chat(metadata={"user_id": "u-1"})["user"] == "u-1"
    assert "user" not in chat(metadata={"user_id": "u" * 65})


def test_what_only_saves_anthropic_work_is_left_out() -> None:
    body = chat(
        cache_control={"type": "ephemeral"},
        context_management={"edits": []},
        service_tier="auto",
        speed="fast",
    )
    assert body == chat()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"mcp_servers": []}, "mcp_servers"),
        ({"container": "c"}, "container"),
        ({"inference_geo": "eu"}, "inference_geo"),
        ({"tomorrow": 1}, "tomorrow"),
        ({"output_config": {"task_budget": 1}}, "output_config.task_budget"),
        ({"tools": [{"type": "web_search_20250305", "name": "w"}]}, "tools[0].type"),
        ({"tools": [{"name": "w"}]}, "tools[0]"),
    ],
)
def test_a_field_without_a_counterpart_is_refused_by_its_name(
    fields: dict[str, Any], field: str
) -> None:
    assert refused(**fields).param == field


@pytest.mark.parametrize(
    ("block", "field"),
    [
        ({"type": "container_upload", "file_id": "f"}, "messages[0].content[0].type"),
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, "source.type"),
        ({"type": "document", "source": {"type": "url", "url": "https://x"}}, "[0].source"),
        (
            {
                "type": "document",
                "source": {"type": "text", "data": "x"},
                "citations": {"enabled": True},
            },
            "[0].citations",
        ),
        ({"type": "thinking", "thinking": "t", "signature": "s"}, "messages[0].content[0]"),
    ],
)
def test_a_block_without_a_counterpart_is_refused_with_its_place(
    block: dict[str, Any], field: str
) -> None:
    refusal = refused(user(block))
    assert (refusal.param or "").endswith(field)
    assert field.rpartition(".")[2] in str(refusal)


def test_a_message_that_is_none_is_refused_with_its_place() -> None:
    assert refused([{"role": "tool", "content": "x"}]).param == "messages[0].role"
    assert refused([{"role": "assistant", "content": [{"type": "image"}]}]).status == 400
