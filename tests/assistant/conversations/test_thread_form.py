"""What may be done with threads, by what their rows say."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.conversations.thread_form import (
    DELETED_TTL_S,
    ITEMS_MAX,
    RESPONSE_TTL_S,
    THREAD_BYTES_MAX,
    TURNS_MAX,
    Claim,
    Head,
    KeptTurn,
    ThreadRow,
    check_room,
    lineage,
    part_of_turn,
)
from aiex.assistant.refusal import Refusal
from aiex.assistant.responses.item_form import (
    FunctionCall,
    FunctionCallOutput,
    InputFile,
    InputImage,
    InputText,
    Item,
    Message,
    OutputText,
    Reasoning,
    ReasoningText,
    RefusalPart,
)
from aiex.store.rows import ROWS_MAX

CLAIM = Claim("t", "a", "one/1", 5.0)
ITEMS: list[Item] = [
    Message(id="msg_1", role="user", content=[InputText("a"), InputImage("u"), InputFile("d")]),
    Message(id="msg_2", role="assistant", content=[OutputText("b"), RefusalPart("c")]),
    FunctionCall(id="fc_1", call_id="c", name="f", arguments="{}"),
    FunctionCallOutput(id="fco_1", call_id="c", output=[InputText("d")]),
    Reasoning(id="rs_1", content=[ReasoningText("e")]),
]


def turn(before: str = "", claim: Claim | None = None) -> KeptTurn:
    return KeptTurn(response="{}", before=before, claim=claim)


def test_a_conversation_and_its_turns_can_be_deleted_by_one_batch() -> None:
    assert TURNS_MAX + 1 <= ROWS_MAX


def test_a_mark_outlives_every_response() -> None:
    assert DELETED_TTL_S > RESPONSE_TTL_S


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (Head(turn_count=TURNS_MAX), "turns"),
        (Head(item_count=ITEMS_MAX), "items"),
        (Head(byte_count=THREAD_BYTES_MAX), "bytes"),
    ],
)
def test_a_full_conversation_says_of_what(head: Head, what: str) -> None:
    check_room(Head(), 1, 1)
    with pytest.raises(Refusal, match=what):
        check_room(head, 1, 1)


def test_a_line_goes_back_to_its_beginning_whatever_the_order() -> None:
    turns = [("c", turn("b")), ("x", turn("a")), ("a", turn()), ("b", turn("a"))]
    assert list(lineage(turns, "c")) == [turn(), turn("a"), turn("b")]


@pytest.mark.parametrize(
    "turns",
    [
        [("c", turn("b"))],
        [("c", turn("b")), ("b", turn(claim=CLAIM))],
        [("c", turn("b")), ("b", turn("c"))],
    ],
)
def test_a_line_that_is_not_whole_is_refused(turns: list[tuple[str, KeptTurn]]) -> None:
    with pytest.raises(Refusal) as caught:
        list(lineage(turns, "c"))
    assert caught.value.code == "previous_response_not_found"


@given(st.integers(1, TURNS_MAX), st.integers(1, TURNS_MAX))
def test_parts_are_ordered_as_their_turns_are(one: int, other: int) -> None:
    assert (part_of_turn(one) < part_of_turn(other)) is (one < other)


@pytest.mark.parametrize(
    "kept",
    [Head(metadata={"a": "b"}, claim=CLAIM), KeptTurn(response="{}", given=ITEMS, said=ITEMS)],
)
@pytest.mark.parametrize("form", [msgspec.json, msgspec.msgpack])
def test_rows_come_back_as_they_were_kept(kept: Head | KeptTurn, form: object) -> None:
    row = ThreadRow(thread="t", part="p", owner="o", at_s=3, kept=kept)
    assert form.decode(form.encode(row), type=ThreadRow) == row  # type: ignore[attr-defined]
