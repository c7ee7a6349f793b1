"""The items in a request, each with an id of its own; what has no form as one is refused."""

from typing import Final

import msgspec
from msgspec import Raw

from aiex.assistant.not_carried import TO_ANY_MODEL, not_carried
from aiex.assistant.refusal import Refusal
from aiex.assistant.responses.given_json import decoded
from aiex.assistant.responses.item_form import (
    ITEMS_MAX,
    FunctionCall,
    FunctionCallOutput,
    InputFile,
    InputImage,
    InputPart,
    InputText,
    Item,
    ItemPlace,
    Message,
    OutputText,
    Part,
    Reasoning,
    ReasoningText,
    RefusalPart,
    Role,
    SummaryText,
)


class _Kind(msgspec.Struct, frozen=True):
    """OpenAI takes messages without a type too."""

    type: str | None = "message"


class _GivenText(msgspec.Struct, frozen=True, tag="output_text"):
    text: str


type _GivenPart = InputText | InputImage | InputFile | _GivenText | RefusalPart


class _GivenMessage(msgspec.Struct, frozen=True):
    role: Role
    content: str | list[_GivenPart]


class _GivenCall(msgspec.Struct, frozen=True):
    call_id: str
    name: str
    arguments: str


class _GivenOutput(msgspec.Struct, frozen=True):
    call_id: str
    output: str | list[InputPart]


class _GivenReasoning(msgspec.Struct, frozen=True):
    summary: list[SummaryText] = []
    content: list[ReasoningText] | None = None


_KIND = msgspec.json.Decoder(_Kind)
_MESSAGE = msgspec.json.Decoder(_GivenMessage)
_CALL = msgspec.json.Decoder(_GivenCall)
_OUTPUT = msgspec.json.Decoder(_GivenOutput)
_REASONING = msgspec.json.Decoder(_GivenReasoning)
_ALIKE: Final = "Send its data, or a URL where one is taken: files are not kept here."


def items_from_input(given: str | list[Raw], place: ItemPlace, field: str = "input") -> list[Item]:
    """The items, numbered from `place` on; raises `Refusal` (400) that names what is in the way."""
    if isinstance(given, str):
        return [_message(_GivenMessage("user", given), place, field)] if given else []
    if len(given) + place.number > ITEMS_MAX:
        raise Refusal(
            400, "too_many_items", f"'{field}' has more than {ITEMS_MAX:,} items.", param=field
        )
    return [
        _item(bytes(raw), place.after(number), f"{field}[{number}]")
        for number, raw in enumerate(given)
    ]


def _item(raw: bytes, place: ItemPlace, field: str) -> Item:
    kind = decoded(_KIND, raw, field).type or "message"
    match kind:
        case "message":
            return _message(decoded(_MESSAGE, raw, field), place, field)
        case "function_call":
            call = decoded(_CALL, raw, field)
            return FunctionCall(
                id=place.id_for(FunctionCall),
                call_id=call.call_id,
                name=call.name,
                arguments=call.arguments,
            )
        case "function_call_output":
            output = decoded(_OUTPUT, raw, field)
            if not isinstance(output.output, str):
                for number, part in enumerate(output.output):
                    _refuse_what_is_elsewhere(part, f"{field}.output[{number}]")
            return FunctionCallOutput(
                id=place.id_for(FunctionCallOutput), call_id=output.call_id, output=output.output
            )
        case "reasoning":
            thought = decoded(_REASONING, raw, field)
            return Reasoning(
                id=place.id_for(Reasoning), summary=thought.summary, content=thought.content or []
            )
    raise not_carried(f"{field}.type", TO_ANY_MODEL, f"It is '{kind[:60]}'.")


def _message(given: _GivenMessage, place: ItemPlace, field: str) -> Message:
    parts: list[Part]
    if isinstance(given.content, str):
        is_said = given.role == "assistant"
        parts = [OutputText(given.content) if is_said else InputText(given.content)]
    else:
        parts = []
        for number, part in enumerate(given.content):
            _refuse_what_is_elsewhere(part, f"{field}.content[{number}]")
            parts.append(OutputText(part.text) if isinstance(part, _GivenText) else part)
    return Message(id=place.id_for(Message), role=given.role, content=parts)


def _refuse_what_is_elsewhere(part: _GivenPart, field: str) -> None:
    """Refuse what only OpenAI could fetch, or nobody could make anything of."""
    match part:
        case InputImage(url):
            if not url:
                raise not_carried(f"{field}.file_id", TO_ANY_MODEL, _ALIKE)
        case InputFile(data):
            if not data:
                name = "file_url" if part.file_url else "file_id"
                raise not_carried(f"{field}.{name}", TO_ANY_MODEL, _ALIKE)
