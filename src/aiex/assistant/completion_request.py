"""What the gateway must know of a legacy completion request (`/v1/completions`).

Only the model and whether it is a stream: `prompt` may be a text, a list of texts or of tokens, and
some servers take others in its place (vLLM's `prompt_embeds`), so the provider judges the rest.
"""

from typing import Final

import msgspec

from aiex.assistant.chat_request import ChatRequest, StreamOptions, decoded, with_one_model
from aiex.assistant.token_estimate import answer_tokens

COMPLETIONS_PATH: Final = "/completions"


class _Head(msgspec.Struct, frozen=True):
    model: str
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    # Only for the estimate of tokens; whether they are right is for the provider to say.
    max_tokens: object = None
    n: object = None


_HEAD = msgspec.json.Decoder(_Head)


def decode_completion_request(raw: bytes) -> ChatRequest:
    """The request in `raw`; raises `Refusal` (400) with the reason and, if known, the field."""
    head = decoded(_HEAD, raw)
    options = head.stream_options
    return ChatRequest(
        model=head.model,
        is_stream=head.stream is True,
        wants_usage=options is not None and options.include_usage is True,
        raw=with_one_model(raw),
        path=COMPLETIONS_PATH,
        answer_tokens=answer_tokens(head.max_tokens, head.n),
    )
