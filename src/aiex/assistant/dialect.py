"""Where a server that speaks OpenAI's API departs from it: addresses, errors, streams."""

from collections.abc import AsyncIterator
from typing import Protocol


class Dialect(Protocol):
    def url(self, base_url: str, path: str, model: str) -> str:
        """Where a request for `model` goes; `path` is OpenAI's, as in `/chat/completions`."""

    def is_key_refused(self, status: int, body: bytes) -> bool:
        """Whether an answer says that our credentials are wrong; 401 and 403 always do."""

    def error(self, status: int, body: bytes) -> bytes:
        """The body of an error, in the form that OpenAI's clients read."""

    def chunks(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """A stream's bytes, in the form that OpenAI's clients read."""


class OpenAIDialect:
    """None: everything is passed on as it is."""

    def url(self, base_url: str, path: str, model: str) -> str:
        return base_url + path

    def is_key_refused(self, status: int, body: bytes) -> bool:
        return False

    def error(self, status: int, body: bytes) -> bytes:
        return body

    def chunks(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        return chunks
