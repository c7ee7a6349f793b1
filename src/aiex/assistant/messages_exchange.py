"""A request of Anthropic's API in progress: what is answered carries that API's marks.

The rest of the node refuses in OpenAI's form; here it becomes Anthropic's.
"""

from asyncio import Future
from collections.abc import AsyncIterator

from aiex.assistant.anthropic.error_form import messages_error_from
from aiex.assistant.exchange import Exchange, Headers, StreamOutlet


class MessagesExchange:
    """Stands between a request's handler and the server's exchange."""

    __slots__ = ("_exchange", "_request_id")

    def __init__(self, exchange: Exchange, request_id: str) -> None:
        self._exchange = exchange
        self._request_id = request_id

    async def __call__(self) -> bytes:
        return await self._exchange()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._exchange.__aiter__()

    def client_disconnect(self) -> "Future[None]":
        return self._exchange.client_disconnect()

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        if status >= 400:
            body = messages_error_from(body, status, self._request_id)
        self._exchange.response_bytes(status, self._marked(headers), body)

    def response_stream(self, status: int, headers: Headers) -> StreamOutlet:
        return self._exchange.response_stream(status, self._marked(headers))

    def _marked(self, headers: Headers) -> Headers:
        return [*headers, ("request-id", self._request_id)]
