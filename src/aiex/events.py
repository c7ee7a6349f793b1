"""What happened, as typed values: parts emit, telemetry listens, nobody waits.

An event is a frozen `msgspec.Struct` named in the past tense and declared beside what emits it. An
emitter is handed `emit`, a plain callable; in a test that is a list's `append`.

Limit: delivery is a synchronous call in the emitter's task. A subscriber must neither block nor
await; what takes time puts the event on a queue of its own.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

type Emit = Callable[[Any], None]

_log = logging.getLogger("aiex.events")


class EventBus:
    """Hands each event to the subscribers of its exact type, in order of subscription."""

    def __init__(self) -> None:
        self._subscribers: defaultdict[type, list[Callable[[Any], None]]] = defaultdict(list)
        self.failure_count = 0

    def subscribe[E](self, event_type: type[E], subscriber: Callable[[E], None]) -> None:
        self._subscribers[event_type].append(subscriber)

    @contextmanager
    def listening[E](self, event_type: type[E], subscriber: Callable[[E], None]) -> Iterator[None]:
        """Subscribed while the block lasts; outside of it, it costs an emitter nothing."""
        self.subscribe(event_type, subscriber)
        try:
            yield
        finally:
            self._subscribers[event_type].remove(subscriber)

    def emit(self, event: Any) -> None:
        for subscriber in self._subscribers.get(type(event), ()):
            try:
                subscriber(event)
            except Exception:  # noqa: BLE001 - a spectator must not break what it watches
                self.failure_count += 1
                _log.exception("a subscriber of %s failed", type(event).__name__)
