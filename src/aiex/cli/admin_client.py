"""A small client of a node's admin API, whose errors say what to do.

Built on the standard library: a call through pyreqwest's blocking client cannot be interrupted, and
Ctrl-C during one was measured to abort the process. It also knows no proxies, which is right for
an address that is nearly always this machine.
"""

import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn
from urllib.parse import urlsplit

import msgspec

from aiex.cli.certificate_authority import CA_HINT, trusting
from aiex.cli.node_lookup import START_HINT, TOKEN_VARIABLE, AdminAccess
from aiex.errors import AiexError

TIMEOUT_S = 10.0
ANSWER_BYTES_MAX = 16 * 1024 * 1024
PIECE_BYTES = 64 * 1024


class AdminUnreachable(AiexError):
    """No node answers. Start one with `aiex up`."""


class AdminRefused(AiexError):
    """The node refused; `status` is HTTP's."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class AdminClient:
    """One node's admin API. Every call is a connection of its own; `timeout_s` bounds a silence."""

    def __init__(
        self, access: AdminAccess, *, timeout_s: float = TIMEOUT_S, ca_file: str = ""
    ) -> None:
        self.access = access
        self._timeout_s = timeout_s
        self.ca_file = ca_file

    def with_patience(self, timeout_s: float) -> "AdminClient":
        """A client of the same node that bears a longer silence."""
        return AdminClient(self.access, timeout_s=timeout_s, ca_file=self.ca_file)

    def get(self, path: str) -> bytes:
        """The answer's JSON; raises `AdminUnreachable` or `AdminRefused`."""
        return self._call("GET", path, None)

    def post(self, path: str, content: object) -> bytes:
        """The answer's JSON; raises `AdminUnreachable` or `AdminRefused`."""
        return self._call("POST", path, json.dumps(content).encode())

    def patch(self, path: str, content: object) -> bytes:
        """The answer's JSON; raises `AdminUnreachable` or `AdminRefused`."""
        return self._call("PATCH", path, json.dumps(content).encode())

    def put(self, path: str, content: object) -> bytes:
        """The answer's JSON; raises `AdminUnreachable` or `AdminRefused`."""
        return self._call("PUT", path, json.dumps(content).encode())

    def delete(self, path: str) -> bytes:
        """The answer's JSON; raises `AdminUnreachable` or `AdminRefused`."""
        return self._call("DELETE", path, None)

    def pieces(self, path: str) -> Iterator[bytes]:
        """A long answer as it comes; raises `AdminUnreachable`, `AdminRefused` when asked for it.

        `timeout_s` bounds each silence, not the whole.
        """
        with self._exchange("GET", path, None) as response:
            while piece := response.read1(PIECE_BYTES):
                yield piece
            if response.length:
                raise http.client.IncompleteRead(b"", response.length)

    def _call(self, method: str, path: str, body: bytes | None) -> bytes:
        with self._exchange(method, path, body) as response:
            answer = response.read(ANSWER_BYTES_MAX)
            if response.length and len(answer) == ANSWER_BYTES_MAX:
                raise AdminRefused(
                    f"The answer of {self.access.url} is larger than {ANSWER_BYTES_MAX >> 20} MiB. "
                    "Ask for less, or fewer nodes at once.",
                    response.status,
                )
            if response.length:  # announced, and did not come
                raise http.client.IncompleteRead(answer, response.length)
        decoded(answer, object)  # is it JSON at all? It may be printed as it is
        return answer

    @contextmanager
    def _exchange(
        self, method: str, path: str, body: bytes | None
    ) -> Iterator[http.client.HTTPResponse]:
        """An answer that is no error, to be read in the block."""
        base_path = urlsplit(self.access.url).path.rstrip("/")
        headers = {"Accept": "application/json"}
        if self.access.token:
            headers["Authorization"] = f"Bearer {self._sendable_token()}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection = self._connection()
        try:
            connection.request(method, base_path + path, body, headers)
            # A response has the socket to itself once it is the connection's last.
            with connection.getresponse() as response:
                if response.status >= 300:
                    raise self._refusal(response.status, response.read(ANSWER_BYTES_MAX))
                yield response
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._raise_unreachable(error)
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.access.url)
        try:
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if parts.scheme not in ("http", "https") or not host:
            raise AdminUnreachable(
                f"'{self.access.url}' is not an address of an admin API; it looks like "
                "http://127.0.0.1:8081."
            )
        if parts.scheme == "https":
            return http.client.HTTPSConnection(
                host, port, timeout=self._timeout_s, context=trusting(self.ca_file)
            )
        return http.client.HTTPConnection(host, port, timeout=self._timeout_s)

    def _sendable_token(self) -> str:
        token = self.access.token
        if not (token.isascii() and token.isprintable()):
            raise AdminRefused(
                f"The admin token from {self.access.token_source} has characters that no token "
                "has: a line break, or quotation marks from a text. Set it anew.",
                401,
            )
        return token

    def _raise_unreachable(self, error: Exception) -> NoReturn:
        url = self.access.url
        match error:
            case ConnectionRefusedError():
                message = (
                    f"No node answers at {url}. {START_HINT}, or name another with --admin-url."
                )
            case TimeoutError():
                message = (
                    f"The node at {url} does not answer within {self._timeout_s:g} s. It may be "
                    "stopped or overloaded; its log tells more."
                )
            case ConnectionResetError() | BrokenPipeError() | http.client.IncompleteRead():
                message = (
                    f"The node at {url} closed the connection before it had answered; it may have "
                    "ended. `aiex status` tells whether it is back, its log what happened."
                )
            case socket.gaierror():
                message = f"The host of {url} is not known: {error.strerror}. Check --admin-url."
            case ssl.SSLCertVerificationError():
                reason = error.verify_message.rstrip(".")
                message = f"The certificate of {url} is not trusted: {reason}. {CA_HINT}"
            case ssl.SSLError():
                message = f"What answers at {url} does not speak TLS; is it http:// there?"
            case OSError():
                message = f"The node at {url} cannot be reached: {error.strerror or error}."
            case _:
                message = f"What answers at {url} is not a node's admin API. Check --admin-url."
        raise AdminUnreachable(message) from error

    def _refusal(self, status: int, answer: bytes) -> AdminRefused:
        if status == 401:
            return AdminRefused(self._token_hint(), status)
        message = error_message(answer) or f"it answered HTTP {status}"
        if status == 503 and "aiex " not in message:
            message += " `aiex cluster explain` says what is wrong."
        return AdminRefused(f"The node at {self.access.url} refused: {message}", status)

    def _token_hint(self) -> str:
        if self.access.token:
            return (
                f"The node at {self.access.url} does not accept the admin token from "
                f"{self.access.token_source}. Set {TOKEN_VARIABLE} or {TOKEN_VARIABLE}_FILE to "
                "the one it was started with."
            )
        return (
            f"The node at {self.access.url} needs its admin token. It is in admin.token in the "
            f"node's data directory (--data-dir); or set {TOKEN_VARIABLE} or {TOKEN_VARIABLE}_FILE."
        )


def decoded[T](answer: bytes, shape: type[T]) -> T:
    """The answer as `shape`; raises `AdminRefused` when it is something else."""
    try:
        return msgspec.json.decode(answer, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AdminRefused(
            f"The node's answer is not understood ({error}). Node and command line may differ in "
            "version: compare `aiex version` on both.",
            200,
        ) from error


def error_message(answer: bytes) -> str:
    """The sentence in `{"error": {"message": …}}`; empty when there is none."""
    try:
        document: Any = json.loads(answer)
        message = document["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return ""
    return message if isinstance(message, str) else ""
