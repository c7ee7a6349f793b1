"""An answer in the form of Anthropic's Messages API, as OpenAI's chat says it."""

import msgspec
from msgspec import UNSET, UnsetType

from aiex.assistant.anthropic.message_form import AnswerBlock, Message
from aiex.assistant.anthropic.stop_reason import finish_reason
from aiex.assistant.anthropic.token_counts import chat_usage
from aiex.assistant.chat_form import (
    Choice,
    Completion,
    FunctionDelta,
    RedactedThought,
    SignedThought,
    Spoken,
    Thought,
    ToolCallDelta,
)
from aiex.errors import ProviderError

_MESSAGE = msgspec.json.Decoder(Message)


def completion_from_message(body: bytes, *, created_s: int) -> bytes:
    """The completion that says the same; raises `ProviderError` when `body` is no message."""
    try:
        message = _MESSAGE.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProviderError("The provider's answer is not one of the Messages API.") from error
    choice = Choice(
        message=_spoken(message.content),
        finish_reason=finish_reason(message.stop_reason),
        stop_reason=message.stop_sequence or UNSET,
    )
    return msgspec.json.encode(
        Completion(
            id=message.id,
            object="chat.completion",
            created=created_s,
            model=message.model,
            choices=[choice],
            usage=chat_usage(message.usage),
        )
    )


def _spoken(blocks: list[AnswerBlock]) -> Spoken:
    texts = [block.text for block in blocks if block.type == "text"]
    thoughts = [block.thinking for block in blocks if block.type == "thinking"]
    calls = [
        ToolCallDelta(
            place, block.id, "function", FunctionDelta(block.name, bytes(block.input).decode())
        )
        for place, block in enumerate(block for block in blocks if block.type == "tool_use")
    ]
    return Spoken(
        role="assistant",
        content="".join(texts) if texts or not calls else None,
        reasoning_content="".join(thoughts) if thoughts else UNSET,
        thinking_blocks=[one for block in blocks if (one := thought_of(block))] or UNSET,
        tool_calls=calls or UNSET,
    )


def thought_of(block: AnswerBlock, index: int | UnsetType = UNSET) -> Thought | None:
    """Thinking with what Anthropic signed it with, for a client to send back; else None."""
    match block.type:
        case "thinking":
            return SignedThought(block.thinking, block.signature, index)
        case "redacted_thinking":
            return RedactedThought(block.data, index)
    return None
