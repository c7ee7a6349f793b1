"""What the gateway reads of a chat request, and that it leaves the rest alone."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.chat_request import decode_chat_request
from aiex.assistant.refusal import Refusal

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


KNOWN = {"model", "messages", "stream", "stream_options"}


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [], **fields}).encode()


def test_a_body_that_needs_no_change_is_passed_on_as_it_came() -> None:
    raw = b'{ "model":"m" ,"messages":[ ] , "tomorrow":{"x":1.50} }'
    assert decode_chat_request(raw).body_for("m") is raw


@given(st.dictionaries(st.text().filter(lambda key: key not in KNOWN), JSON, max_size=5))
def test_fields_nobody_knows_survive_a_change_of_model(unknown: dict[str, Any]) -> None:
    sent = json.loads(decode_chat_request(body(**unknown)).body_for("other"))
    assert sent == {"model": "other", "messages": [], **unknown}


def test_numbers_keep_their_spelling_when_the_model_changes() -> None:
    raw = b'{"model":"m","messages":[],"temperature":0.10,"seed":12345678901234567890123}'
    sent = decode_chat_request(raw).body_for("other")
    assert b'"temperature":0.10' in sent
    assert b"12345678901234567890123" in sent


def test_a_stream_is_asked_for_its_usage_even_when_the_client_does_not_want_it() -> None:
    request = decode_chat_request(body(stream=True))
    assert json.loads(request.body_for("m"))["stream_options"] == {"include_usage": True}
    assert not request.wants_usage


@pytest.mark.parametrize(
    "raw",
    [
        b'{"model":"m","messages":[],"stream":true}',
        b' {"model":"m","messages":[],"stream":true} \r\n',
        b'{"model":"m","messages":[],"stream":true,"stream_options":null}',
        b'{"model":"m","messages":[{"content":"stream_options"}],"stream":true}',
        b'{"model":"m","messages":[],"stream":true,"stream_option\\u0073":{"a":1}}',
    ],
)
def test_the_wish_for_usage_is_one_field_however_the_body_is_written(raw: bytes) -> None:
    sent = decode_chat_request(raw).body_for("m")
    fields = json.loads(sent, object_pairs_hook=list)
    names = [name for name, _ in fields]
    assert sorted(names) == ["messages", "model", "stream", "stream_options"]
    assert json.loads(sent)["stream_options"]["include_usage"] is True


def test_other_stream_options_are_kept() -> None:
    request = decode_chat_request(body(stream=True, stream_options={"obfuscation": False}))
    options = json.loads(request.body_for("m"))["stream_options"]
    assert options == {"obfuscation": False, "include_usage": True}


@pytest.mark.parametrize(
    ("raw", "code", "param"),
    [
        (b"", "invalid_json", None),
        (b"{", "invalid_json", None),
        (b"\xff\xfe", "invalid_json", None),
        (b'{"messages":[]}', "invalid_value", "model"),
        (b'{"model":"m"}', "invalid_value", "messages"),
        (b'{"model":7,"messages":[]}', "invalid_value", "model"),
        (b'{"model":"m","messages":{}}', "invalid_type", "messages"),
        (b'{"model":"m","messages":[],"stream":"yes"}', "invalid_value", "stream"),
        (b"[]", "invalid_value", None),
        (b'{"model":"m","messages":' + b"[" * 100_000, "invalid_json", None),
    ],
)
def test_a_broken_body_is_refused_with_its_reason(raw: bytes, code: str, param: str | None) -> None:
    with pytest.raises(Refusal) as refused:
        decode_chat_request(raw)
    assert (refused.value.status, refused.value.code) == (400, code)
    assert refused.value.param == param


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_a_refusal(raw: bytes) -> None:
    def outcome() -> object:
        try:
            return decode_chat_request(raw).raw
        except Refusal as refusal:
            return refusal.status

    assert outcome() in (raw, 400)
