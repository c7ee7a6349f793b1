"""A stream of Anthropic's events on its way to a client that speaks the same: byte for byte."""

from typing import Final

import msgspec

from aiex.assistant.anthropic.error_form import broken_off, messages_error
from aiex.assistant.anthropic.message_form import MessageUsage
from aiex.assistant.anthropic.token_counts import chat_usage, later
from aiex.assistant.event_cutter import EventCutter, payload
from aiex.assistant.refusal import Refusal
from aiex.assistant.usage import NO_USAGE, Usage
from aiex.errors import ProviderError

_MARKS: Final = (b'"message_start"', b'"message_delta"', b'"message_stop"', b'"error"')


class _Started(msgspec.Struct, frozen=True):
    usage: MessageUsage = MessageUsage()


class _Event(msgspec.Struct, frozen=True):
    type: str = ""
    message: _Started = _Started()
    usage: MessageUsage = MessageUsage()


_EVENT = msgspec.json.Decoder(_Event)


class MessageRelay:
    """Hands events on whole, remembers their usage, sees whether they came to their end."""

    def __init__(self, request_id: str) -> None:
        self._cutter = EventCutter()
        self._request_id = request_id
        self._counts = MessageUsage()
        self._is_ended = False
        self._error = b""
        self.usage: Usage = NO_USAGE

    def feed(self, data: bytes) -> bytes:
        """The whole events in what came so far; raises `ProviderError` at one that is an error."""
        events = self._cutter.feed(data)
        for place, event in enumerate(events):
            # Most events are deltas, and those are not decoded.
            if any(mark in event for mark in _MARKS):
                self._note(event)
            if self._error:
                if not place:
                    raise ProviderError(broken_off(payload(event)))
                return b"".join(events[:place])
        if self._error:
            raise ProviderError(broken_off(payload(self._error)))
        return b"".join(events)

    def end(self) -> bytes:
        """Nothing; raises `ProviderError` when the provider's bytes ended half way."""
        if self._error:
            raise ProviderError(broken_off(payload(self._error)))
        if not self._is_ended:
            raise ProviderError("The provider ended its stream half way.")
        return b""

    def failure(self, refusal: Refusal) -> bytes:
        """The event that says that the stream broke: the provider's own, if it sent one."""
        if self._error:
            return self._error
        return b"event: error\ndata: %s\n\n" % messages_error(
            refusal.status, str(refusal), self._request_id
        )

    def _note(self, event: bytes) -> None:
        try:
            said = _EVENT.decode(payload(event))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return  # whatever it is, the client may know it
        match said.type:
            case "message_start":
                self._count(said.message.usage)
            case "message_delta":
                self._count(said.usage)
            case "message_stop":
                self._is_ended = True
            case "error":
                self._error = event

    def _count(self, counts: MessageUsage) -> None:
        self._counts = later(self._counts, counts)
        self.usage = token_usage(self._counts)


def token_usage(counts: MessageUsage) -> Usage:
    """Anthropic's counts as the node keeps them."""
    usage = chat_usage(counts)
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        usage.prompt_tokens or 0,
        usage.completion_tokens or 0,
        (prompt and prompt.cached_tokens) or 0,
        (completion and completion.reasoning_tokens) or 0,
    )
