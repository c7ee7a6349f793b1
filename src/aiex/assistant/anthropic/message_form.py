"""Anthropic's Messages API: its blocks, as requests and answers have them.

Reference: https://docs.claude.com/en/api/messages. Fields that are not named here have no
counterpart in OpenAI's chat and none of their meaning is needed there (`cache_control` first of
all: OpenAI's API caches by itself).
"""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType


class Base64Source(msgspec.Struct, frozen=True, tag="base64"):
    media_type: str
    data: str


class UrlSource(msgspec.Struct, frozen=True, tag="url"):
    url: str


class TextSource(msgspec.Struct, frozen=True, tag="text"):
    data: str
    media_type: str = "text/plain"


class TextBlock(msgspec.Struct, frozen=True, tag="text"):
    text: str
    cache_control: Raw | UnsetType = UNSET


class ImageBlock(msgspec.Struct, frozen=True, tag="image"):
    source: Base64Source | UrlSource
    cache_control: Raw | UnsetType = UNSET


class ContentSource(msgspec.Struct, frozen=True, tag="content"):
    content: str | list[TextBlock | ImageBlock]


class Citations(msgspec.Struct, frozen=True):
    enabled: bool = False


class DocumentBlock(msgspec.Struct, frozen=True, tag="document"):
    source: Base64Source | UrlSource | TextSource | ContentSource
    title: str | UnsetType | None = UNSET
    context: str | UnsetType | None = UNSET
    citations: Citations | UnsetType | None = UNSET
    cache_control: Raw | UnsetType = UNSET


class SearchResultBlock(msgspec.Struct, frozen=True, tag="search_result"):
    source: str
    title: str
    content: list[TextBlock]
    citations: Citations | UnsetType | None = UNSET


class ThinkingBlock(msgspec.Struct, frozen=True, tag="thinking"):
    thinking: str
    signature: str = ""


class RedactedThinkingBlock(msgspec.Struct, frozen=True, tag="redacted_thinking"):
    data: str


class ToolUseBlock(msgspec.Struct, frozen=True, tag="tool_use"):
    id: str
    name: str
    input: Raw
    cache_control: Raw | UnsetType = UNSET


type ResultBlock = TextBlock | ImageBlock | DocumentBlock | SearchResultBlock


class ToolResultBlock(msgspec.Struct, frozen=True, tag="tool_result"):
    tool_use_id: str
    content: str | list[ResultBlock] | UnsetType | None = UNSET
    is_error: bool | UnsetType = UNSET
    cache_control: Raw | UnsetType = UNSET


type Block = (
    TextBlock
    | ImageBlock
    | DocumentBlock
    | SearchResultBlock
    | ThinkingBlock
    | RedactedThinkingBlock
    | ToolUseBlock
    | ToolResultBlock
)


class Turn(msgspec.Struct, frozen=True):
    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class Tool(msgspec.Struct, frozen=True):
    """A client's own tool, or by its `type` one that Anthropic defines."""

    name: str | None = None
    type: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    input_schema: Raw | UnsetType = UNSET
    strict: bool | UnsetType = UNSET
    cache_control: Raw | UnsetType = UNSET


class ToolChoice(msgspec.Struct, frozen=True):
    type: Literal["auto", "any", "tool", "none"]
    name: str | UnsetType = UNSET
    disable_parallel_tool_use: bool | UnsetType = UNSET


class Thinking(msgspec.Struct, frozen=True):
    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: int | UnsetType = UNSET
    display: str | UnsetType | None = UNSET


class JsonFormat(msgspec.Struct, frozen=True, tag="json_schema"):
    schema: Raw


class OutputConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | UnsetType | None = UNSET
    format: JsonFormat | UnsetType | None = UNSET


class Metadata(msgspec.Struct, frozen=True):
    user_id: str | None = None


class MessagesBody(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True
):
    """A request, in the part of it that means something elsewhere too."""

    model: str
    max_tokens: int
    messages: list[Turn]
    system: str | list[TextBlock] | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: list[str] | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    output_format: JsonFormat | None = None  # what `output_config.format` was called in its beta
    metadata: Metadata | None = None
    # Known and left out elsewhere: they save Anthropic work, or say who pays for it.
    cache_control: Any = None
    context_management: Any = None
    diagnostics: Any = None
    service_tier: Any = None
    speed: Any = None
    user_profile_id: Any = None
    workspace_id: Any = None


class OutputDetails(msgspec.Struct, frozen=True):
    thinking_tokens: int = 0


class MessageUsage(msgspec.Struct, frozen=True):
    """Tokens; the three kinds of input ones do not overlap."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens_details: OutputDetails | UnsetType | None = UNSET


class AnswerBlock(msgspec.Struct, frozen=True):
    """A block of an answer; what a type does not have is empty."""

    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""
    name: str = ""
    input: Raw = Raw(b"{}")


class Message(msgspec.Struct, frozen=True):
    """An answer as a provider gives it."""

    id: str = ""
    model: str = ""
    content: list[AnswerBlock] = []
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: MessageUsage = MessageUsage()
