"""A stream that breaks off gives what came before, then its fault."""

import pytest

from aiex.assistant.event_feed import EventFeed
from aiex.errors import ProviderError


def take(data: bytes, out: list[bytes]) -> None:
    if data == b"broken":
        raise ProviderError("It broke.")
    out.append(data)


def test_events_are_taken_when_they_are_whole_however_they_come() -> None:
    feed = EventFeed()
    pieces = [b"data: a\n", b"\ndata: b\n\ndata: ", b"c\n\n"]
    assert [feed.feed(piece, take) for piece in pieces] == [b"", b"ab", b"c"]
    feed.check()


def test_what_came_before_a_fault_is_given_and_the_fault_from_then_on() -> None:
    feed = EventFeed()
    assert feed.feed(b"data: a\n\ndata: broken\n\ndata: b\n\n", take) == b"a"
    for _ in range(2):
        with pytest.raises(ProviderError, match="It broke"):
            feed.check()
        with pytest.raises(ProviderError, match="It broke"):
            feed.feed(b"data: c\n\n", take)


def test_a_fault_without_anything_before_it_is_told_at_once() -> None:
    with pytest.raises(ProviderError, match="It broke"):
        EventFeed().feed(b"data: broken\n\n", take)
