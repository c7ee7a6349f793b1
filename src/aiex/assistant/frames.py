"""A provider's stream, cut into whole server-sent events on its way to the client.

Events are forwarded byte for byte; the one exception is the usage event the gateway asked for on
its own account, which a client that did not ask for it does not get. Pure: bytes in, bytes out.
Format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import re
from typing import Protocol

from aiex.assistant.refusal import Refusal
from aiex.assistant.usage import NO_USAGE, Usage, usage_of
from aiex.errors import ProviderError

# One event holds one delta; tool calls and log-probabilities make kilobytes, inline images
# megabytes. More than this without an end is not a stream of events.
EVENT_BYTES_MAX = 16 * 1024 * 1024

_DONE = b"data: [DONE]"
_END = _DONE + b"\n\n"
# A model may speak of the mark; a line of its own it gets only as the mark.
_DONE_EVENT = re.compile(rb"^data: \[DONE\]", re.MULTILINE)
# A blank line may have begun in what came before.
_OVERLAP_BYTES = 3
_FINISH = re.compile(rb'"finish_reason"\s*:\s*"')
_USAGE_NAME = b'"usage"'
_USAGE = re.compile(rb'"usage"\s*:\s*\{')


class Relay(Protocol):
    """What a stream passes through: a provider's bytes in, the client's out."""

    usage: Usage

    def feed(self, data: bytes) -> bytes:
        """The bytes to forward; raises `ProviderError` where the provider's are at fault."""

    def end(self) -> bytes:
        """The last bytes, once the provider's ended; raises `ProviderError` if half way."""

    def failure(self, refusal: Refusal) -> bytes:
        """The event that tells the client that the stream broke."""


class FrameRelay:
    """Takes a provider's bytes, gives those to forward, and remembers what the stream said."""

    __slots__ = ("_hides_usage", "_tail", "is_done", "is_finished", "usage")

    def __init__(self, *, hides_usage: bool) -> None:
        self._hides_usage = hides_usage
        self._tail = bytearray()
        self.usage: Usage = NO_USAGE
        self.is_finished = False  # a choice gave its finish_reason
        self.is_done = False  # `[DONE]` passed

    def feed(self, data: bytes) -> bytes:
        """The whole events in what came so far; raises `ProviderError` when one never ends."""
        if self._tail or not data.endswith(b"\n\n"):
            data = self._whole_events(data)
            if not data:
                return data
        # Servers repeat both fields in every event, as null: found without decoding each. `find`
        # first, not `in`: for bytes that looks for a number before, at four times the price.
        if not self.is_finished and _FINISH.search(data):
            self.is_finished = True
        if data.find(_USAGE_NAME) >= 0 and _USAGE.search(data):
            data = self._take_usage(data)
        if data.find(_DONE) >= 0 and _DONE_EVENT.search(data):
            self.is_done = True
        return data

    def end(self) -> bytes:
        """The end mark where it is missing; raises `ProviderError` when the stream is not whole."""
        if self.is_done:
            return b""
        if not self.is_finished:
            raise ProviderError("The provider ended its stream half way.")
        # Some servers leave the end mark out; clients wait for it.
        return _END

    def failure(self, refusal: Refusal) -> bytes:
        """The event that tells the client that the stream broke."""
        return refusal.frame()

    def _whole_events(self, data: bytes) -> bytes:
        """The whole events in what waited and `data`; what is not whole waits.

        Each byte is looked at once: an event may be megabytes long, and come in small pieces.
        """
        tail = self._tail
        seen = max(0, len(tail) - _OVERLAP_BYTES)
        tail += data
        end = _end_of_events(tail, seen)
        if end:
            data, self._tail = bytes(tail[:end]), tail[end:]
        else:
            data = b""
        if len(self._tail) > EVENT_BYTES_MAX:
            raise ProviderError("The provider sent an event that does not end.")
        return data

    def _take_usage(self, data: bytes) -> bytes:
        kept: list[bytes] = []
        for event in _events(data):
            usage = usage_of(_payload(event)) if _USAGE.search(event) else NO_USAGE
            if usage is not NO_USAGE:
                self.usage = usage
                if self._hides_usage and _is_usage_only(event):
                    continue
            kept.append(event)
        return b"".join(kept)


def _end_of_events(data: bytearray, start: int) -> int:
    """The index behind the last blank line that ends behind `start`, 0 when there is none."""
    newline, carriage = data.rfind(b"\n\n", start), data.rfind(b"\r\n\r\n", start)
    return max(newline + 2 if newline >= 0 else 0, carriage + 4 if carriage >= 0 else 0)


def _events(data: bytes) -> list[bytes]:
    separator = b"\r\n\r\n" if b"\r\n\r\n" in data else b"\n\n"
    return [event + separator for event in data.split(separator) if event]


def _payload(event: bytes) -> bytes:
    """The JSON of an event's `data` field; empty when it has none."""
    start = event.find(b"data:")
    return event[start + 5 :].strip() if start >= 0 else b""


def _is_usage_only(event: bytes) -> bool:
    return b'"choices":[]' in event.replace(b" ", b"")
