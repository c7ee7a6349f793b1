"""Any server that speaks OpenAI's API: OpenAI, vLLM, Ollama, LM Studio, llama.cpp, another Aiex."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Final

from aiex.assistant.answer_check import JSON, check_answer
from aiex.assistant.dialect import Dialect, OpenAIDialect
from aiex.assistant.provider import Answer, AnswerStream, Call
from aiex.assistant.upstream import Upstream, UpstreamAnswer, UpstreamStream, whole

EVENT_STREAM: Final = "text/event-stream"


class OpenAIProvider:
    """Sends a request on as it is and gives the answer back as it is, but for its dialect."""

    def __init__(
        self,
        name: str,
        upstream: Upstream,
        *,
        base_url: str,
        headers: Mapping[str, str],
        dialect: Dialect = OpenAIDialect(),  # noqa: B008 - it has no state
    ) -> None:
        self._name = name
        self._upstream = upstream
        self._base_url = base_url.rstrip("/")
        self._dialect = dialect
        self._headers = {"content-type": JSON, **headers}

    async def answer(self, call: Call) -> Answer:
        body = call.request.body_for(call.target_model)
        url = self._dialect.url(self._base_url, call.request.path, call.target_model)
        return self._checked(await self._upstream.post(url, self._headers_for(call), body))

    def stream(self, call: Call) -> "_Streamed":
        return _Streamed(self, call)

    def opened(self, call: Call) -> AbstractAsyncContextManager[UpstreamStream]:
        """The provider's server, asked for a stream."""
        body = call.request.body_for(call.target_model)
        url = self._dialect.url(self._base_url, call.request.path, call.target_model)
        return self._upstream.stream(url, self._headers_for(call), body)

    async def begun(self, upstream: UpstreamStream) -> AnswerStream | Answer:
        """The answer that begins with these headers; raises `ProviderError` when it is none."""
        if upstream.status == 200 and upstream.content_type.lower().startswith(EVENT_STREAM):
            return AnswerStream(self._dialect.chunks(upstream.chunks))
        return self._checked(await whole(upstream))

    async def post(self, path: str, call: Call, body: bytes) -> Answer:
        """The answer to something else than a chat, at `path` below the base URL."""
        url = f"{self._base_url}{path}"
        return self._checked(await self._upstream.post(url, self._headers_for(call), body))

    def _headers_for(self, call: Call) -> dict[str, str]:
        return {
            **self._headers,
            "x-request-id": call.request_id,
            "traceparent": call.traceparent,
        }

    def _checked(self, answer: UpstreamAnswer) -> Answer:
        status, body, dialect = answer.status, answer.body, self._dialect
        is_key_refused = dialect.is_key_refused(status, body)
        check_answer(self._name, answer, is_key_refused=is_key_refused)
        said = dialect.answer(body) if status == 200 else dialect.error(status, body)
        return Answer(status, JSON, said, answer.retry_after)


class _Streamed:
    """A provider's answer to one call, as a context; a generator would cost each stream 4 us."""

    __slots__ = ("_call", "_provider", "_upstream")

    def __init__(self, provider: OpenAIProvider, call: Call) -> None:
        self._provider = provider
        self._call = call

    async def __aenter__(self) -> AnswerStream | Answer:
        self._upstream = self._provider.opened(self._call)
        upstream = await self._upstream.__aenter__()
        try:
            return await self._provider.begun(upstream)
        except BaseException as error:
            await self._upstream.__aexit__(type(error), error, error.__traceback__)
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._upstream.__aexit__(kind, error, traceback)
