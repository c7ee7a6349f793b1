"""A stream of the chunks of OpenAI's chat, as Anthropic's events.

A state machine: bytes in, cut anywhere; bytes out. Blocks follow each other: one is open at a time.
Where a provider's tool calls come interleaved, the later one is held until the other is whole.

    message_start ─▶ (content_block_start ─▶ …_delta* ─▶ content_block_stop)* ─▶ message_delta
                  ─▶ message_stop
"""

from typing import Any, Final

import msgspec

from aiex.assistant.anthropic.error_form import broken_off, messages_error
from aiex.assistant.anthropic.message_form import MessageUsage, RedactedThinkingBlock
from aiex.assistant.anthropic.message_from_completion import (
    GivenMessage,
    message_id,
    met_sequence,
)
from aiex.assistant.anthropic.stop_reason import stop_reason
from aiex.assistant.anthropic.thinking import UNSIGNED
from aiex.assistant.anthropic.token_counts import message_usage
from aiex.assistant.chat_form import (
    ChatUsage,
    Choice,
    Completion,
    FunctionDelta,
    RedactedThought,
    Spoken,
    Thought,
    ToolCallDelta,
)
from aiex.assistant.event_feed import EventFeed
from aiex.assistant.refusal import Refusal
from aiex.assistant.usage import NO_USAGE, Usage, usage_of
from aiex.errors import ProviderError

_CHUNK = msgspec.json.Decoder(Completion)
_PING: Final = b'event: ping\ndata: {"type":"ping"}\n\n'
_NO_BLOCK: Final = ""


