"""Heads of calls arrive as they were sent, or are refused."""

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.cluster.calls.call_messages import (
    ANSWER_BYTES_MAX,
    CALLS,
    AnswerHead,
    CallHead,
    MoreHead,
    StopHead,
    head_of,
    headers,
    lengthened,
    may_answer_to,
    quoted,
    shortened,
    spoken_version,
    too_old_text,
)
from aiex.cluster.membership.messages import INCARNATION_MAX, MessageUnreadable
from aiex.engine import Message

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CALL = CallHead(
    call="a1",
    caller=quoted("n1"),
    incarnation=7,
    request="ping",
    remaining_ms=900,
    traceparent=TRACE,
)

names = st.text(min_size=1, max_size=128)


@given(
    name=names,
    incarnation=st.integers(0, INCARNATION_MAX),
    remaining_ms=st.integers(0, 600_000),
    offset=st.integers(0, ANSWER_BYTES_MAX - 1),
)
def test_a_head_arrives_as_it_was_sent(
    name: str, incarnation: int, remaining_ms: int, offset: int
) -> None:
    call = msgspec.structs.replace(
        CALL, caller=_quoted(name), incarnation=incarnation, remaining_ms=remaining_ms
    )
    more = MoreHead("a1", _quoted(name), incarnation, offset=offset)
    answer = AnswerHead(outcome="large", size=offset, traceparent=TRACE)
    for head in (call, more, answer, StopHead("a1", _quoted(name), incarnation)):
        given = headers(head)
        assert all(value.isascii() and value.isprintable() for value in given.values())
        assert head_of(given, type(head)) == head


def _quoted(name: str) -> str:
    return quoted(name.encode(errors="replace").decode())


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128))
def test_any_name_comes_back_as_it_was(name: str) -> None:
    assert msgspec.structs.replace(CALL, caller=quoted(name)).caller_name == name


def test_what_a_newer_release_adds_is_ignored() -> None:
    assert head_of({**headers(CALL), "Aiex-Mood": "good"}, CallHead) == CALL


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Aiex-Call", ""),
        ("Aiex-Call", "a b"),
        ("Aiex-Call", "a" * 33),
        ("Aiex-Caller", ""),
        ("Aiex-Caller", "a\x1b[2J"),
        ("Aiex-Caller", "a" * 1537),
        ("Aiex-Incarnation", "-1"),
        ("Aiex-Incarnation", str(INCARNATION_MAX + 1)),
        ("Aiex-Request", "Ping"),
        ("Aiex-Request", "../ping"),
        ("Aiex-Remaining-Ms", "never"),
        ("Aiex-Remaining-Ms", "600001"),
        ("Aiex-Remaining-Ms", "nan"),
        ("traceparent", ""),
        ("traceparent", "x" * 300),
    ],
)
def test_a_header_out_of_its_bounds_makes_it_no_call(name: str, value: str) -> None:
    with pytest.raises(MessageUnreadable, match="malformed"):
        head_of({**headers(CALL), name: value}, CallHead)


@pytest.mark.parametrize("name", ["Aiex-Call", "Aiex-Caller", "Aiex-Request", "Aiex-Remaining-Ms"])
def test_without_one_of_its_headers_it_is_no_call(name: str) -> None:
    with pytest.raises(MessageUnreadable):
        head_of({key: value for key, value in headers(CALL).items() if key != name}, CallHead)


@given(st.dictionaries(st.sampled_from(list(headers(CALL))) | st.text(), st.text()))
def test_no_headers_at_all_do_anything_else(given: dict[str, str]) -> None:
    for shape in (CallHead, MoreHead, StopHead, AnswerHead):
        with contextlib.suppress(MessageUnreadable):
            head_of(given, shape)


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("_INBOX.abc.def", True),
        ("_INBOX.AbC0123456789012345678.A1b2", True),
        ("", False),
        ("_INBOX", False),
        ("_INBOX.", False),
        ("_INBOX.*", False),
        ("_INBOX.a.>", False),
        ("_INBOX.a b", False),
        ("_INBOX.a\r\nPUB x 0", False),
        ("_INBOX." + "a" * 65, False),
        ("x_INBOX.a", False),
        ("aiex.test.members", False),
        ("$JS.API.STREAM.DELETE.KV_keys", False),
    ],
)
def test_an_answer_goes_only_where_somebody_waits_for_it(address: str, may: bool) -> None:
    assert may_answer_to(address) is may


@pytest.mark.parametrize(
    ("given", "version"), [({}, 0), ({"Aiex-Calls": "3"}, 3), ({"Aiex-Calls": "x"}, 0)]
)
def test_a_version_is_read_whatever_else_there_is(given: dict[str, str], version: int) -> None:
    assert spoken_version(Message("s", "", given, b"")) == version


def test_who_is_too_old_is_said_of_either() -> None:
    assert too_old_text("n2", "n1", CALLS) == ""
    assert too_old_text("n2", "n1", CALLS + 1).startswith("n2 is too old: n1 speaks version 2")
    assert too_old_text("n2", "n1", 0).startswith("n1 is too old")


@given(st.text(), st.binary(max_size=5000))
def test_the_text_of_a_failure_is_short_and_moves_no_cursor(text: str, data: Any) -> None:
    for one in (lengthened(shortened(text)), lengthened(data)):
        assert one.isprintable()
        assert len(one) <= 2048
