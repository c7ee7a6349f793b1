"""What the gateway reads of completion and embedding requests, and leaves of the rest."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.chat_request import ChatRequest
from aiex.assistant.completion_request import decode_completion_request
from aiex.assistant.embedding_request import decode_embedding_request
from aiex.assistant.refusal import Refusal

type Decode = Callable[[bytes], ChatRequest]

both = pytest.mark.parametrize("decode", [decode_completion_request, decode_embedding_request])


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", **fields}).encode()


@both
def test_the_body_is_passed_on_as_it_came_or_with_another_model(decode: Decode) -> None:
    raw = b'{ "model":"m", "prompt":"a", "input":[1,2], "tomorrow":0.10 }'
    assert decode(raw).body_for("m") is raw
    sent = decode(raw).body_for("other")
    assert b'"tomorrow":0.10' in sent
    assert json.loads(sent) == {**json.loads(raw), "model": "other"}


def test_each_goes_to_its_own_path() -> None:
    assert decode_completion_request(body()).path == "/completions"
    assert decode_embedding_request(body()).path == "/embeddings"


def test_a_stream_of_completions_is_asked_for_its_usage() -> None:
    request = decode_completion_request(body(prompt="a", stream=True))
    assert request.is_stream
    assert json.loads(request.body_for("m"))["stream_options"] == {"include_usage": True}
    wanted = body(stream=True, stream_options={"include_usage": True})
    assert decode_completion_request(wanted).wants_usage


def test_embeddings_never_stream() -> None:
    request = decode_embedding_request(body(input="a", stream=True))
    assert not request.is_stream
    assert "stream_options" not in json.loads(request.body_for("other"))


@both
@pytest.mark.parametrize(
    ("raw", "code", "param"),
    [
        (b"{", "invalid_json", None),
        (b'{"input":"a"}', "invalid_value", "model"),
        (b'{"model":[]}', "invalid_value", "model"),
        (b"[]", "invalid_value", None),
    ],
)
def test_a_broken_body_is_refused_with_its_reason(
    decode: Decode, raw: bytes, code: str, param: str | None
) -> None:
    with pytest.raises(Refusal) as refused:
        decode(raw)
    assert (refused.value.status, refused.value.code) == (400, code)
    assert refused.value.param == param


@both
@given(raw=st.binary(max_size=200))
def test_any_bytes_are_a_request_or_a_refusal(decode: Decode, raw: bytes) -> None:
    def outcome() -> object:
        try:
            return decode(raw).raw
        except Refusal as refusal:
            return refusal.status

    assert outcome() in (raw, 400)
