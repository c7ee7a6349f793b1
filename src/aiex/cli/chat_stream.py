"""The API as a chat client sees it: models, and an answer piece by piece as it is made."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import (
    BuilderError,
    ConnectError,
    PyreqwestError,
    RequestTimeoutError,
)
from pyreqwest.request import RequestBuilder

from aiex.certificates import NO_AUTHORITIES, certificates_in
from aiex.cli.admin_client import error_message
from aiex.cli.certificate_authority import CA_HINT, ca_pem
from aiex.cli.chat_session import Usage
from aiex.errors import AiexError
from aiex.settings import is_loopback

CONNECT_S = 5.0
# A large model may think for minutes before its first token.
SILENCE_S = 300.0
# One event holds one delta; more than this without an end is not a stream of events.
EVENT_BYTES_MAX = 16 * 1024 * 1024


class ChatFailed(AiexError):
    """The answer failed."""


class Piece(msgspec.Struct, frozen=True):
    """What one event of a stream adds to the answer."""

    text: str = ""
    model: str = ""
    usage: Usage | None = None


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)


class _Error(msgspec.Struct):
    message: str = "the provider gave no reason"


class _Event(msgspec.Struct):
    choices: list[_Choice] = []
    model: str | None = None
    usage: Usage | None = None
    error: _Error | None = None


class _ModelId(msgspec.Struct):
    id: str


class _ModelList(msgspec.Struct):
    data: list[_ModelId]


class EventReader:
    """Cuts a stream into the data of its server-sent events; pure.

    Format: https://html.spec.whatwg.org/multipage/server-sent-events.html
    """

    def __init__(self) -> None:
        self._tail = b""
        self._data: list[bytes] = []
        self._data_bytes = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of the events that ended in this chunk; raises `ChatFailed` at one too long."""
        *lines, self._tail = (self._tail + chunk).split(b"\n")
        events: list[bytes] = []
        for line in lines:
            field = line.rstrip(b"\r")
            if field.startswith(b"data:"):
                self._data.append(field[5:].removeprefix(b" "))
                self._data_bytes += len(field)
            elif not field and self._data:
                events.append(b"\n".join(self._data))
                self._data, self._data_bytes = [], 0
        if len(self._tail) + self._data_bytes > EVENT_BYTES_MAX:
            raise ChatFailed("The server sent an event that does not end.")
        return events


def piece_of(event: bytes) -> Piece:
    """What an event adds; raises `ChatFailed` when it reports an error or is no JSON."""
    try:
        content = msgspec.json.decode(event, type=_Event)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ChatFailed(f"The server sent an event that is not understood: {error}.") from error
    if content.error is not None:
        raise ChatFailed(f"The answer broke off: {content.error.message}")
    text = content.choices[0].delta.content if content.choices else None
    return Piece(text or "", content.model or "", content.usage)


def api_base(url: str) -> str:
    """`url` without what clients of OpenAI's API are used to put behind it."""
    base = url.rstrip("/").removesuffix("/v1").rstrip("/")
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ChatFailed(f"'{url}' is not an address; it looks like http://127.0.0.1:8080.")
    return base


class ChatApi:
    """Asks one server. Use as an async context manager; every wait has a deadline.

    Entering raises `ChatFailed` where the system has no certificates of authorities.
    """

    def __init__(self, url: str, key: str = "", *, ca_file: str = "") -> None:
        self.url = api_base(url)
        self._ca_file = ca_file
        self._key = key
        self._client: Client | None = None

    async def __aenter__(self) -> Self:
        builder = (
            ClientBuilder()
            .user_agent("aiex")
            .connect_timeout(timedelta(seconds=CONNECT_S))
            .read_timeout(timedelta(seconds=SILENCE_S))
        )
        if is_loopback(urlsplit(self.url).hostname or ""):
            builder = builder.no_proxy()
        if self._ca_file:
            for certificate in certificates_in(ca_pem(self._ca_file).encode()):
                builder = builder.add_root_certificate_pem(certificate)
        try:
            self._client = builder.build()
        except BuilderError as error:
            raise ChatFailed(NO_AUTHORITIES) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._client is not None
        await self._client.close()
        self._client = None

    async def models(self) -> list[str]:
        """The ids of the models, the default one first; raises `ChatFailed`."""
        try:
            response = await self._request("GET", "/v1/models").build().send()
            body = (await response.bytes()).to_bytes()
        except PyreqwestError as error:
            raise self._unreachable(error) from error
        if response.status != 200:
            raise self._refusal(response.status, body)
        try:
            return [model.id for model in msgspec.json.decode(body, type=_ModelList).data]
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ChatFailed(
                f"What answers at {self.url} is not an OpenAI-compatible API."
            ) from error

    async def pieces(self, body: dict[str, Any]) -> AsyncGenerator[Piece]:
        """The answer to a streaming request as it comes; raises `ChatFailed`.

        Close it (`contextlib.aclosing`) to give up: the server then stops working on it.
        """
        builder = self._request("POST", "/v1/chat/completions")
        builder = builder.header("content-type", "application/json")
        # The default reads ahead and hands over in lumps.
        builder = builder.body_bytes(msgspec.json.encode(body)).streamed_read_buffer_limit(0)
        reader = EventReader()
        try:
            async with builder.build_streamed() as response:
                if response.status != 200:
                    refused = (await response.bytes()).to_bytes()
                    raise self._refusal(response.status, refused)
                while (chunk := await response.body_reader.read_chunk()) is not None:
                    for event in reader.feed(chunk.to_bytes()):
                        if event == b"[DONE]":
                            return
                        yield piece_of(event)
        except PyreqwestError as error:
            raise self._unreachable(error) from error
        raise ChatFailed("The answer broke off: the server ended it half way. Try again.")

    def _request(self, method: str, path: str) -> RequestBuilder:
        assert self._client is not None, "entered before it is used"
        builder = self._client.request(method, self.url + path)
        return builder.bearer_auth(self._key) if self._key else builder

    def _unreachable(self, error: PyreqwestError) -> ChatFailed:
        if isinstance(error, ConnectError) and "invalid peer certificate" in str(error):
            return ChatFailed(f"The certificate of {self.url} is not trusted. {CA_HINT}")
        if isinstance(error, ConnectError):
            return ChatFailed(
                f"No node answers at {self.url}. Start one with `aiex up`, or name another with "
                "--url or AIEX_URL."
            )
        if isinstance(error, RequestTimeoutError):
            return ChatFailed(f"{self.url} fell silent for too long. Try again.")
        return ChatFailed(f"The connection to {self.url} broke. Try again.")

    def _refusal(self, status: int, body: bytes) -> ChatFailed:
        message = error_message(body) or f"{self.url} answered HTTP {status}."
        if status == 401:
            message += " Put the key into the variable AIEX_API_KEY."
        return ChatFailed(message)
