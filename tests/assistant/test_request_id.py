"""Ids that correlate a request: taken when plain, made when not."""

from random import Random

import pytest

from aiex.assistant.request_id import RequestIds


def test_a_clients_plain_id_is_kept() -> None:
    assert RequestIds(Random(1)).request_id("abc-123_X.y") == "abc-123_X.y"


@pytest.mark.parametrize("given", [None, "", "a b", "a\r\nx: y", "é", "x" * 129])
def test_anything_else_gets_a_new_one(given: str | None) -> None:
    ids = RequestIds(Random(1))
    first, second = ids.request_id(given), ids.request_id(given)
    assert first.startswith("req_")
    assert first != second


def test_a_trace_is_continued_with_a_span_of_our_own() -> None:
    parent = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    sent = RequestIds(Random(1)).traceparent(parent)
    assert sent[:36] == parent[:36]
    assert sent[36:52] != parent[36:52]
    assert sent.endswith("-01")


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "garbage",
        "00-" + "0" * 32 + "-" + "b" * 16 + "-01",
        "00-" + "a" * 32 + "-" + "0" * 16 + "-01",
        "ff-" + "a" * 32 + "-" + "b" * 16 + "-01",
        "00-" + "A" * 32 + "-" + "b" * 16 + "-01",
        "00-" + "a" * 31 + "-" + "b" * 17 + "-01",
    ],
)
def test_a_broken_trace_is_replaced_by_an_unsampled_one(given: str | None) -> None:
    sent = RequestIds(Random(1)).traceparent(given)
    assert len(sent) == 55
    assert sent.startswith("00-")
    assert sent.endswith("-00")
