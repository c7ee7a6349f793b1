"""Bytes cut into whole events, wherever the network cut them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant import frames
from aiex.assistant.event_cutter import EventCutter, payload
from aiex.errors import ProviderError

EVENTS = [b"data: 1\n\n", b": ping\n\n", b"event: x\r\ndata: 2\r\n\r\n", b"data: [DONE]\n\n"]
STREAM = b"".join(EVENTS)


@given(st.sets(st.integers(1, len(STREAM) - 1)))
def test_a_stream_cut_anywhere_has_the_same_events(cuts: set[int]) -> None:
    cutter = EventCutter()
    parts = [STREAM[start:end] for start, end in pairwise([0, *sorted(cuts), len(STREAM)])]
    assert [event for part in parts for event in cutter.feed(part)] == EVENTS
    assert cutter.rest == b""


def test_what_has_not_ended_is_kept() -> None:
    cutter = EventCutter()
    assert cutter.feed(b"data: 1\n\ndata: 2\n") == [b"data: 1\n\n"]
    assert cutter.rest == b"data: 2\n"


def test_an_event_that_never_ends_is_the_providers_failure() -> None:
    with pytest.raises(ProviderError, match="does not end"):
        EventCutter().feed(b"x" * (frames.EVENT_BYTES_MAX + 1))


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b'data: {"a":1}\n\n', b'{"a":1}'),
        (b"data:1\r\n\r\n", b"1"),
        (b"event: x\ndata: 1\ndata: 2\n\n", b"1\n2"),
        (b": ping\n\n", b""),
    ],
)
def test_an_events_data_is_its_data_lines(event: bytes, data: bytes) -> None:
    assert payload(event) == data


def test_a_long_event_in_small_pieces_is_looked_at_once() -> None:
    """Were all of it looked at with each piece, this would run into the test's time limit."""
    event = b"data: %s\n\n" % (b"a" * 8_000_000)
    cutter = EventCutter()
    parts = (event[start : start + 8192] for start in range(0, len(event), 8192))
    assert [one for part in parts for one in cutter.feed(part)] == [event]
    assert cutter.rest == b""
