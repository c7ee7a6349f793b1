"""A whole chat completion, as the items of a response."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from aiex.assistant.chat_form import ChatUsage, Completion, Spoken, ToolCallDelta
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
from aiex.assistant.responses.response_form import (
    IncompleteDetails,
    InputDetails,
    OutputDetails,
    Response,
    ResponseUsage,
)
from aiex.errors import ProviderError

_COMPLETION = msgspec.json.Decoder(Completion)


class Output(NamedTuple):
    """What a model made, and why it stopped if that was too early."""

    items: list[Item]
    incomplete: IncompleteDetails | None
    usage: ResponseUsage | None

    def ending(self, response: Response, at_s: int) -> Response:
        """The response in progress, with this and over."""
        return msgspec.structs.replace(
            response,
            status="incomplete" if self.incomplete else "completed",
            completed_at=None if self.incomplete else at_s,
            incomplete_details=self.incomplete,
            output=self.items,
            usage=self.usage,
        )


def output_from_completion(body: bytes, place: ItemPlace) -> Output:
    """The items of a provider's answer, numbered from `place` on; raises `ProviderError`."""
    try:
        completion = _COMPLETION.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProviderError("The provider's answer is no chat completion.") from error
    if not completion.choices or not isinstance(completion.choices[0].message, Spoken):
        raise ProviderError("The provider's answer holds no message.")
    choice = completion.choices[0]
    incomplete = incomplete_details(choice.finish_reason)
    status: Status = "incomplete" if incomplete else "completed"
    items: list[Item] = []
    for item in _items(completion.choices[0].message, place, status):
        items.append(item)
        place = place.after(1)
    usage = completion.usage
    return Output(
        items, incomplete, response_usage(usage if isinstance(usage, ChatUsage) else None)
    )


def incomplete_details(finish_reason: str | None) -> IncompleteDetails | None:
    """Why an answer is not whole; None when it is."""
    match finish_reason:
        case "length":
            return IncompleteDetails("max_output_tokens")
        case "content_filter":
            return IncompleteDetails("content_filter")
    return None


def response_usage(usage: ChatUsage | None) -> ResponseUsage | None:
    """Tokens as the Responses API counts them."""
    if usage is None:
        return None
    prompt, completion = usage.prompt_tokens or 0, usage.completion_tokens or 0
    before, after = usage.prompt_tokens_details, usage.completion_tokens_details
    return ResponseUsage(
        prompt,
        completion,
        prompt + completion,
        InputDetails(
            (before and before.cached_tokens) or 0, (before and before.cache_write_tokens) or 0
        ),
        OutputDetails((after and after.reasoning_tokens) or 0),
    )


def _items(spoken: Spoken, place: ItemPlace, status: Status) -> Iterator[Item]:
    if text := spoken.thought:
        yield Reasoning(
            id=place.id_for(Reasoning), content=[ReasoningText(text)], status="completed"
        )
        place = place.after(1)
    parts: list[Part] = []
    if spoken.content:
        parts.append(OutputText(spoken.content))
    if spoken.refusal:
        parts.append(RefusalPart(spoken.refusal))
    if parts or not spoken.tool_calls:
        yield Message(
            id=place.id_for(Message),
            role="assistant",
            content=parts or [OutputText("")],
            status=status,
        )
        place = place.after(1)
    for call in spoken.tool_calls or ():
        yield _call(call, place, status)
        place = place.after(1)


def _call(call: ToolCallDelta, place: ItemPlace, status: Status) -> FunctionCall:
    function = call.function
    name = function.name if function else None
    if not name:
        raise ProviderError("The provider called a tool without its name.")
    item_id = place.id_for(FunctionCall)
    return FunctionCall(
        id=item_id,
        call_id=call.id or f"call_{item_id.removeprefix('fc_')}",
        name=name,
        arguments=(function.arguments if function else None) or "{}",
        status=status,
    )
