"""OpenAI's chat completions: requests, answers and chunks, as far as other APIs know them too.

Reference: https://platform.openai.com/docs/api-reference/chat. Beyond it, as servers and gateways
have agreed: `reasoning_content` (DeepSeek, vLLM, llama.cpp; `reasoning` at others),
`thinking_blocks` and `cache_control` (LiteLLM), `stop_reason` in a choice (vLLM: the stop sequence
that was met).
"""

import re
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from aiex.assistant.anthropic.message_form import Thinking

# OpenAI's models since o1 refuse `max_tokens`; many other servers know nothing else.
_OPENAI_MODEL = re.compile(r"(?:.*/)?(?:gpt-(?!oss)|chatgpt|o\d)")


def is_openais(model: str) -> bool:
    """Whether a model is one of OpenAI's own, by its name."""
    return _OPENAI_MODEL.match(model) is not None


class TextPart(msgspec.Struct, frozen=True, tag="text"):
    text: str
    cache_control: Raw | UnsetType = UNSET


class RefusalPart(msgspec.Struct, frozen=True, tag="refusal"):
    refusal: str


class ImageUrl(msgspec.Struct, frozen=True):
    url: str
    detail: str | UnsetType = UNSET


class ImagePart(msgspec.Struct, frozen=True, tag="image_url"):
    image_url: ImageUrl
    cache_control: Raw | UnsetType = UNSET


class FileData(msgspec.Struct, frozen=True):
    file_data: str | UnsetType = UNSET
    filename: str | UnsetType = UNSET
    file_id: str | UnsetType = UNSET


class FilePart(msgspec.Struct, frozen=True, tag="file"):
    file: FileData
    cache_control: Raw | UnsetType = UNSET


type Part = TextPart | RefusalPart | ImagePart | FilePart


class SignedThought(msgspec.Struct, frozen=True, tag="thinking"):
    """A block of thinking; in a chunk `index` is its place, which OpenAI's clients insist on."""

    thinking: str
    signature: str = ""
    index: int | UnsetType = UNSET


class RedactedThought(msgspec.Struct, frozen=True, tag="redacted_thinking"):
    data: str
    index: int | UnsetType = UNSET


type Thought = SignedThought | RedactedThought


class Function(msgspec.Struct, frozen=True):
    name: str
    arguments: str


class ToolCall(msgspec.Struct, frozen=True, tag="function"):
    id: str
    function: Function


class ChatMessage(msgspec.Struct, frozen=True, kw_only=True):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | UnsetType | None = UNSET
    tool_calls: list[ToolCall] | UnsetType | None = UNSET
    tool_call_id: str | UnsetType = UNSET
    refusal: str | UnsetType | None = UNSET
    reasoning_content: str | UnsetType | None = UNSET
    thinking_blocks: list[Thought] | UnsetType | None = UNSET
    audio: Any = UNSET
    function_call: Any = UNSET
    cache_control: Raw | UnsetType = UNSET


class FunctionTool(msgspec.Struct, frozen=True):
    name: str
    description: str | UnsetType | None = UNSET
    parameters: Raw | UnsetType = UNSET
    strict: bool | UnsetType | None = UNSET
    cache_control: Raw | UnsetType = UNSET


class ChatTool(msgspec.Struct, frozen=True, tag="function"):
    function: FunctionTool
    cache_control: Raw | UnsetType = UNSET


class NamedFunction(msgspec.Struct, frozen=True):
    name: str


class NamedTool(msgspec.Struct, frozen=True, tag="function"):
    function: NamedFunction


class JsonSchema(msgspec.Struct, frozen=True):
    name: str
    schema: Raw | UnsetType = UNSET
    strict: bool | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET


class ResponseFormat(msgspec.Struct, frozen=True):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | UnsetType = UNSET


class StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool | None = None


type Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class ChatBody(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True
):
    """A request, in the part of it that means something elsewhere too, or may be left out."""

    model: str
    messages: list[ChatMessage]
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: str | list[str] | None = None
    tools: list[ChatTool] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: Effort | None = None
    thinking: Thinking | None = None
    response_format: ResponseFormat | None = None
    user: str | None = None
    safety_identifier: str | None = None
    # Carried when they say what is the case anyway, else refused.
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    modalities: list[str] | None = None
    # Known and left out elsewhere: they are hints, or say what OpenAI may keep.
    metadata: Any = None
    prediction: Any = None
    prompt_cache_key: Any = None
    prompt_cache_options: Any = None
    prompt_cache_retention: Any = None
    seed: Any = None
    service_tier: Any = None
    store: Any = None
    verbosity: Any = None


class PromptDetails(msgspec.Struct, frozen=True):
    cached_tokens: int | None = 0
    cache_write_tokens: int | None = 0


class CompletionDetails(msgspec.Struct, frozen=True):
    reasoning_tokens: int | None = 0


class ChatUsage(msgspec.Struct, frozen=True):
    """Tokens; cached ones are part of the prompt, reasoning ones of the completion."""

    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0
    total_tokens: int | None = 0
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None


class FunctionDelta(msgspec.Struct, frozen=True):
    name: str | UnsetType | None = UNSET
    arguments: str | UnsetType | None = UNSET


class ToolCallDelta(msgspec.Struct, frozen=True):
    index: int | None = None
    id: str | UnsetType | None = UNSET
    type: str | UnsetType | None = UNSET
    function: FunctionDelta | UnsetType | None = UNSET


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """What a model says: a whole message, or the part of one in a chunk."""

    role: str | UnsetType | None = UNSET
    content: str | UnsetType | None = UNSET
    refusal: str | UnsetType | None = UNSET
    reasoning_content: str | UnsetType | None = UNSET
    reasoning: str | UnsetType | None = UNSET
    thinking_blocks: list[Thought] | UnsetType | None = UNSET
    tool_calls: list[ToolCallDelta] | UnsetType | None = UNSET

    @property
    def thought(self) -> str:
        """What a server says that its model thought: it has two names."""
        return self.reasoning_content or self.reasoning or ""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    index: int = 0
    message: Spoken | UnsetType = UNSET
    delta: Spoken | UnsetType | None = UNSET
    finish_reason: str | None = None
    stop_reason: str | int | UnsetType | None = UNSET


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer, or a chunk of one."""

    id: str | None = ""
    object: str | None = ""
    created: int | float | None = 0
    model: str | None = ""
    choices: list[Choice] = []
    usage: ChatUsage | UnsetType | None = UNSET
    error: Any = UNSET
