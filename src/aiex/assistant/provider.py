"""Who answers: one small contract, whatever stands behind it.

A provider gets the request's body as the target needs it and gives back either a whole answer or a
stream. It knows nothing of clients, keys, retries or metrics.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from aiex.assistant.chat_request import ChatRequest
from aiex.errors import ProviderError


class Call(msgspec.Struct, frozen=True, gc=False):
    """One request on its way to one target."""

    request: ChatRequest
    target_model: str
    request_id: str
    traceparent: str


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A provider's whole answer; `status` is between 200 and 599."""

    status: int
    content_type: str
    body: bytes
    retry_after: str = ""
    is_native: bool = False  # in the form of the client's own API, where that is not OpenAI's


class AnswerStream(msgspec.Struct, frozen=True):
    """A provider's answer as it comes: bytes of server-sent events, cut anywhere."""

    chunks: AsyncIterator[bytes]
    is_native: bool = False


class ProviderUnreachable(ProviderError):
    """No connection to the provider: it has seen nothing of the request."""


class ProviderTimeout(ProviderError):
    """The provider took too long."""


class ProviderRefusedUs(ProviderError):
    """The provider did not accept this node's own credentials."""


class Provider(Protocol):
    async def answer(self, call: Call) -> Answer:
        """The whole answer, errors of status 400 to 599 included.

        Raises `ProviderError` when there is none: unreachable, silent, broken; and `Refusal` when
        the request holds what the provider's API cannot say.
        """

    def stream(self, call: Call) -> AbstractAsyncContextManager[AnswerStream | Answer]:
        """The answer as a stream; an `Answer` when the provider did not begin one.

        Leaving the context ends the provider's work. Raises `ProviderError` on entry and from
        `chunks`.
        """
