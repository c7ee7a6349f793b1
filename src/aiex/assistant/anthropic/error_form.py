"""Errors in Anthropic's form: `{"type": "error", "error": {type, message}, "request_id"}`.

Reference: https://docs.claude.com/en/api/errors. Its clients take the class of an exception from
the status and show `message`; agents also look at `type`.
"""

from typing import Final

import msgspec

_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
# OpenAI's types are fewer; where none fits, it is the server that failed.
_CHAT_TYPES: Final = {
    "authentication_error",
    "permission_error",
    "rate_limit_error",
    "invalid_request_error",
}
_CHAT_TYPES_OF: Final = {
    "not_found_error": "invalid_request_error",
    "request_too_large": "invalid_request_error",
    "billing_error": "insufficient_quota",
}
_SENTENCE_CHARS_MAX: Final = 2000


class _Error(msgspec.Struct, frozen=True):
    message: str = ""
    type: str | None = None


class _Body(msgspec.Struct, frozen=True):
    """An error in either form: the outer `type` is Anthropic's."""

    error: _Error
    type: str = ""


class _MessagesError(msgspec.Struct, frozen=True, tag="error"):
    error: _Error
    request_id: str


class _ChatError(msgspec.Struct, frozen=True):
    message: str
    type: str
    code: str | None
    param: None = None


class _ChatBody(msgspec.Struct, frozen=True):
    error: _ChatError


_BODY = msgspec.json.Decoder(_Body)


def error_type(status: int) -> str:
    """Anthropic's name for what a status says."""
    return _TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")


def messages_error(status: int, message: str, request_id: str) -> bytes:
    """An error of ours."""
    error = _Error(message, error_type(status))
    return msgspec.json.encode(_MessagesError(error, request_id))


def messages_error_from(body: bytes, status: int, request_id: str) -> bytes:
    """A provider's error: as it is when it has Anthropic's form, else with what message it has."""
    found = _decoded(body)
    if found is not None and found.type == "error":
        return body
    return messages_error(status, _message(found, body, status), request_id)


def chat_error_from(body: bytes, status: int) -> bytes:
    """A provider's error in Anthropic's form, in OpenAI's."""
    found = _decoded(body)
    given = (found.error.type if found else None) or error_type(status)
    kind = given if given in _CHAT_TYPES else _CHAT_TYPES_OF.get(given, "server_error")
    return msgspec.json.encode(_ChatBody(_ChatError(_message(found, body, status), kind, given)))


def broken_off(data: bytes) -> str:
    """The sentence for an error that a provider's stream ended with."""
    found = _decoded(data)
    said = found.error.message if found else ""
    text = said[:_SENTENCE_CHARS_MAX] or "it gave no reason"
    return f"The provider broke its answer off: {text}"


def _decoded(body: bytes) -> _Body | None:
    try:
        return _BODY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _message(found: _Body | None, body: bytes, status: int) -> str:
    if found is not None and found.error.message:
        return found.error.message
    text = body[:_SENTENCE_CHARS_MAX].decode(errors="replace").strip()
    return text or f"The provider answered with status {status}."
