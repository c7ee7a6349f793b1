"""The event bus: each event to those who asked for exactly it, and nobody breaks anybody."""

import logging
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.events import EventBus


class Opened(msgspec.Struct, frozen=True):
    number: int = 0


class Reopened(Opened, frozen=True):
    """A kind of `Opened`, and still another event."""


class Closed(msgspec.Struct, frozen=True):
    pass


def test_subscribers_hear_their_event_in_the_order_they_came() -> None:
    bus, heard = EventBus(), list[tuple[str, int]]()

    def subscribe(name: str) -> None:
        bus.subscribe(Opened, lambda event: heard.append((name, event.number)))

    for name in "abc":
        subscribe(name)
    bus.emit(Opened(1))
    bus.emit(Opened(2))
    assert heard == [("a", 1), ("b", 1), ("c", 1), ("a", 2), ("b", 2), ("c", 2)]


def test_only_the_exact_type_is_heard() -> None:
    bus, heard = EventBus(), list[Any]()
    bus.subscribe(Opened, heard.append)
    bus.emit(Reopened(1))
    bus.emit(Closed())
    assert heard == []


def test_an_event_without_subscribers_goes_nowhere() -> None:
    bus = EventBus()
    bus.emit(Opened())
    assert bus.failure_count == 0


def test_a_subscriber_that_fails_is_counted_told_and_breaks_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus, heard = EventBus(), list[Any]()
    bus.subscribe(Opened, heard.append)
    bus.subscribe(Opened, lambda event: heard.remove(event.number))
    bus.subscribe(Opened, heard.append)
    with caplog.at_level(logging.ERROR, logger="aiex.events"):
        bus.emit(Opened(1))
    assert heard == [Opened(1), Opened(1)]
    assert bus.failure_count == 1
    assert caplog.messages == ["a subscriber of Opened failed"]
    assert "ValueError: list.remove" in caplog.text


def test_what_a_subscriber_emits_is_heard_before_the_emitter_goes_on() -> None:
    bus, heard = EventBus(), list[Any]()
    bus.subscribe(Opened, lambda _: bus.emit(Closed()))
    bus.subscribe(Opened, heard.append)
    bus.subscribe(Closed, heard.append)
    bus.emit(Opened())
    assert heard == [Closed(), Opened()]


def test_a_subscriber_may_subscribe_others_while_it_is_told() -> None:
    bus, heard = EventBus(), list[Any]()
    bus.subscribe(Opened, lambda _: bus.subscribe(Closed, heard.append))
    bus.subscribe(Opened, heard.append)
    bus.emit(Opened())
    bus.emit(Closed())
    assert heard == [Opened(), Closed()]


EVENTS = st.builds(Opened, st.integers()) | st.builds(Reopened, st.integers()) | st.just(Closed())


@given(st.lists(EVENTS))
def test_every_event_reaches_its_subscribers_once_and_in_order(events: list[Any]) -> None:
    bus, heard = EventBus(), list[Any]()
    for event_type in (Opened, Reopened, Closed):
        bus.subscribe(event_type, heard.append)
    for event in events:
        bus.emit(event)
    assert [(type(one), one) for one in heard] == [(type(one), one) for one in events]


def test_who_listens_for_a_while_hears_only_that_while() -> None:
    bus, heard = EventBus(), list[Any]()
    bus.emit(Opened(1))
    with bus.listening(Opened, heard.append):
        bus.emit(Opened(2))
    bus.emit(Opened(3))
    assert heard == [Opened(2)]
