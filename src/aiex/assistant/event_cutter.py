"""Bytes of a stream, cut into whole server-sent events. Pure: bytes in, events out."""

import re

from aiex.assistant.frames import EVENT_BYTES_MAX
from aiex.errors import ProviderError

_BLANK_LINE = re.compile(rb"\n\r?\n")
# A blank line may have begun in what came before.
_OVERLAP_BYTES = 2
_DATA = re.compile(rb"^data:[ ]?([^\r\n]*)", re.MULTILINE)


class EventCutter:
    """Takes bytes as they come, looking at each of them once: an event may be megabytes long."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = bytearray()

    @property
    def rest(self) -> bytes:
        """What has not ended yet."""
        return bytes(self._rest)

    def feed(self, data: bytes) -> list[bytes]:
        """The events that ended, each whole; raises `ProviderError` if one never does."""
        rest = self._rest
        seen = max(0, len(rest) - _OVERLAP_BYTES)
        rest += data
        events: list[bytes] = []
        start = 0
        for blank in _BLANK_LINE.finditer(rest, seen):
            events.append(bytes(rest[start : blank.end()]))
            start = blank.end()
        self._rest = rest[start:] if start else rest
        if len(self._rest) > EVENT_BYTES_MAX:
            raise ProviderError("The provider sent an event that does not end.")
        return events


def payload(event: bytes) -> bytes:
    """What an event's `data` lines hold; empty when it has none."""
    return b"\n".join(_DATA.findall(event))
