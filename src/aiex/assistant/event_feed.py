"""A provider's stream, taken event by event; where it breaks off, what came before still counts."""

from collections.abc import Callable

from aiex.assistant.event_cutter import EventCutter, payload
from aiex.errors import ProviderError

# Gets what an event holds, empty for a comment, and adds what the client is to get of it.
type Take = Callable[[bytes, list[bytes]], None]


class EventFeed:
    """Of one stream. A fault is told once all is passed on that came before it."""

    __slots__ = ("_cutter", "_fault")

    def __init__(self) -> None:
        self._cutter = EventCutter()
        self._fault: ProviderError | None = None

    def feed(self, data: bytes, take: Take) -> bytes:
        """What `take` made of the events that are whole now; raises `ProviderError`."""
        self.check()
        out: list[bytes] = []
        try:
            for event in self._cutter.feed(data):
                take(payload(event), out)
        except ProviderError as fault:
            if not out:
                raise
            self._fault = fault
        return b"".join(out)

    def check(self) -> None:
        """Raises the fault that is yet to be told, if there is one."""
        if self._fault is not None:
            raise self._fault
