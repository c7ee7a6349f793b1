"""How many tokens a request will need, guessed before anybody counted them.

The guess is taken from the key's tokens a minute when a request comes, and replaced by what the
provider counted when it ends. So it only has to be of the right size.
"""

import re
from typing import Final, TypeGuard

from aiex.assistant.usage import Usage

# English text has about four bytes a token; JSON around it makes the guess a little high.
BYTES_PER_TOKEN: Final = 4
# Pictures and sound come as base64 and count as about a thousand tokens each, whatever their size.
INLINE_DATA_TOKENS: Final = 1_000
# OpenAI's API has it in a `data:` URL, Anthropic's in a field of its own.
_INLINE = re.compile(rb';base64,[^"]*|"data"\s*:\s*"[A-Za-z0-9+/=\\]{4096,}')
# Smaller than this nobody's picture is, and nothing is worth looking for.
INLINE_BYTES_MIN: Final = 4_096
# An event of a stream carries one token in about 200 bytes of JSON.
STREAM_BYTES_PER_TOKEN: Final = 200
_COUNT_MAX = 10**9


def prompt_tokens(body: bytes) -> int:
    """About how many tokens the provider will count in a request's body."""
    size = len(body)
    inline_tokens = 0
    if size > INLINE_BYTES_MIN and b"base64" in body:
        inline_count, inline_bytes = _inline_data(body)
        size -= inline_bytes
        inline_tokens = inline_count * INLINE_DATA_TOKENS
    return (size + BYTES_PER_TOKEN - 1) // BYTES_PER_TOKEN + inline_tokens


def answer_tokens(max_tokens: object, choice_count: object) -> int:
    """How many tokens a request lets the answer have; 0 when it sets no bound.

    The arguments are fields of the request as they came: what is no count is the provider's to
    refuse.
    """
    if not _is_count(max_tokens):
        return 0
    return max_tokens * (choice_count if _is_count(choice_count) else 1)


def broken_off(request_bytes: int, response_bytes: int, *, is_stream: bool) -> Usage:
    """What an answer used whose usage never came, because it broke off or nobody counted."""
    per_token = STREAM_BYTES_PER_TOKEN if is_stream else BYTES_PER_TOKEN
    return Usage(-(-request_bytes // BYTES_PER_TOKEN), -(-response_bytes // per_token))


def _inline_data(body: bytes) -> tuple[int, int]:
    sizes = [found.end() - found.start() for found in _INLINE.finditer(body)]
    return len(sizes), sum(sizes)


def _is_count(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 < value <= _COUNT_MAX
