"""The same tokens, counted as either API counts them.

Anthropic's `input_tokens` are those that neither came from the cache nor went into it; OpenAI's
`prompt_tokens` are all, cached ones among them.
"""

from aiex.assistant.anthropic.message_form import MessageUsage, OutputDetails
from aiex.assistant.chat_form import ChatUsage, CompletionDetails, PromptDetails


def chat_usage(usage: MessageUsage) -> ChatUsage:
    """Anthropic's counts in OpenAI's form."""
    read = usage.cache_read_input_tokens or 0
    written = usage.cache_creation_input_tokens or 0
    prompt = (usage.input_tokens or 0) + read + written
    output = usage.output_tokens or 0
    details = usage.output_tokens_details
    thinking = details.thinking_tokens if isinstance(details, OutputDetails) else 0
    return ChatUsage(
        prompt,
        output,
        prompt + output,
        PromptDetails(read, written),
        CompletionDetails(thinking),
    )


def message_usage(usage: ChatUsage | None) -> MessageUsage:
    """OpenAI's counts in Anthropic's form; zeros when there are none."""
    usage = usage or ChatUsage()
    prompt = usage.prompt_tokens_details or PromptDetails()
    completion = usage.completion_tokens_details or CompletionDetails()
    read, written = prompt.cached_tokens or 0, prompt.cache_write_tokens or 0
    return MessageUsage(
        # A server that counts cached tokens beside the others must not make this negative.
        max((usage.prompt_tokens or 0) - read - written, 0),
        usage.completion_tokens or 0,
        written,
        read,
        OutputDetails(completion.reasoning_tokens or 0),
    )


def later(before: MessageUsage, now: MessageUsage) -> MessageUsage:
    """The counts after another event of a stream: they are totals, and it may leave some out."""

    def known(name: str) -> int | None:
        value: int | None = getattr(now, name)
        return value if value is not None else getattr(before, name)

    details = now.output_tokens_details
    return MessageUsage(
        known("input_tokens"),
        known("output_tokens"),
        known("cache_creation_input_tokens"),
        known("cache_read_input_tokens"),
        details if isinstance(details, OutputDetails) else before.output_tokens_details,
    )