class EventsFromChunks:
    """One stream on its way: `feed` it with the provider's bytes, then take its `end`."""

    def __init__(self, request_id: str) -> None:
        self._events = EventFeed()
        self._request_id = request_id
        self._is_begun = self._is_ended = False
        self._open = _NO_BLOCK  # the type of the open block
        self._count = 0  # blocks begun
        self._tool: tuple[int, str] = (-1, "")  # place and id of the open tool call
        self._arguments = ""  # its arguments so far
        self._held: dict[int, list[ToolCallDelta]] = {}  # of calls that wait, by place
        self._has_tools = False
        self._refused = False
        self._finish: str | None = None
        self._met: str | None = None
        self._usage = MessageUsage(0, 0, 0, 0)
        self.usage: Usage = NO_USAGE

    def feed(self, data: bytes) -> bytes:
        """The events that are whole; raises `ProviderError` where the provider breaks off."""
        return self._events.feed(data, self._take)

    def end(self) -> bytes:
        """What is missing once the provider's bytes ended; raises `ProviderError` if half way."""
        self._events.check()
        if self._is_ended:
            return b""
        if self._finish is None:
            raise ProviderError("The provider ended its stream half way.")
        return b"".join(self._ending())

    def failure(self, refusal: Refusal) -> bytes:
        """The event that says that the stream broke."""
        return b"event: error\ndata: %s\n\n" % messages_error(
            refusal.status, str(refusal), self._request_id
        )

    def _take(self, data: bytes, out: list[bytes]) -> None:
        if data == b"[DONE]":
            out += self._ending()
        elif data:
            self._take_chunk(data, out)
        elif self._is_begun and not self._is_ended:
            out.append(_PING)  # a comment, with which servers keep connections open

    def _take_chunk(self, data: bytes, out: list[bytes]) -> None:
        try:
            chunk = _CHUNK.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ProviderError("The provider sent an event that cannot be read.") from error
        if isinstance(chunk.error, dict | str):
            raise ProviderError(broken_off(data))
        if not self._is_begun:
            self._is_begun = True
            out += (self._begin(chunk), _PING)
        if isinstance(chunk.usage, ChatUsage):
            self._usage = message_usage(chunk.usage)
            self.usage = usage_of(data)
        for choice in chunk.choices[:1]:
            self._take_choice(choice, out)

    def _begin(self, chunk: Completion) -> bytes:
        message = GivenMessage(
            id=message_id(chunk.id),
            model=chunk.model or "",
            content=[],
            stop_reason=None,
            stop_sequence=None,
            usage=self._usage,
        )
        return _event("message_start", message=message)

    def _take_choice(self, choice: Choice, out: list[bytes]) -> None:
        spoken = choice.delta
        if isinstance(spoken, Spoken):
            if text := spoken.thought:
                self._say(out, "thinking", "thinking_delta", text)
            for block in spoken.thinking_blocks or ():
                self._seal(out, block)
            if text := spoken.content or "":
                self._say(out, "text", "text_delta", text)
            if text := spoken.refusal or "":
                self._refused = True
                self._say(out, "text", "text_delta", text)
            for call in spoken.tool_calls or ():
                self._call(out, call)
        if choice.finish_reason is not None:
            self._finish = choice.finish_reason
            self._met = met_sequence(choice.stop_reason)

    def _say(self, out: list[bytes], block: str, delta: str, text: str) -> None:
        self._release(out, is_over=True)
        if self._open != block:
            empty = {"type": block, block: ""}
            if block == "thinking":
                empty["signature"] = ""
            self._open_block(out, block, empty)
        self._delta(out, {"type": delta, block: text})

    def _seal(self, out: list[bytes], block: Thought) -> None:
        """A whole block of thinking, which has come in pieces before if it can be read at all."""
        if isinstance(block, RedactedThought):
            self._open_block(out, "redacted_thinking", RedactedThinkingBlock(block.data))
            return
        if self._open != "thinking":
            self._say(out, "thinking", "thinking_delta", block.thinking)
        if block.signature:
            self._sign(out, block.signature)
            self._close(out)

    def _sign(self, out: list[bytes], signature: str) -> None:
        self._delta(out, {"type": "signature_delta", "signature": signature})
        self._open = "signed"

    def _call(self, out: list[bytes], call: ToolCallDelta) -> None:
        place = call.index or 0
        if self._open != "tool_use" or place == self._tool[0]:
            self._go_on(out, call)
            self._release(out)
        elif place in self._held or not _is_whole(self._arguments):
            self._held.setdefault(place, []).append(call)
        else:
            self._go_on(out, call)

    def _release(self, out: list[bytes], *, is_over: bool = False) -> None:
        """Begin the calls that waited, each once the one before it is whole, or nothing follows."""
        while self._held and (is_over or _is_whole(self._arguments)):
            place = next(iter(self._held))
            for call in self._held.pop(place):
                self._go_on(out, call)

    def _go_on(self, out: list[bytes], call: ToolCallDelta) -> None:
        function = call.function or FunctionDelta()
        place, name = call.index or 0, function.name
        # A few servers give every call the place 0; then a new id tells them apart.
        is_new = self._open != "tool_use" or place != self._tool[0]
        is_new = is_new or bool(name and call.id and call.id != self._tool[1])
        if is_new:
            if not name:
                raise ProviderError("The provider went on with a tool call that was over.")
            self._has_tools = True
            tool_id = call.id or f"toolu_aiex{self._count}"
            self._open_block(
                out, "tool_use", {"type": "tool_use", "id": tool_id, "name": name, "input": {}}
            )
            self._tool, self._arguments = (place, tool_id), ""
        if function.arguments:
            self._arguments += function.arguments
            self._delta(out, {"type": "input_json_delta", "partial_json": function.arguments})

    def _open_block(self, out: list[bytes], kind: str, block: object) -> None:
        self._close(out)
        out.append(_event("content_block_start", index=self._count, content_block=block))
        self._open = kind
        self._count += 1

    def _delta(self, out: list[bytes], delta: dict[str, str]) -> None:
        out.append(_event("content_block_delta", index=self._count - 1, delta=delta))

    def _close(self, out: list[bytes]) -> None:
        if self._open == "thinking":
            # Clients send thinking back with its signature; ours says that nobody signed it.
            self._sign(out, UNSIGNED)
        if self._open != _NO_BLOCK:
            out.append(_event("content_block_stop", index=self._count - 1))
            self._open = _NO_BLOCK

    def _ending(self) -> list[bytes]:
        out: list[bytes] = []
        if self._is_ended:
            return out
        if not self._is_begun:
            raise ProviderError("The provider's stream held nothing.")
        self._is_ended = True
        self._release(out, is_over=True)
        self._close(out)
        reason = (
            "refusal"
            if self._refused
            else stop_reason(self._finish, has_tool_use=self._has_tools, stop_sequence=self._met)
        )
        delta = {"stop_reason": reason, "stop_sequence": self._met}
        out.append(_event("message_delta", delta=delta, usage=self._usage))
        out.append(_event("message_stop"))
        return out


def _is_whole(arguments: str) -> bool:
    """Whether a tool call's arguments are all there; a call without any may still get some."""
    try:
        msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _event(kind: str, **fields: Any) -> bytes:
    data = msgspec.json.encode({"type": kind, **fields})
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), data)
