"""Tokens used, as a provider reports them."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

# Budgets and counters are made of these: a negative one would give tokens back. More than a JSON
# number holds exactly is nonsense too.
type _Count = Annotated[int, Meta(ge=0, le=2**53)]


class _PromptDetails(msgspec.Struct, frozen=True, gc=False):
    cached_tokens: _Count | None = None


class _CompletionDetails(msgspec.Struct, frozen=True, gc=False):
    reasoning_tokens: _Count | None = None


class _OutputDetails(msgspec.Struct, frozen=True, gc=False):
    thinking_tokens: _Count | None = None
    reasoning_tokens: _Count | None = None


class _Reported(msgspec.Struct, frozen=True, gc=False):
    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None
    # Anthropic's: three kinds of input tokens that do not overlap. OpenAI's Responses API has the
    # same names, and cached tokens as part of the others.
    input_tokens: _Count | None = None
    input_tokens_details: _PromptDetails | None = None
    output_tokens: _Count | None = None
    cache_read_input_tokens: _Count | None = None
    cache_creation_input_tokens: _Count | None = None
    output_tokens_details: _OutputDetails | None = None


class _Answer(msgspec.Struct, frozen=True, gc=False):
    usage: _Reported | None = None


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Counts of tokens; cached ones are part of the prompt, reasoning ones of the completion."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0


NO_USAGE: Final = Usage()
_ANSWER = msgspec.json.Decoder(_Answer)


def usage_of(answer: bytes) -> Usage:
    """The usage in an answer or a stream's chunk; zeros when it reports none or is not JSON."""
    try:
        reported = _ANSWER.decode(answer).usage
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return NO_USAGE
    if reported is None:
        return NO_USAGE
    if reported.prompt_tokens is None and reported.input_tokens is not None:
        return _of_message(reported)
    prompt, completion = reported.prompt_tokens_details, reported.completion_tokens_details
    return Usage(
        reported.prompt_tokens or 0,
        reported.completion_tokens or 0,
        (prompt and prompt.cached_tokens) or 0,
        (completion and completion.reasoning_tokens) or 0,
    )


def _of_message(reported: _Reported) -> Usage:
    read = reported.cache_read_input_tokens or 0
    given, made = reported.input_tokens_details, reported.output_tokens_details
    return Usage(
        (reported.input_tokens or 0) + read + (reported.cache_creation_input_tokens or 0),
        reported.output_tokens or 0,
        read or (given and given.cached_tokens) or 0,
        (made and (made.thinking_tokens or made.reasoning_tokens)) or 0,
    )
