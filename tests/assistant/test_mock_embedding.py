"""The mock's vectors: of length one, the same for the same text, as long as asked for."""

import base64
import json
import struct
from math import hypot

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.mock_embedding import (
    DIMENSIONS,
    DIMENSIONS_MAX,
    decode_mock_embedding,
    embeddings,
    vector,
)


def answered(**fields: object) -> list[object]:
    request = decode_mock_embedding(json.dumps({"model": "m", **fields}).encode())
    return [one["embedding"] for one in json.loads(embeddings(request))["data"]]


@given(st.text(min_size=1), st.integers(1, 300))
def test_a_vector_has_length_one_and_depends_on_its_text_alone(text: str, dimensions: int) -> None:
    one = vector(text, dimensions)
    assert len(one) == dimensions
    assert hypot(*one) == pytest.approx(1, abs=1e-5)
    assert one == vector(text, dimensions)


def test_other_texts_have_other_vectors() -> None:
    assert vector("a", 8) != vector("b", 8)


def test_a_text_alone_and_in_a_list_is_the_same_and_so_are_its_tokens() -> None:
    assert answered(input="a") == answered(input=["a"])
    assert answered(input=[1, 2]) == answered(input=[[1, 2]])
    assert len(answered(input=["a", "b", [3, 4]])) == 3


def test_base64_holds_the_same_floats() -> None:
    (plain,), (coded,) = (
        answered(input="a", dimensions=5, encoding_format=form) for form in ("float", "base64")
    )
    assert isinstance(coded, str)
    assert list(struct.unpack("<5f", base64.b64decode(coded))) == pytest.approx(plain)


def test_without_a_wish_there_are_as_many_dimensions_as_openais_model_has() -> None:
    (one,) = answered(input="a")
    assert isinstance(one, list)
    assert len(one) == DIMENSIONS


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"input": ""},
        {"input": []},
        {"input": {"a": 1}},
        {"input": "a", "dimensions": 0},
        {"input": "a", "dimensions": DIMENSIONS_MAX + 1},
        {"input": "a", "encoding_format": "hex"},
    ],
)
def test_what_no_provider_takes_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(msgspec.DecodeError):
        answered(**fields)
