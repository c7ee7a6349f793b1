"""The mock's embeddings: unit vectors made of a hash of the text, so equal texts are equal.

They mean nothing beyond that: two texts that are alike are no nearer than two that are not.
"""

import sys
from array import array
from base64 import b64encode
from hashlib import shake_128
from math import hypot
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from aiex.assistant.mock_completion import Tokens, prompt_texts

# What OpenAI's text-embedding-3-small has; a vector of it takes a tenth of a millisecond.
DIMENSIONS = 1536
DIMENSIONS_MAX = 8192


class EmbeddingRequest(msgspec.Struct, frozen=True):
    model: str
    input: (
        Annotated[str, Meta(min_length=1)]
        | Annotated[list[str | int | Tokens], Meta(min_length=1, max_length=2048)]
    )
    dimensions: Annotated[int, Meta(ge=1, le=DIMENSIONS_MAX)] | None = None
    encoding_format: Literal["float", "base64"] | None = None


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int
    total_tokens: int


class _Embedding(msgspec.Struct, frozen=True):
    index: int
    embedding: list[float] | str
    object: str = "embedding"


class _Embeddings(msgspec.Struct, frozen=True):
    model: str
    data: list[_Embedding]
    usage: _Usage
    object: str = "list"


_REQUEST = msgspec.json.Decoder(EmbeddingRequest)


def decode_mock_embedding(body: bytes) -> EmbeddingRequest:
    """Raises `msgspec.DecodeError` for what no provider would take."""
    return _REQUEST.decode(body)


def embeddings(request: EmbeddingRequest) -> bytes:
    """The whole answer; base64 is of 32-bit floats, little end first, as OpenAI's is."""
    texts = prompt_texts(request.input)
    vectors = (vector(text, request.dimensions or DIMENSIONS) for text in texts)
    is_base64 = request.encoding_format == "base64"
    data = [
        _Embedding(index, _base64(one) if is_base64 else one.tolist())
        for index, one in enumerate(vectors)
    ]
    tokens = sum(len(text.split()) for text in texts)
    return msgspec.json.encode(_Embeddings(request.model, data, _Usage(tokens, tokens)))


def vector(text: str, dimensions: int) -> "array[float]":
    """Of length 1, the same for the same text."""
    raw = array("i")
    raw.frombytes(shake_128(text.encode("utf-8", "surrogatepass")).digest(4 * dimensions))
    if sys.byteorder == "big":
        raw.byteswap()
    length = hypot(*raw) or 1.0  # all zeros by chance has no direction; nobody will see one
    return array("f", [part / length for part in raw])


def _base64(one: "array[float]") -> str:
    little = array("f", one)
    if sys.byteorder == "big":
        little.byteswap()
    return b64encode(little.tobytes()).decode()
