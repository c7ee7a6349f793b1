"""Errors of both APIs, each in the other's form."""

import json

import pytest

from aiex.assistant.anthropic.error_form import (
    chat_error_from,
    error_type,
    messages_error,
    messages_error_from,
)
from aiex.assistant.refusal import key_missing


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (409, "invalid_request_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_every_status_has_its_type(status: int, kind: str) -> None:
    assert error_type(status) == kind
    assert json.loads(messages_error(status, "M", "r1")) == {
        "type": "error",
        "error": {"type": kind, "message": "M"},
        "request_id": "r1",
    }


def test_an_error_in_openais_form_keeps_its_message() -> None:
    refusal = key_missing()
    said = json.loads(messages_error_from(refusal.body(), refusal.status, "r1"))
    assert said["error"] == {"type": "authentication_error", "message": str(refusal)}


def test_an_error_in_anthropics_form_stays_as_it_is() -> None:
    body = b'{"type": "error", "error": {"type": "new_error", "message": "m", "details": {}}}'
    assert messages_error_from(body, 400, "r1") is body


@pytest.mark.parametrize("body", [b"<html>oops</html>", b'"oops"', b'["oops"]'])
def test_an_error_in_no_form_is_told_as_text(body: bytes) -> None:
    assert "oops" in json.loads(messages_error_from(body, 502, "r1"))["error"]["message"]
    assert "oops" in json.loads(chat_error_from(body, 502))["error"]["message"]
    assert "502" in json.loads(chat_error_from(b"", 502))["error"]["message"]


@pytest.mark.parametrize(
    ("there", "kind"),
    [
        ("invalid_request_error", "invalid_request_error"),
        ("not_found_error", "invalid_request_error"),
        ("rate_limit_error", "rate_limit_error"),
        ("billing_error", "insufficient_quota"),
        ("overloaded_error", "server_error"),
        ("api_error", "server_error"),
    ],
)
def test_anthropics_types_become_openais_and_stay_as_codes(there: str, kind: str) -> None:
    body = json.dumps({"type": "error", "error": {"type": there, "message": "M"}}).encode()
    assert json.loads(chat_error_from(body, 400)) == {
        "error": {"message": "M", "type": kind, "code": there, "param": None}
    }
