"""Bytes of a stream, cut into whole server-sent events. Pure: bytes in, events out."""

import re

from aiex.assistant.frames import EVENT_BYTES_MAX
from aiex.errors import ProviderError

_BLANK_LINE = re.compile(rb"(?:\r?\n){2}")
_DATA = re.compile(rb"^data:[ ]?(.*?)\r?$", re.MULTILINE)


class EventCutter:
    """Takes bytes as they come; `rest` is what has not ended yet."""

    __slots__ = ("rest",)

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The events that ended, each whole; raises `ProviderError` if one never does."""
        data = self.rest + data
        events: list[bytes] = []
        start = 0
        for blank in _BLANK_LINE.finditer(data):
            events.append(data[start : blank.end()])
            start = blank.end()
        self.rest = data[start:]
        if len(self.rest) > EVENT_BYTES_MAX:
            raise ProviderError("The provider sent an event that does not end.")
        return events


def payload(event: bytes) -> bytes:
    """What an event's `data` lines hold; empty when it has none."""
    return b"\n".join(_DATA.findall(event))
