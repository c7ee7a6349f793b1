"""What a request gives as items, and what is refused by name."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.refusal import Refusal
from aiex.assistant.responses.item_form import Item, ItemPlace, place_of
from aiex.assistant.responses.items_from_input import items_from_input

PLACE = ItemPlace("a" * 32, "00000001", 3)
ID = f"{'a' * 32}00000001"


def items(given: Any) -> list[Item]:
    if not isinstance(given, str):
        given = [msgspec.Raw(json.dumps(one).encode()) for one in given]
    return items_from_input(given, PLACE)


def shown(given: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(msgspec.json.encode(items(given)))
    return found


def refusal(given: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        items(given)
    return caught.value


def test_a_text_is_one_message_of_the_user() -> None:
    assert shown("hi") == [
        {
            "type": "message",
            "id": f"msg_{ID}0003",
            "role": "user",
            "content": [{"type": "input_text", "text": "hi"}],
            "status": "completed",
        }
    ]


def test_no_text_is_no_message() -> None:
    assert items("") == []


def test_what_an_assistant_said_is_output() -> None:
    [said] = shown([{"role": "assistant", "content": "yes"}])
    assert said["content"] == [
        {"type": "output_text", "text": "yes", "annotations": [], "logprobs": []}
    ]


def test_output_sent_back_gets_an_id_of_this_thread() -> None:
    text = {"type": "output_text", "text": "yes", "annotations": [], "logprobs": []}
    given = {"type": "message", "id": "msg_old", "role": "assistant", "content": [text]}
    assert shown([given])[0]["id"] == f"msg_{ID}0003"


def test_each_item_has_its_own_number() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c", "output": "7"}
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}
    ids = [item["id"] for item in shown([call, result, thought])]
    assert ids == [f"fc_{ID}0003", f"fco_{ID}0004", f"rs_{ID}0005"]


@pytest.mark.parametrize(
    "kind", ["web_search_call", "item_reference", "computer_call", "mcp_call", "custom_tool_call"]
)
def test_an_item_without_a_counterpart_is_refused_by_name(kind: str) -> None:
    problem = refusal([{"role": "user", "content": "hi"}, {"type": kind, "id": "x"}])
    assert (problem.status, problem.param) == (400, "input[1].type")
    assert kind in str(problem)


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ({"type": "input_image", "file_id": "file_1"}, "file_id"),
        ({"type": "input_file", "file_id": "file_1"}, "file_id"),
        ({"type": "input_file", "file_url": "http://127.0.0.1/x.pdf"}, "file_url"),
    ],
)
def test_what_lies_elsewhere_is_refused_by_name(part: Any, field: str) -> None:
    problem = refusal([{"role": "user", "content": [part]}])
    assert problem.param == f"input[0].content[0].{field}"


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"role": "user"}, "input[0].content"),
        ({"role": "critic", "content": "x"}, "input[0].role"),
        ({"role": "user", "content": [{"type": "input_audio"}]}, "input[0].content[0].type"),
        ({"type": "function_call", "call_id": "c", "name": "f"}, "input[0].arguments"),
        (7, "input[0]"),
    ],
)
def test_what_is_no_item_is_refused_with_its_place(item: Any, param: str) -> None:
    problem = refusal([item])
    assert (problem.status, problem.param) == (400, param)


@given(
    st.builds(
        ItemPlace,
        st.text("0123456789abcdef", min_size=32, max_size=32),
        st.text("0123456789abcdef", min_size=8, max_size=8),
        st.integers(0, 0xFFFF),
    )
)
def test_an_id_leads_back_to_its_place(place: ItemPlace) -> None:
    [item] = items_from_input("x", place)
    assert place_of(item.id) == place


@given(st.text(max_size=60))
def test_no_other_text_leads_anywhere(text: str) -> None:
    assert place_of(text) is None
