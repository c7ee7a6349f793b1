"""A place in a trace: passed on with a new span, or begun when what was given is none."""

from random import Random

import pytest

from aiex.trace_context import is_traceparent, next_traceparent

GIVEN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_the_trace_and_its_flags_go_on_with_another_span() -> None:
    came = next_traceparent(GIVEN, Random(1))
    assert is_traceparent(came)
    assert (came[:36], came[52:]) == (GIVEN[:36], GIVEN[52:])
    assert came != GIVEN


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        GIVEN[:-1],
        GIVEN.upper(),
        GIVEN.replace("00-", "ff-"),
        "00-" + "0" * 32 + GIVEN[35:],
        GIVEN[:36] + "0" * 16 + "-01",
    ],
)
def test_what_is_none_begins_a_new_trace_that_nobody_samples(given: str | None) -> None:
    came = next_traceparent(given, Random(1))
    assert is_traceparent(came)
    assert came[3:35] != GIVEN[3:35]
    assert came.endswith("-00")


def test_a_version_to_come_may_be_longer() -> None:
    assert is_traceparent("cc" + GIVEN[2:] + "-more")
