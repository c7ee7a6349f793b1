"""A conversation's history: what is sent, kept, forgotten, saved and gone on with."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.cli.chat_session import TURNS_MAX, ChatSession, Turn, Usage

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def said(session: ChatSession, *prompts: str) -> ChatSession:
    """The session after each prompt got the answer "re: …"."""
    for prompt in prompts:
        session.request(prompt)
        session.answered(prompt, f"re: {prompt}", Usage(1, 2))
    return session


def contents(body: dict[str, Any]) -> list[str]:
    return [message["content"] for message in body["messages"]]


def test_a_request_has_all_that_was_said_in_order() -> None:
    session = said(ChatSession("m", system="be brief"), "one", "two")
    assert session.request("three")["messages"] == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "re: one"},
        {"role": "user", "content": "two"},
        {"role": "assistant", "content": "re: two"},
        {"role": "user", "content": "three"},
    ]


def test_a_request_asks_for_a_stream_with_its_usage() -> None:
    body = ChatSession("m").request("x")
    assert (body["model"], body["stream"]) == ("m", True)
    assert body["stream_options"] == {"include_usage": True}


def test_options_are_sent_only_where_given_and_zero_is_given() -> None:
    assert not {"temperature", "max_tokens"} & ChatSession("m").request("x").keys()
    body = ChatSession("m", temperature=0.0, max_tokens=5).request("x")
    assert (body["temperature"], body["max_tokens"]) == (0.0, 5)


def test_without_a_system_text_there_is_no_system_message() -> None:
    session = ChatSession("m", system="be brief")
    session.system = ""
    assert contents(session.request("x")) == ["x"]


def test_a_prompt_without_an_answer_is_not_kept() -> None:
    session = ChatSession("m")
    session.request("lost")
    assert contents(session.request("next")) == ["next"]


def test_usage_adds_up_over_turns_and_survives_a_clear() -> None:
    session = said(ChatSession("m"), "one", "two", "three")
    session.clear()
    assert (session.usage, session.answer_count) == (Usage(3, 6), 3)


def test_clear_forgets_what_was_said_and_keeps_model_and_system_text() -> None:
    session = said(ChatSession("m", system="be brief"), "one")
    session.clear()
    assert contents(session.request("x")) == ["be brief", "x"]
    session.clear()
    assert session.retry() == ""


def test_retry_asks_again_without_the_answer() -> None:
    session = said(ChatSession("m"), "one", "two")
    assert session.retry() == "two"
    assert contents(session.request("two")) == ["one", "re: one", "two"]


def test_retry_before_anything_was_asked_is_empty() -> None:
    assert ChatSession("m").retry() == ""


def test_retry_of_a_prompt_that_failed_keeps_what_was_answered_before() -> None:
    session = said(ChatSession("m"), "again?")
    session.request("again?")
    assert session.retry() == "again?"
    assert session.turns == [Turn("again?", "re: again?")]


def test_two_retries_forget_one_answer() -> None:
    session = said(ChatSession("m"), "same", "same")
    assert (session.retry(), session.retry()) == ("same", "same")
    assert len(session.turns) == 1


@pytest.mark.parametrize("count", [TURNS_MAX - 1, TURNS_MAX, TURNS_MAX + 1])
def test_only_so_many_turns_are_kept_the_newest(count: int) -> None:
    session = said(ChatSession("m"), *(str(number) for number in range(count)))
    assert len(session.turns) == min(count, TURNS_MAX)
    assert session.turns[-1].prompt == str(count - 1)


@given(TEXT, TEXT, st.lists(st.tuples(TEXT, TEXT), max_size=5))
def test_a_saved_conversation_goes_on_as_it_was(
    model: str, system: str, turns: list[tuple[str, str]]
) -> None:
    session = ChatSession(model, system=system)
    for prompt, answer in turns:
        session.answered(prompt, answer, Usage())
    other = ChatSession("other", system="other")
    other.load(session.saved())
    assert other.request("next") == session.request("next")


def test_a_loaded_conversation_can_be_retried() -> None:
    session = ChatSession("m")
    session.load(said(ChatSession("m"), "one", "two").saved())
    assert session.retry() == "two"
    assert len(session.turns) == 1


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b'{"model": "m"}',
        b'{"model": "m", "system": "", "turns": [{"prompt": "x"}]}',
        b'{"model": "m", "system": "", "turns": [], "more": 1}',
    ],
)
def test_what_is_no_saved_conversation_changes_nothing(document: bytes) -> None:
    session = said(ChatSession("m", system="s"), "one")
    before = session.saved()
    with pytest.raises(msgspec.DecodeError):
        session.load(document)
    assert session.saved() == before
    assert session.retry() == "one"
