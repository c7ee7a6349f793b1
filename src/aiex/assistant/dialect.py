"""Where a server that speaks OpenAI's API departs from it: addresses, answers, errors, streams."""

from collections.abc import AsyncIterator
from typing import Any, Protocol

import msgspec

from aiex.assistant.answer_check import is_json_object
from aiex.assistant.refusal import Refusal


class Dialect(Protocol):
    def url(self, base_url: str, path: str, model: str) -> str:
        """Where a request for `model` goes; `path` is OpenAI's, as in `/chat/completions`."""

    def is_key_refused(self, status: int, body: bytes) -> bool:
        """Whether an answer says that our credentials are wrong; 401 and 403 always do."""

    def answer(self, body: bytes) -> bytes:
        """The body of a good answer, as OpenAI's clients read it."""

    def error(self, status: int, body: bytes) -> bytes:
        """The body of an error, as OpenAI's clients read it."""

    def chunks(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """A stream's bytes, as OpenAI's clients read them."""


class OpenAIDialect:
    """None: everything is passed on as it is, if it is JSON."""

    def url(self, base_url: str, path: str, model: str) -> str:
        return base_url + path

    def is_key_refused(self, status: int, body: bytes) -> bool:
        return False

    def answer(self, body: bytes) -> bytes:
        return body

    def error(self, status: int, body: bytes) -> bytes:
        # What stands before a server, a proxy or a load balancer, says its errors in HTML.
        return body if is_json_object(body) else openai_error(status, body)

    def chunks(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        return chunks


def openai_error(status: int, body: bytes) -> bytes:
    """An error in OpenAI's form: as it is when it has that, else with what message it has."""
    try:
        content: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        content = None
    if isinstance(content, list) and content:
        content = content[0]
    outer = content if isinstance(content, dict) else {}
    inner = outer.get("error")
    if not isinstance(inner, dict):
        inner = {"message": inner} if isinstance(inner, str) else outer
    elif outer is content and _is_openais(inner) and body[:1] == b"{":
        return body
    message = inner.get("message")
    if not isinstance(message, str) or not message:
        message = f"The provider answered with status {status} and said no more."
    # Google's `status` is a word (INVALID_ARGUMENT), its `code` repeats the number.
    code = inner.get("status")
    kind = "invalid_request_error" if status < 500 else "server_error"
    word = code if isinstance(code, str) else f"provider_{status}"
    return Refusal(status, word, message, kind=kind).body()


def _is_openais(error: dict[str, Any]) -> bool:
    return isinstance(error.get("message"), str) and isinstance(error.get("code"), str | None)
