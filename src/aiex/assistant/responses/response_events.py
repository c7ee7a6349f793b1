"""A stream of a chat's chunks, as the events of a response.

A state machine: bytes in, cut anywhere; bytes out. Reasoning and messages follow each other, one
open at a time; calls of tools may be open together, since every event says which item it is of.

    created ─▶ in_progress ─▶ (output_item.added ─▶ … ─▶ output_item.done)* ─▶ completed
                                                                            ─▶ incomplete
                                       anywhere in between, or at the end:  ─▶ failed

The last event is not given by `end` but by `finish`: in between the turn is kept, and clients must
not hear that a response is completed before.
"""

from typing import Any, Final, Literal

import msgspec

from aiex.assistant.anthropic.error_form import broken_off
from aiex.assistant.chat_form import (
    ChatUsage,
    Choice,
    Completion,
    FunctionDelta,
    Spoken,
    ToolCallDelta,
)
from aiex.assistant.event_feed import EventFeed
from aiex.assistant.refusal import Refusal
from aiex.assistant.responses.item_form import (
    FunctionCall,
    Item,
    ItemPlace,
    Message,
    OutputText,
    Part,
    Reasoning,
    ReasoningText,
    RefusalPart,
    Status,
)
from aiex.assistant.responses.output_from_completion import (
    Output,
    incomplete_details,
    response_usage,
)
from aiex.assistant.responses.response_form import Response, ResponseError, ResponseUsage
from aiex.assistant.usage import NO_USAGE, Usage, usage_of
from aiex.errors import ProviderError

type _PartKind = Literal["output_text", "refusal", "reasoning_text"]

_CHUNK = msgspec.json.Decoder(Completion)
_COMMENT: Final = b":\n\n"


class _Said:
    """A message, or reasoning, that is being said."""

    __slots__ = ("is_reasoning", "item_id", "kind", "output_index", "parts", "pieces")

    def __init__(self, item_id: str, output_index: int, *, is_reasoning: bool) -> None:
        self.item_id = item_id
        self.output_index = output_index
        self.is_reasoning = is_reasoning
        self.parts: list[Part | ReasoningText] = []  # those that are whole
        self.kind: _PartKind | None = None  # of the open part
        self.pieces: list[str] = []

    def item(self, status: Status) -> Item:
        if self.is_reasoning:
            thoughts = [part for part in self.parts if isinstance(part, ReasoningText)]
            return Reasoning(id=self.item_id, content=thoughts, status=status)
        parts = [part for part in self.parts if not isinstance(part, ReasoningText)]
        return Message(id=self.item_id, role="assistant", content=parts, status=status)


class _Call:
    """A call of a tool that is being made."""

    __slots__ = ("call_id", "is_over", "item_id", "name", "output_index", "pieces")

    def __init__(self, item_id: str, output_index: int, call_id: str, name: str) -> None:
        self.item_id = item_id
        self.output_index = output_index
        self.call_id = call_id
        self.name = name
        self.pieces: list[str] = []
        self.is_over = False

    def item(self, status: Status) -> FunctionCall:
        return FunctionCall(
            id=self.item_id,
            call_id=self.call_id,
            name=self.name,
            arguments="".join(self.pieces),
            status=status,
        )


