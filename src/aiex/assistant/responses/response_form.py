"""A request of the Responses API, and the response it gets.

Reference: https://platform.openai.com/docs/api-reference/responses. What a request can say and a
chat cannot has no field here, and is refused by its name.
"""

import re
from typing import Any, Literal

import msgspec
from msgspec import Raw

from aiex.assistant.chat_form import Effort
from aiex.assistant.responses.item_form import Item

type ResponseStatus = Literal["in_progress", "completed", "incomplete", "failed", "cancelled"]
type Metadata = dict[str, str]

_ID = re.compile(r"resp_([0-9a-f]{32})([0-9a-f]{8})")
NULL = Raw(b"null")
PLAIN_TEXT = Raw(b'{"format":{"type":"text"}}')
AUTO = Raw(b'"auto"')
NO_TOOLS = Raw(b"[]")


class ConversationRef(msgspec.Struct, frozen=True):
    id: str


class ReasoningConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Summaries cannot be asked for; what a model tells of its thoughts is shown anyway."""

    effort: Effort | None = None
    summary: str | None = None
    generate_summary: str | None = None


class TextFormat(msgspec.Struct, frozen=True):
    type: Literal["text", "json_schema", "json_object"] = "text"
    name: str = ""
    schema: Raw = NULL
    strict: bool | None = None
    description: str | None = None


class TextConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: TextFormat | None = None
    verbosity: str | None = None


class GivenTool(msgspec.Struct, frozen=True):
    """A tool as it is given; only functions can be carried."""

    type: str
    name: str = ""
    description: str | None = None
    parameters: Raw = NULL
    strict: bool | None = None


class GivenChoice(msgspec.Struct, frozen=True):
    """`tool_choice` where it is no word."""

    type: str
    name: str = ""
    mode: Literal["auto", "required"] = "auto"
    tools: list[GivenTool] = []


class CreateBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `POST /v1/responses` takes."""

    model: str
    input: str | list[Raw] | None = None
    instructions: str | None = None
    conversation: str | ConversationRef | None = None
    previous_response_id: str | None = None
    store: bool | None = None
    stream: bool | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    tools: list[GivenTool] | None = None
    tool_choice: Literal["none", "auto", "required"] | GivenChoice | None = None
    parallel_tool_calls: bool | None = None
    text: TextConfig | None = None
    reasoning: ReasoningConfig | None = None
    metadata: Metadata | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    service_tier: str | None = None
    # Carried when they say what is the case anyway, else refused.
    background: bool | None = None
    truncation: str | None = None
    top_logprobs: int | None = None
    include: list[str] | None = None
    # Known and left out: hints, and bounds of tools that there are not.
    max_tool_calls: int | None = None
    prompt_cache_options: Any = None
    prompt_cache_retention: Any = None
    stream_options: Any = None


class Echo(msgspec.Struct, frozen=True, kw_only=True):
    """Fields that a response repeats from its request as they were."""

    tools: Raw = NO_TOOLS
    tool_choice: Raw = AUTO
    text: Raw = PLAIN_TEXT
    reasoning: Raw = NULL


class InputDetails(msgspec.Struct, frozen=True):
    cached_tokens: int = 0
    cache_write_tokens: int = 0


class OutputDetails(msgspec.Struct, frozen=True):
    reasoning_tokens: int = 0


class ResponseUsage(msgspec.Struct, frozen=True):
    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_tokens_details: InputDetails = InputDetails()
    output_tokens_details: OutputDetails = OutputDetails()


class ResponseError(msgspec.Struct, frozen=True):
    code: str
    message: str


class IncompleteDetails(msgspec.Struct, frozen=True):
    reason: Literal["max_output_tokens", "content_filter"]


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """A response as clients get it."""

    id: str
    object: Literal["response"] = "response"
    created_at: int
    completed_at: int | None = None
    status: ResponseStatus
    background: bool = False
    error: ResponseError | None = None
    incomplete_details: IncompleteDetails | None = None
    instructions: str | None = None
    conversation: ConversationRef | None = None
    previous_response_id: str | None = None
    model: str
    output: list[Item] = []
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    metadata: Metadata = {}
    parallel_tool_calls: bool = True
    reasoning: Raw = NULL
    service_tier: str | None = None
    store: bool = True
    temperature: float | None = None
    text: Raw = PLAIN_TEXT
    tool_choice: Raw = AUTO
    tools: Raw = NO_TOOLS
    top_logprobs: int = 0
    top_p: float | None = None
    truncation: str = "disabled"
    usage: ResponseUsage | None = None
    user: str | None = None


def response_id(thread: str, part: str) -> str:
    """The id of the response in a part of a thread: whoever has it needs no index to find it."""
    return f"resp_{thread}{part}"


def thread_and_part(response_id: str) -> tuple[str, str] | None:
    """Where the response of that id is, if there can be one."""
    found = _ID.fullmatch(response_id)
    return (found[1], found[2]) if found else None
