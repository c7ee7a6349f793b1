"""An answer in the form of OpenAI's chat, as Anthropic's Messages API says it."""

from typing import Any

import msgspec
from msgspec import Raw

from aiex.assistant.anthropic.message_form import (
    Block,
    MessageUsage,
    RedactedThinkingBlock,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
)
from aiex.assistant.anthropic.stop_reason import stop_reason
from aiex.assistant.anthropic.thinking import UNSIGNED
from aiex.assistant.anthropic.token_counts import message_usage
from aiex.assistant.chat_form import (
    ChatUsage,
    Completion,
    RedactedThought,
    Spoken,
    Thought,
    ToolCallDelta,
)
from aiex.errors import ProviderError


class GivenMessage(msgspec.Struct, frozen=True, kw_only=True, tag="message"):
    """A message as its clients get it: whole, or still empty where a stream begins."""

    id: str
    role: str = "assistant"
    model: str
    content: list[Block]
    stop_reason: str | None
    stop_sequence: str | None
    usage: MessageUsage


_COMPLETION = msgspec.json.Decoder(Completion)
_OBJECT = msgspec.json.Decoder(dict[str, Any])


def message_from_completion(body: bytes) -> bytes:
    """The message that says the same; raises `ProviderError` when `body` is no completion."""
    try:
        completion = _COMPLETION.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProviderError("The provider's answer is no chat completion.") from error
    if not completion.choices or not isinstance(completion.choices[0].message, Spoken):
        raise ProviderError("The provider's answer holds no message.")
    choice = completion.choices[0]
    spoken = completion.choices[0].message
    met = met_sequence(choice.stop_reason)
    usage = completion.usage
    return msgspec.json.encode(
        GivenMessage(
            id=message_id(completion.id),
            model=completion.model or "",
            content=_blocks(spoken),
            stop_reason="refusal"
            if spoken.refusal
            else stop_reason(
                choice.finish_reason, has_tool_use=bool(spoken.tool_calls), stop_sequence=met
            ),
            stop_sequence=met,
            usage=message_usage(usage if isinstance(usage, ChatUsage) else None),
        )
    )


def message_id(completion_id: str | None) -> str:
    """A completion's id as Anthropic's are made; the same for the same."""
    return f"msg_{(completion_id or 'aiex').removeprefix('chatcmpl-').removeprefix('msg_')}"


def met_sequence(said: object) -> str | None:
    """The stop sequence that was met, from the servers that tell; others put a token's id there."""
    return said if isinstance(said, str) else None


def sealed(thought: Thought) -> Block:
    """Thinking as Anthropic's API has it."""
    if isinstance(thought, RedactedThought):
        return RedactedThinkingBlock(thought.data)
    return ThinkingBlock(thought.thinking, thought.signature)


def _blocks(spoken: Spoken) -> list[Block]:
    blocks = [sealed(one) for one in spoken.thinking_blocks or ()]
    if not blocks and (text := spoken.thought):
        blocks.append(ThinkingBlock(text, UNSIGNED))
    blocks += [TextBlock(text) for text in (spoken.content, spoken.refusal) if text]
    blocks += [_tool_use(call, place) for place, call in enumerate(spoken.tool_calls or ())]
    return blocks


def _tool_use(call: ToolCallDelta, place: int) -> ToolUseBlock:
    function = call.function
    name = function.name if function else None
    arguments = (function.arguments if function else None) or "{}"
    if not name:
        raise ProviderError("The provider called a tool without its name.")
    raw = arguments.encode()
    try:
        _OBJECT.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ProviderError(
            "The model called a tool with arguments that are no JSON object; asking again may help."
        ) from error
    return ToolUseBlock(call.id or f"toolu_aiex{place}", name, Raw(raw))
