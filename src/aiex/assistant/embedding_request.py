"""What the gateway must know of an embedding request (`/v1/embeddings`): the model's name.

The provider judges the rest: `input` may be a text, tokens or a list of either, and some servers
take messages in its place. There are no streams of embeddings.
"""

from typing import Final

import msgspec

from aiex.assistant.chat_request import ChatRequest, decoded, with_one_model

EMBEDDINGS_PATH: Final = "/embeddings"


class _Head(msgspec.Struct, frozen=True):
    model: str


_HEAD = msgspec.json.Decoder(_Head)


def decode_embedding_request(raw: bytes) -> ChatRequest:
    """The request in `raw`; raises `Refusal` (400) with the reason and, if known, the field."""
    head = decoded(_HEAD, raw)
    return ChatRequest(
        model=head.model,
        is_stream=False,
        wants_usage=False,
        raw=with_one_model(raw),
        path=EMBEDDINGS_PATH,
    )
