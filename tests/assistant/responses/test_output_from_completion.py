"""A whole completion, as the output of a response."""

import json
from typing import Any

import msgspec
import pytest

from aiex.assistant.responses.item_form import ItemPlace
from aiex.assistant.responses.output_from_completion import Output, output_from_completion
from aiex.errors import ProviderError

PLACE = ItemPlace("a" * 32, "00000001", 1)
ID = f"{'a' * 32}00000001"
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}


def output(message: Any, finish: str = "stop", **more: Any) -> Output:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return output_from_completion(json.dumps({"choices": [choice], **more}).encode(), PLACE)


def items(message: Any, finish: str = "stop") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(msgspec.json.encode(output(message, finish).items))
    return found


def test_thoughts_words_and_calls_are_items_in_this_order() -> None:
    found = items({"reasoning_content": "hm", "content": "yes", "tool_calls": [CALL]}, "tool_calls")
    assert [item["id"] for item in found] == [f"rs_{ID}0001", f"msg_{ID}0002", f"fc_{ID}0003"]
    assert found[0]["content"] == [{"type": "reasoning_text", "text": "hm"}]
    assert found[1]["content"][0]["text"] == "yes"
    assert (found[2]["call_id"], found[2]["arguments"]) == ("c1", '{"x":1}')


def test_a_call_alone_brings_no_empty_message() -> None:
    assert [item["type"] for item in items({"content": None, "tool_calls": [CALL]})] == [
        "function_call"
    ]


def test_a_refusal_is_a_part() -> None:
    [message] = items({"content": None, "refusal": "No."})
    assert message["content"] == [{"type": "refusal", "refusal": "No."}]


def test_silence_is_an_empty_message() -> None:
    [message] = items({"content": ""})
    assert message["content"][0]["text"] == ""


@pytest.mark.parametrize(
    ("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
def test_an_answer_that_was_cut_is_incomplete(finish: str, reason: str) -> None:
    found = output({"content": "ye"}, finish)
    assert found.incomplete is not None
    assert found.incomplete.reason == reason
    assert items({"content": "ye"}, finish)[0]["status"] == "incomplete"


def test_tokens_have_the_names_of_this_api() -> None:
    usage = {
        "prompt_tokens": 7,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    found = output({"content": "yes"}, usage=usage).usage
    assert found is not None
    assert (found.input_tokens, found.output_tokens, found.total_tokens) == (7, 5, 12)
    assert found.input_tokens_details.cached_tokens == 3
    assert found.output_tokens_details.reasoning_tokens == 2


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"choices":[]}', b'{"choices":[{"index":0}]}', b"\xff"]
)
def test_what_is_no_completion_is_the_providers_failure(body: bytes) -> None:
    with pytest.raises(ProviderError):
        output_from_completion(body, PLACE)


def test_a_call_without_a_name_is_the_providers_failure() -> None:
    with pytest.raises(ProviderError, match="name"):
        output({"tool_calls": [{"id": "c", "function": {"arguments": "{}"}}]})
