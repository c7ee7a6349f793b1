"""Errors of every form, in the one that OpenAI's clients read."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.dialect import OpenAIDialect, openai_error


def error(status: int, body: object) -> Any:
    return json.loads(openai_error(status, json.dumps(body).encode()))["error"]


def test_openais_own_form_stays_as_it_is() -> None:
    body = b'{"error": {"message":"no","code":"content_filter","innererror":{"x":1}}}'
    assert openai_error(400, body) is body


def test_googles_list_of_one_becomes_its_error() -> None:
    body = [{"error": {"code": 400, "message": "No such model.", "status": "INVALID_ARGUMENT"}}]
    assert error(400, body) == {
        "message": "No such model.",
        "type": "invalid_request_error",
        "param": None,
        "code": "INVALID_ARGUMENT",
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"statusCode": 404, "message": "Resource not found"}, "Resource not found"),
        ({"error": "model is loading"}, "model is loading"),
        ({"error": {"code": 503, "message": "busy"}}, "busy"),
        ({"detail": "?"}, "The provider answered with status 503 and said no more."),
        ([], "The provider answered with status 503 and said no more."),
        ("x", "The provider answered with status 503 and said no more."),
    ],
)
def test_a_message_is_found_where_there_is_one(body: object, message: str) -> None:
    assert error(503, body)["message"] == message
    assert error(503, body)["type"] == "server_error"


@given(st.binary(max_size=100))
def test_any_body_becomes_an_error(body: bytes) -> None:
    assert json.loads(openai_error(500, body))["error"]["message"]


def test_a_server_that_speaks_openais_api_is_not_touched() -> None:
    dialect = OpenAIDialect()
    assert dialect.url("http://a/v1", "/embeddings", "m") == "http://a/v1/embeddings"
    assert dialect.answer(b"a") == b"a"
    assert dialect.error(404, b'{"detail": "x"}') == b'{"detail": "x"}'
    assert not dialect.is_key_refused(400, b"API_KEY_INVALID")
