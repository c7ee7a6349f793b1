"""Any server that speaks OpenAI's API: OpenAI, vLLM, Ollama, LM Studio, llama.cpp, another Aiex."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiex.assistant.provider import Answer, AnswerStream, Call, ProviderRefusedUs
from aiex.assistant.upstream import Upstream, UpstreamAnswer, UpstreamStream
from aiex.errors import ProviderError

# A whole answer that came where a stream was asked for is read up to this size.
WHOLE_ANSWER_BYTES_MAX = 32 * 1024 * 1024

_STATUS_MIN, _STATUS_MAX = 200, 599


class OpenAIProvider:
    """Sends a request on as it is and gives the answer back as it is."""

    def __init__(
        self, name: str, upstream: Upstream, *, base_url: str, headers: Mapping[str, str]
    ) -> None:
        self._name = name
        self._upstream = upstream
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._headers = {"content-type": "application/json", **headers}

    async def answer(self, call: Call) -> Answer:
        body = call.request.body_for(call.target_model)
        return self._checked(await self._upstream.post(self._url, self._headers_for(call), body))

    @asynccontextmanager
    async def stream(self, call: Call) -> AsyncIterator[AnswerStream | Answer]:
        body = call.request.body_for(call.target_model)
        async with self._upstream.stream(self._url, self._headers_for(call), body) as upstream:
            if upstream.status == 200 and upstream.content_type.startswith("text/event-stream"):
                yield AnswerStream(upstream.chunks)
            else:
                yield self._checked(await _whole(upstream))

    def _headers_for(self, call: Call) -> dict[str, str]:
        return {
            **self._headers,
            "x-request-id": call.request_id,
            "traceparent": call.traceparent,
        }

    def _checked(self, answer: UpstreamAnswer) -> Answer:
        status = answer.status
        if status in (401, 403):
            raise ProviderRefusedUs(
                f"Provider '{self._name}' refused this server's credentials (status {status}); "
                "an operator should check its api_key."
            )
        if not _STATUS_MIN <= status <= _STATUS_MAX or 300 <= status < 400:
            raise ProviderError(f"Provider '{self._name}' answered with status {status}.")
        if status == 200 and not answer.body.lstrip().startswith(b"{"):
            raise ProviderError(f"Provider '{self._name}' answered with something else than JSON.")
        return Answer(
            status, answer.content_type or "application/json", answer.body, answer.retry_after
        )


async def _whole(stream: UpstreamStream) -> UpstreamAnswer:
    parts: list[bytes] = []
    size = 0
    async for chunk in stream.chunks:
        parts.append(chunk)
        size += len(chunk)
        if size > WHOLE_ANSWER_BYTES_MAX:
            raise ProviderError("The provider's answer is larger than is taken.")
    return UpstreamAnswer(stream.status, stream.content_type, stream.retry_after, b"".join(parts))
