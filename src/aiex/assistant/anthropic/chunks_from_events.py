"""A stream of Anthropic's events, as the chunks of OpenAI's chat.

A state machine: bytes in, cut anywhere; bytes out. The usage comes last, in a chunk of its own.
"""

from typing import Any

import msgspec
from msgspec import UNSET

from aiex.assistant.anthropic.completion_from_message import thought_of
from aiex.assistant.anthropic.error_form import broken_off
from aiex.assistant.anthropic.message_form import AnswerBlock, Message, MessageUsage
from aiex.assistant.anthropic.stop_reason import finish_reason
from aiex.assistant.anthropic.token_counts import chat_usage, later
from aiex.assistant.chat_form import (
    Choice,
    Completion,
    FunctionDelta,
    Spoken,
    ToolCallDelta,
)
from aiex.assistant.event_feed import EventFeed
from aiex.errors import ProviderError


class _Delta(msgspec.Struct, frozen=True):
    """Of a block or of the message; what a type does not have is empty."""

    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _Event(msgspec.Struct, frozen=True):
    type: str = ""
    message: Message = Message()
    content_block: AnswerBlock = AnswerBlock()
    delta: _Delta = _Delta()
    usage: MessageUsage = MessageUsage()


_EVENT = msgspec.json.Decoder(_Event)
_DONE = b"data: [DONE]\n\n"


class ChunksFromEvents:
    """One stream on its way: `feed` it with the provider's bytes."""

    def __init__(self, *, created_s: int) -> None:
        self._events = EventFeed()
        self._created_s = created_s
        self._message = Message()
        self._usage = MessageUsage()
        self._block = AnswerBlock()
        self._tool_count = self._thought_count = 0
        self._has_arguments = False

    def feed(self, data: bytes) -> bytes:
        """The chunks that are whole; raises `ProviderError` where the provider breaks off."""
        return self._events.feed(data, self._take)

    def end(self) -> None:
        """Raises the `ProviderError` with which the stream broke off, if it did."""
        self._events.check()

    def _take(self, data: bytes, out: list[bytes]) -> None:
        if data and (chunks := self._translated(data)):
            out.append(chunks)

    def _translated(self, data: bytes) -> bytes:
        try:
            event = _EVENT.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ProviderError("The provider sent an event that cannot be read.") from error
        match event.type:
            case "content_block_delta":
                return self._delta(event.delta)
            case "content_block_start":
                return self._begin_block(event.content_block)
            case "content_block_stop":
                return self._end_block()
            case "message_start":
                self._message = event.message
                self._usage = event.message.usage
                return self._chunk(Spoken(role="assistant", content=""))
            case "message_delta":
                return self._end(event.delta, event.usage)
            case "message_stop":
                return self._last()
            case "error":
                raise ProviderError(broken_off(data))
        # Pings, and what Anthropic adds some day: its rules tell clients to pass over it.
        return b""

    def _begin_block(self, block: AnswerBlock) -> bytes:
        self._block = block
        if block.type == "tool_use":
            self._tool_count += 1
            self._has_arguments = False
            function = FunctionDelta(block.name, "")
            return self._tool_delta(ToolCallDelta(self._place, block.id, "function", function))
        if block.type == "text" and block.text:
            return self._chunk(Spoken(content=block.text))
        if block.type == "thinking" and block.thinking:
            return self._chunk(Spoken(reasoning_content=block.thinking))
        return b""

    def _delta(self, delta: _Delta) -> bytes:
        match delta.type:
            case "text_delta":
                return self._chunk(Spoken(content=delta.text))
            case "input_json_delta" if self._block.type == "tool_use" and delta.partial_json:
                self._has_arguments = True
                function = FunctionDelta(arguments=delta.partial_json)
                return self._tool_delta(ToolCallDelta(self._place, function=function))
            case "thinking_delta":
                thinking = self._block.thinking + delta.thinking
                self._block = msgspec.structs.replace(self._block, thinking=thinking)
                return self._chunk(Spoken(reasoning_content=delta.thinking))
            case "signature_delta":
                signature = self._block.signature + delta.signature
                self._block = msgspec.structs.replace(self._block, signature=signature)
        return b""

    def _end_block(self) -> bytes:
        block, self._block = self._block, AnswerBlock()
        if block.type == "tool_use" and not self._has_arguments:
            # A tool without parameters: Anthropic streams nothing, OpenAI's clients want JSON.
            arguments = bytes(block.input).decode()
            function = FunctionDelta(arguments=arguments)
            return self._tool_delta(ToolCallDelta(self._place, function=function))
        if thought := thought_of(block, self._thought_count):
            self._thought_count += 1
            return self._chunk(Spoken(thinking_blocks=[thought]))
        return b""

    def _end(self, delta: _Delta, usage: MessageUsage) -> bytes:
        self._usage = later(self._usage, usage)
        return self._encoded(
            choices=[
                Choice(
                    delta=Spoken(),
                    finish_reason=finish_reason(delta.stop_reason),
                    stop_reason=delta.stop_sequence or UNSET,
                )
            ]
        )

    def _last(self) -> bytes:
        return self._encoded(choices=[], usage=chat_usage(self._usage)) + _DONE

    @property
    def _place(self) -> int:
        return self._tool_count - 1

    def _tool_delta(self, delta: ToolCallDelta) -> bytes:
        return self._chunk(Spoken(tool_calls=[delta]))

    def _chunk(self, spoken: Spoken) -> bytes:
        return self._encoded(choices=[Choice(delta=spoken)])

    def _encoded(self, **fields: Any) -> bytes:
        message = self._message
        chunk = Completion(
            id=message.id,
            object="chat.completion.chunk",
            created=self._created_s,
            model=message.model,
            **fields,
        )
        return b"data: " + msgspec.json.encode(chunk) + b"\n\n"
