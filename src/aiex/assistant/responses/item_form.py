"""Items: what a conversation is made of, as requests bring them, rows keep them and answers show
them.

Reference: https://platform.openai.com/docs/api-reference/conversations. Only items that a chat can
say have a form here; any other is refused by its name.
"""

import re
from typing import Final, Literal

import msgspec

type Role = Literal["user", "assistant", "system", "developer"]
type Status = Literal["in_progress", "completed", "incomplete"]


class InputText(msgspec.Struct, frozen=True, tag="input_text"):
    text: str


class InputImage(msgspec.Struct, frozen=True, tag="input_image"):
    image_url: str | None = None
    file_id: str | None = None
    detail: str | None = "auto"


class InputFile(msgspec.Struct, frozen=True, tag="input_file", omit_defaults=True):
    file_data: str | None = None
    filename: str | None = None
    file_url: str | None = None
    file_id: str | None = None


class OutputText(msgspec.Struct, frozen=True, tag="output_text"):
    """`annotations` and `logprobs` are always empty: clients insist on them."""

    text: str
    annotations: list[str] = []
    logprobs: list[str] = []


class RefusalPart(msgspec.Struct, frozen=True, tag="refusal"):
    refusal: str


type InputPart = InputText | InputImage | InputFile
type Part = InputText | InputImage | InputFile | OutputText | RefusalPart


class Message(msgspec.Struct, frozen=True, kw_only=True, tag="message"):
    id: str
    role: Role
    content: list[Part]
    status: Status = "completed"


class FunctionCall(msgspec.Struct, frozen=True, kw_only=True, tag="function_call"):
    id: str
    call_id: str
    name: str
    arguments: str
    status: Status = "completed"


class FunctionCallOutput(msgspec.Struct, frozen=True, kw_only=True, tag="function_call_output"):
    id: str
    call_id: str
    output: str | list[InputPart]
    status: Status = "completed"


class SummaryText(msgspec.Struct, frozen=True, tag="summary_text"):
    text: str


class ReasoningText(msgspec.Struct, frozen=True, tag="reasoning_text"):
    text: str


class Reasoning(msgspec.Struct, frozen=True, kw_only=True, tag="reasoning"):
    id: str
    summary: list[SummaryText] = []
    content: list[ReasoningText] = []
    status: Status = "completed"


type Item = Message | FunctionCall | FunctionCallOutput | Reasoning

_PREFIXES: Final[dict[type, str]] = {
    Message: "msg",
    FunctionCall: "fc",
    FunctionCallOutput: "fco",
    Reasoning: "rs",
}
_ID = re.compile(r"(?:msg|fc|fco|rs)_([0-9a-f]{32})([0-9a-f]{8})([0-9a-f]{4})")
# Numbers of items have four digits.
ITEMS_MAX: Final = 0xFFFF


class ItemPlace(msgspec.Struct, frozen=True, order=True):
    """Where an item is: its thread, the part of it, the number in that."""

    thread: str
    part: str
    number: int

    def id_for(self, kind: type) -> str:
        """The id of an item of this kind here: whoever has it needs no index to find the item."""
        return f"{_PREFIXES[kind]}_{self.thread}{self.part}{self.number:04x}"

    def after(self, count: int) -> "ItemPlace":
        """The place so many items later in the same part."""
        return ItemPlace(self.thread, self.part, self.number + count)


def place_of(item_id: str) -> ItemPlace | None:
    """Where the item of that id is, if there can be one."""
    found = _ID.fullmatch(item_id)
    return ItemPlace(found[1], found[2], int(found[3], 16)) if found else None
