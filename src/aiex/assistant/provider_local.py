"""The small model of this machine, asked through its child's OpenAI-compatible server."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiex.assistant.embedding_request import EMBEDDINGS_PATH
from aiex.assistant.local_model import LocalModel
from aiex.assistant.local_model_claim import LocalAddress
from aiex.assistant.messages_request import MessagesRequest
from aiex.assistant.provider import Answer, AnswerStream, Call
from aiex.assistant.provider_openai import OpenAIProvider
from aiex.assistant.refusal import Refusal
from aiex.errors import ProviderError

# A child that was killed is back in a second; the first start may have to read a cold disc. One
# that is not installed says so at once.
START_TIMEOUT_S = 60.0
TRIES_MAX = 3

# llama.cpp serves either embeddings or everything else (its --embeddings), and ours is for chats.
_NO_EMBEDDINGS = Answer(
    400,
    "application/json",
    Refusal(
        400,
        "embeddings_not_supported",
        "This model runs on the server's own machine, which makes no embeddings: ask for a model "
        "of another provider. GET /v1/models lists what there is.",
        param="model",
    ).body(),
)


class LocalProvider:
    """Finds the machine's model child for each call, and again when it died before it answered."""

    def __init__(
        self, model: LocalModel, provider_at: Callable[[LocalAddress], OpenAIProvider]
    ) -> None:
        self._model = model
        self._provider_at = provider_at
        self._address: LocalAddress | None = None
        self._provider: OpenAIProvider | None = None

    async def answer(self, call: Call) -> Answer:
        if call.request.path == EMBEDDINGS_PATH:
            return _NO_EMBEDDINGS
        failed: LocalAddress | None = None
        for tries_left in reversed(range(TRIES_MAX)):
            address, provider = await self._current(failed)
            try:
                return await provider.answer(call)
            except ProviderError:
                # A whole answer has no first byte to have gone out: asking again is safe.
                if not tries_left or await self._model.is_alive(address):
                    raise
                failed = address
        raise AssertionError("the last try returns or raises")

    @asynccontextmanager
    async def stream(self, call: Call) -> AsyncIterator[AnswerStream | Answer]:
        failed: LocalAddress | None = None
        for tries_left in reversed(range(TRIES_MAX)):
            address, provider = await self._current(failed)
            is_begun = False
            try:
                async with provider.stream(call) as answer:
                    if isinstance(answer, AnswerStream):
                        answer = AnswerStream(await _begun(answer.chunks))
                    is_begun = True
                    yield answer
                    return
            except ProviderError:
                if is_begun or not tries_left or await self._model.is_alive(address):
                    raise
                failed = address

    async def count_tokens(self, call: Call) -> Answer:
        """How many tokens a request of the Messages API has: llama.cpp counts in the same form."""
        request = call.request
        assert isinstance(request, MessagesRequest), "OpenAI's API has no such question"
        _, provider = await self._current(None)
        answer = await provider.post("/messages/count_tokens", call, request.raw)
        if answer.status != 200:
            raise ProviderError("The local model cannot count this request.")
        return answer

    async def _current(self, failed: LocalAddress | None) -> tuple[LocalAddress, OpenAIProvider]:
        """The child to ask now, and not the one that just failed."""
        address = await self._model.address(START_TIMEOUT_S, other_than=failed)
        if self._provider is None or address != self._address:
            self._address, self._provider = address, self._provider_at(address)
        return address, self._provider


async def _begun(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same chunks, once the first one is here: until then another child may be asked."""
    first = await anext(chunks, b"")

    async def all_of_them() -> AsyncIterator[bytes]:
        yield first
        async for chunk in chunks:
            yield chunk

    return all_of_them()
