"""What the gateway reads of a request of Anthropic's API, and that it leaves the rest alone."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.messages_request import (
    VERSION,
    MessagesRequest,
    decode_count_request,
    decode_messages_request,
)
from aiex.assistant.refusal import Refusal

HI = [{"role": "user", "content": "hi"}]


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "max_tokens": 5, "messages": HI, **fields}).encode()


def request(raw: bytes, **headers: str) -> MessagesRequest:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return decode_messages_request(raw, named, "r1")


def test_a_body_that_needs_no_change_is_passed_on_as_it_came() -> None:
    raw = b'{ "model":"m", "max_tokens":5, "messages":[ ] , "tomorrow":{"x":1.50} }'
    assert request(raw).messages_for("m") is raw


def test_only_the_models_name_changes() -> None:
    sent = request(body(temperature=0.25, tomorrow=[1])).messages_for("there")
    assert json.loads(sent) == json.loads(body(temperature=0.25, tomorrow=[1], model="there"))


def test_a_model_given_twice_is_the_one_that_was_acted_on() -> None:
    raw = b'{"model":"other","max_tokens":5,"messages":[],"model":"m"}'
    sent = request(raw).messages_for("m")
    assert sent.count(b'"model"') == 1
    assert json.loads(sent)["model"] == request(raw).model == "m"


def test_thinking_that_nobody_signed_does_not_go_to_anthropic() -> None:
    def answer(signature: str) -> dict[str, Any]:
        thinking = {"type": "thinking", "thinking": "hm", "signature": signature}
        return {"role": "assistant", "content": [thinking, {"type": "text", "text": "so"}]}

    quoted = {"role": "user", "content": "aiex-unsigned"}
    turns = [*HI, answer("aiex-unsigned"), quoted, answer("EqQB")]
    sent = json.loads(request(body(messages=turns)).messages_for("m"))["messages"]
    assert sent[1]["content"] == [{"type": "text", "text": "so"}]
    assert sent[2:] == turns[2:]


def test_the_headers_say_which_version_is_meant() -> None:
    assert request(body()).version == VERSION
    given_one = request(body(), anthropic_version="2026-10-21", anthropic_beta="a,b")
    assert (given_one.version, given_one.beta) == ("2026-10-21", "a,b")


def test_a_stream_is_asked_for() -> None:
    assert request(body(stream=True)).is_stream
    assert not request(body(stream=None)).is_stream


def test_a_count_needs_no_bound() -> None:
    raw = json.dumps({"model": "m", "messages": HI}).encode()
    assert decode_count_request(raw, {}, "r1").messages_for("m") is raw
    with pytest.raises(Refusal, match="max_tokens: Field required"):
        request(raw)


@pytest.mark.parametrize(
    ("raw", "param"),
    [
        (b"", None),
        (b"\xff", None),
        (b"[]", "The body"),
        (b'{"max_tokens":1,"messages":[]}', "model"),
        (b'{"model":"m","max_tokens":1}', "messages"),
        (b'{"model":"m","max_tokens":"1","messages":[]}', "max_tokens"),
        (b'{"model":"m","max_tokens":1,"messages":{}}', "messages"),
        (b'{"model":"m","max_tokens":1,"messages":[],"stream":1}', "stream"),
        (b'{"model":"m","max_tokens":1,"messages":[],"system":"\xff"}', None),
        (b'{"model":"m","messages":' + b"[" * 100_000, None),
    ],
)
def test_a_broken_body_is_refused_with_its_reason(raw: bytes, param: str | None) -> None:
    with pytest.raises(Refusal) as refused:
        request(raw)
    assert (refused.value.status, refused.value.param) == (400, param)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_a_refusal(raw: bytes) -> None:
    def outcome() -> object:
        try:
            return request(raw).raw
        except Refusal as refusal:
            return refusal.status

    assert outcome() in (raw, 400)
