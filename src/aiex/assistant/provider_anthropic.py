"""Anthropic's Messages API, or a server that speaks it.

A client of the same API is passed through as it is, both ways; for one of OpenAI's the request is
translated, and the answer back.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from time import time
from typing import Final

from aiex.assistant.answer_check import JSON, check_answer
from aiex.assistant.anthropic.chunks_from_events import ChunksFromEvents
from aiex.assistant.anthropic.completion_from_message import completion_from_message
from aiex.assistant.anthropic.error_form import chat_error_from
from aiex.assistant.anthropic.messages_from_chat import messages_from_chat
from aiex.assistant.chat_request import CHAT_PATH
from aiex.assistant.messages_request import VERSION, MessagesRequest
from aiex.assistant.provider import Answer, AnswerStream, Call
from aiex.assistant.refusal import Refusal
from aiex.assistant.upstream import Upstream, UpstreamAnswer, whole

BASE_URL: Final = "https://api.anthropic.com"


class AnthropicProvider:
    """Asks for messages, whole or streamed, and for counts of tokens."""

    def __init__(
        self,
        name: str,
        upstream: Upstream,
        *,
        base_url: str,
        headers: Mapping[str, str],
        max_tokens: int,
    ) -> None:
        """`max_tokens` bounds answers to clients of OpenAI's API that set no bound."""
        self._name = name
        self._upstream = upstream
        self._url = f"{base_url.rstrip('/').removesuffix('/v1')}/v1/messages"
        self._headers = {"content-type": JSON, "anthropic-version": VERSION, **headers}
        self._max_tokens = max_tokens

    async def answer(self, call: Call) -> Answer:
        answer = await self._upstream.post(self._url, self._headers_for(call), self._body(call))
        return self._checked(call, answer)

    @asynccontextmanager
    async def stream(self, call: Call) -> AsyncIterator[AnswerStream | Answer]:
        headers, body = self._headers_for(call), self._body(call)
        async with self._upstream.stream(self._url, headers, body) as upstream:
            media_type = upstream.content_type.lower()
            if upstream.status != 200 or not media_type.startswith("text/event-stream"):
                yield self._checked(call, await whole(upstream))
            elif isinstance(call.request, MessagesRequest):
                yield AnswerStream(upstream.chunks, is_native=True)
            else:
                yield AnswerStream(_as_chat(upstream.chunks))

    async def count_tokens(self, call: Call) -> Answer:
        """How many tokens a request of the Messages API has, in that API's form."""
        request = call.request
        assert isinstance(request, MessagesRequest), "OpenAI's API has no such question"
        body = request.messages_for(call.target_model)
        url = f"{self._url}/count_tokens"
        answer = await self._upstream.post(url, self._headers_for(call), body)
        return self._checked(call, answer)

    def _body(self, call: Call) -> bytes:
        request = call.request
        if isinstance(request, MessagesRequest):
            return request.messages_for(call.target_model)
        if request.path != CHAT_PATH:
            raise Refusal(
                400,
                "not_supported_by_provider",
                f"Provider '{self._name}' speaks Anthropic's API, which has chats only.",
            )
        return messages_from_chat(request.raw, call.target_model, max_tokens=self._max_tokens)

    def _headers_for(self, call: Call) -> dict[str, str]:
        headers = {
            **self._headers,
            "x-request-id": call.request_id,
            "traceparent": call.traceparent,
        }
        request = call.request
        if isinstance(request, MessagesRequest):
            headers["anthropic-version"] = request.version
            if betas := [beta for beta in (headers.get("anthropic-beta"), request.beta) if beta]:
                headers["anthropic-beta"] = ",".join(betas)
        return headers

    def _checked(self, call: Call, answer: UpstreamAnswer) -> Answer:
        check_answer(self._name, answer)
        status, body = answer.status, answer.body
        if isinstance(call.request, MessagesRequest):
            return Answer(status, JSON, body, answer.retry_after, is_native=True)
        if status == 200:
            return Answer(200, JSON, completion_from_message(body, created_s=int(time())))
        return Answer(status, JSON, chat_error_from(body, status), answer.retry_after)


async def _as_chat(events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    translation = ChunksFromEvents(created_s=int(time()))
    async for data in events:
        if chunks := translation.feed(data):
            yield chunks
    translation.end()