class ResponseEvents:
    """One stream on its way: `feed` it the provider's bytes, take its `end`, then `finish` it."""

    def __init__(self, response: Response, place: ItemPlace, *, chars_max: int) -> None:
        """`place` is that of the first item said; more than `chars_max` is no answer to keep."""
        self._events = EventFeed()
        self._response = response
        self._place = place
        self._chars_left = chars_max
        self._number = 0  # of the next event
        self._is_begun = self._is_ended = False
        self._items: list[Item | None] = []  # by their output index; None while open
        self._said: _Said | None = None
        self._calls: dict[int, _Call] = {}  # by the place that the provider gives them
        self._finish: str | None = None
        self._counts: ResponseUsage | None = None
        self.is_cancelled = False  # by somebody else: that is no failure
        self.usage: Usage = NO_USAGE

    @property
    def output(self) -> Output:
        """What was said; whole once the stream ended."""
        items = [item for item in self._items if item is not None]
        return Output(items, incomplete_details(self._finish), self._counts)

    def feed(self, data: bytes) -> bytes:
        """The events that are whole; raises `ProviderError` where the provider breaks off."""
        return self._events.feed(data, self._take)

    def end(self) -> bytes:
        """What is missing once the provider's bytes ended; raises `ProviderError` if half way."""
        self._events.check()
        out: list[bytes] = []
        if not self._is_ended:
            if self._finish is None:
                raise ProviderError("The provider ended its stream half way.")
            self._end(out)
        return b"".join(out)

    def finish(self, response: Response) -> bytes:
        """The last event: the response as it is from now on."""
        status = response.status
        kind = status if status in ("completed", "incomplete") else "failed"
        return self._event(f"response.{kind}", response=response)

    def failure(self, refusal: Refusal) -> bytes:
        """The event that says that the stream broke, with what there is of an answer."""
        items = [item for item in self._items if item is not None]
        if self._said is not None:
            self._keep_part(self._said)
            items.append(self._said.item("incomplete"))
        items += [call.item("incomplete") for call in self._calls.values() if not call.is_over]
        if self.is_cancelled:
            cancelled = msgspec.structs.replace(self._response, status="cancelled", output=items)
            return self.finish(cancelled)
        return self.finish(failed(self._response, refusal, items))

    def _take(self, data: bytes, out: list[bytes]) -> None:
        if data == b"[DONE]":
            if not self._is_begun:
                raise ProviderError("The provider's stream held nothing.")
            if not self._is_ended:
                self._end(out)
        elif data:
            self._take_chunk(data, out)
        elif self._is_begun and not self._is_ended:
            out.append(_COMMENT)  # with such servers keep connections open

    def _take_chunk(self, data: bytes, out: list[bytes]) -> None:
        try:
            chunk = _CHUNK.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ProviderError("The provider sent an event that cannot be read.") from error
        if isinstance(chunk.error, dict | str):
            raise ProviderError(broken_off(data))
        if not self._is_begun:
            self._is_begun = True
            out.append(self._event("response.created", response=self._response))
            out.append(self._event("response.in_progress", response=self._response))
        if isinstance(chunk.usage, ChatUsage):
            self._counts = response_usage(chunk.usage)
            self.usage = usage_of(data)
        for choice in chunk.choices[:1]:
            if not self._is_ended:
                self._take_choice(choice, out)

    def _take_choice(self, choice: Choice, out: list[bytes]) -> None:
        spoken = choice.delta
        if isinstance(spoken, Spoken):
            if text := spoken.thought:
                self._say(out, "reasoning_text", text)
            if spoken.content:
                self._say(out, "output_text", spoken.content)
            if spoken.refusal:
                self._say(out, "refusal", spoken.refusal)
            for call in spoken.tool_calls or ():
                self._call(out, call)
        if choice.finish_reason is not None:
            self._finish = choice.finish_reason

    def _say(self, out: list[bytes], kind: _PartKind, text: str) -> None:
        self._count(text)
        is_reasoning = kind == "reasoning_text"
        said = self._said
        if said is None or said.is_reasoning is not is_reasoning:
            self._close_said(out)
            said = self._said = self._begin_said(out, is_reasoning=is_reasoning)
        if said.kind != kind:
            self._close_part(said, out)
            said.kind = kind
            out.append(self._part_event("added", said, _part(kind, "")))
        if text:
            said.pieces.append(text)
            out.append(self._text_event("delta", said, delta=text))

    def _begin_said(self, out: list[bytes], *, is_reasoning: bool) -> _Said:
        kind = Reasoning if is_reasoning else Message
        said = _Said(self._take_place(kind), len(self._items), is_reasoning=is_reasoning)
        self._items.append(None)
        out.append(self._item_event("added", said.output_index, said.item("in_progress")))
        return said

    def _close_said(self, out: list[bytes], status: Status = "completed") -> None:
        said = self._said
        if said is None:
            return
        self._close_part(said, out)
        self._close_item(out, said.output_index, said.item(status))
        self._said = None

    def _close_part(self, said: _Said, out: list[bytes]) -> None:
        if said.kind is None:
            return
        text = "".join(said.pieces)
        field = "refusal" if said.kind == "refusal" else "text"
        out.append(self._text_event("done", said, **{field: text}))
        out.append(self._part_event("done", said, _part(said.kind, text)))
        self._keep_part(said)

    def _keep_part(self, said: _Said) -> None:
        if said.kind is not None:
            said.parts.append(_part(said.kind, "".join(said.pieces)))
            said.kind, said.pieces = None, []

    def _call(self, out: list[bytes], delta: ToolCallDelta) -> None:
        function = delta.function or FunctionDelta()
        place = delta.index or 0
        call = self._calls.get(place)
        # A few servers give every call the place 0; then a new id tells them apart.
        if call is None or (function.name and delta.id and delta.id != call.call_id):
            if not function.name:
                raise ProviderError("The provider called a tool without its name.")
            call = self._begin_call(out, place, delta.id or "", function.name)
        elif call.is_over:
            raise ProviderError("The provider went on with a tool call that was over.")
        if function.arguments:
            self._count(function.arguments)
            call.pieces.append(function.arguments)
            out.append(self._call_event("delta", call, delta=function.arguments))

    def _begin_call(self, out: list[bytes], place: int, call_id: str, name: str) -> _Call:
        self._close_said(out)
        self._close_calls(out, are_all=False)
        before = self._calls.get(place)
        if before is not None and not before.is_over:
            self._close_call(out, before, "completed")
        item_id = self._take_place(FunctionCall)
        call_id = call_id or f"call_{item_id.removeprefix('fc_')}"
        call = self._calls[place] = _Call(item_id, len(self._items), call_id, name)
        self._items.append(None)
        out.append(self._item_event("added", call.output_index, call.item("in_progress")))
        return call

    def _close_calls(
        self, out: list[bytes], *, are_all: bool, status: Status = "completed"
    ) -> None:
        """All of them, or those that are whole: clients may run these while the others come."""
        for call in self._calls.values():
            if not call.is_over and (are_all or _is_whole(call.pieces)):
                self._close_call(out, call, status)

    def _close_call(self, out: list[bytes], call: _Call, status: Status) -> None:
        if not call.pieces:
            call.pieces.append("{}")  # clients read JSON there
            out.append(self._call_event("delta", call, delta="{}"))
        call.is_over = True
        out.append(self._call_event("done", call, arguments="".join(call.pieces)))
        self._close_item(out, call.output_index, call.item(status))

    def _close_item(self, out: list[bytes], output_index: int, item: Item) -> None:
        self._items[output_index] = item
        out.append(self._item_event("done", output_index, item))

    def _end(self, out: list[bytes]) -> None:
        self._is_ended = True
        if not self._items:
            self._say(out, "output_text", "")  # a response without any item is none
        status: Status = "incomplete" if incomplete_details(self._finish) else "completed"
        self._close_said(out, status)
        self._close_calls(out, are_all=True, status=status)

    def _take_place(self, kind: type) -> str:
        item_id = self._place.id_for(kind)
        self._place = self._place.after(1)
        return item_id

    def _count(self, text: str) -> None:
        self._chars_left -= len(text)
        if self._chars_left < 0:
            raise ProviderError("The model's answer is longer than one that can be kept.")

    def _item_event(self, what: str, output_index: int, item: Item) -> bytes:
        return self._event(f"response.output_item.{what}", output_index=output_index, item=item)

    def _part_event(self, what: str, said: _Said, part: object) -> bytes:
        return self._event(
            f"response.content_part.{what}",
            item_id=said.item_id,
            output_index=said.output_index,
            content_index=len(said.parts),
            part=part,
        )

    def _text_event(self, what: str, said: _Said, **fields: object) -> bytes:
        if said.kind == "output_text":
            fields["logprobs"] = ()
        return self._event(
            f"response.{said.kind}.{what}",
            item_id=said.item_id,
            output_index=said.output_index,
            content_index=len(said.parts),
            **fields,
        )

    def _call_event(self, what: str, call: _Call, **fields: object) -> bytes:
        return self._event(
            f"response.function_call_arguments.{what}",
            item_id=call.item_id,
            output_index=call.output_index,
            **fields,
        )

    def _event(self, kind: str, **fields: Any) -> bytes:
        data = msgspec.json.encode({"type": kind, "sequence_number": self._number, **fields})
        self._number += 1
        return b"event: %s\ndata: %s\n\n" % (kind.encode(), data)


def failed(response: Response, refusal: Refusal, items: list[Item]) -> Response:
    """The response, ended by what `refusal` says."""
    code = "rate_limit_exceeded" if refusal.status == 429 else "server_error"
    return msgspec.structs.replace(
        response, status="failed", error=ResponseError(code, str(refusal)), output=items
    )


def _part(kind: _PartKind, text: str) -> Any:
    match kind:
        case "output_text":
            return OutputText(text)
        case "refusal":
            return RefusalPart(text)
    return ReasoningText(text)


def _is_whole(pieces: list[str]) -> bool:
    """Whether a tool call's arguments are all there; a call without any may still get some."""
    try:
        msgspec.json.decode("".join(pieces))
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
