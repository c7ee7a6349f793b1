"""Requests of the Responses API: what is read, what is repeated, what is refused by name."""

import json
from typing import Any

import msgspec
import pytest

from aiex.assistant.refusal import Refusal
from aiex.assistant.responses.create_body import decode_create_body, response_begun
from aiex.assistant.responses.item_form import ItemPlace
from aiex.assistant.responses.response_form import CreateBody

PLACE = ItemPlace("a" * 32, "00000001", 0)
PLAIN = {"model": "m", "input": "hi"}


def raw(**more: Any) -> bytes:
    return json.dumps({**PLAIN, **more}).encode()


def refusal(body: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        decode_create_body(body)
    return caught.value


def begun(**more: Any) -> dict[str, Any]:
    body = raw(**more)
    response = response_begun(decode_create_body(body), body, PLACE, 5)
    found: dict[str, Any] = json.loads(msgspec.json.encode(response))
    return found


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("background", True),
        ("truncation", "auto"),
        ("top_logprobs", 3),
        ("include", ["message.output_text.logprobs"]),
        ("prompt", {"id": "pmpt_1"}),
        ("context_management", [{"type": "compaction"}]),
        ("moderation", {}),
        ("n", 2),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(field: str, value: object) -> None:
    problem = refusal(raw(**{field: value}))
    assert (problem.status, problem.code, problem.param) == (400, "not_carried", field)


@pytest.mark.parametrize(
    "more",
    [
        {"background": False, "truncation": "disabled", "top_logprobs": 0},
        {"include": ["reasoning.encrypted_content"], "max_tool_calls": 3},
        {"stream_options": {"include_obfuscation": False}, "prompt_cache_retention": "24h"},
        {"metadata": None, "tools": None, "store": None, "conversation": None},
    ],
)
def test_what_says_what_is_the_case_anyway_is_taken(more: dict[str, Any]) -> None:
    assert decode_create_body(raw(**more)).model == "m"


def test_a_chain_and_a_conversation_exclude_each_other() -> None:
    problem = refusal(raw(conversation="conv_1", previous_response_id="resp_1"))
    assert problem.code == "mutually_exclusive_parameters"


@pytest.mark.parametrize(
    "metadata",
    [{str(number): "x" for number in range(17)}, {"k" * 65: "x"}, {"k": "x" * 513}],
)
def test_metadata_has_bounds(metadata: dict[str, str]) -> None:
    assert refusal(raw(metadata=metadata)).param == "metadata"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"input":"x"}', "model"),
        (b'{"model":"m","temperature":"hot"}', "temperature"),
        (b'{"model":"m","input":{}}', "input"),
        (b"[]", None),
        (b"{", None),
        (b'{"model":"\xff"}', None),
    ],
)
def test_what_is_no_request_is_refused_with_the_field(body: bytes, param: str | None) -> None:
    problem = refusal(body)
    assert (problem.status, problem.param) == (400, param)


def test_a_response_repeats_its_request() -> None:
    tool = {"type": "function", "name": "f", "parameters": {"big": 10**40}, "strict": True}
    text = {"format": {"type": "json_schema", "name": "n", "schema": {}}}
    response = begun(tools=[tool], text=text, metadata={"a": "b"}, temperature=0.5, store=False)
    assert response["tools"] == [tool]
    assert (response["text"], response["metadata"]) == (text, {"a": "b"})
    assert (response["temperature"], response["store"]) == (0.5, False)
    assert (response["status"], response["created_at"]) == ("in_progress", 5)


def test_what_was_not_given_has_the_values_that_clients_expect() -> None:
    response = begun(tools=None, tool_choice=None, text=None)
    assert (response["tools"], response["tool_choice"]) == ([], "auto")
    assert response["text"] == {"format": {"type": "text"}}
    assert response["parallel_tool_calls"] is True
    assert response["id"] == f"resp_{PLACE.thread}{PLACE.part}"


def test_a_conversation_is_named_by_its_id_or_in_an_object() -> None:
    assert begun(conversation="conv_1")["conversation"] == {"id": "conv_1"}
    assert begun(conversation={"id": "conv_1"})["conversation"] == {"id": "conv_1"}


def test_every_field_has_a_word_in_the_guide() -> None:
    from pathlib import Path

    guide = Path(__file__).parents[3] / "docs" / "guides" / "conversations.md"
    text = guide.read_text()
    fields = {field.name for field in msgspec.structs.fields(CreateBody)}
    assert [name for name in sorted(fields) if f"`{name}" not in text] == []
