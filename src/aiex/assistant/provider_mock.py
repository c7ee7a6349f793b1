"""A provider that answers by itself: deterministic, with latency, token pace and faults."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import msgspec

from aiex.assistant.completion_request import COMPLETIONS_PATH
from aiex.assistant.embedding_request import EMBEDDINGS_PATH
from aiex.assistant.mock import MockFault, MockModel, decode_mock_request
from aiex.assistant.mock_completion import (
    completion,
    completion_frames,
    decode_mock_completion,
    half_of_completion_frames,
)
from aiex.assistant.mock_embedding import decode_mock_embedding, embeddings
from aiex.assistant.provider import Answer, AnswerStream, Call, ProviderTimeout
from aiex.clock import Clock
from aiex.errors import ProviderError
from aiex.settings import ProviderSettings

_JSON = "application/json"
_ERROR = (
    b'{"error":{"message":"The mock failed on purpose.",'
    b'"type":"server_error","param":null,"code":"mock_error"}}'
)
_LIMIT = (
    b'{"error":{"message":"The mock limits on purpose.",'
    b'"type":"rate_limit_error","param":null,"code":"mock_rate_limit"}}'
)


class MockProvider:
    """Stands in for a real provider in load tests and drills."""

    def __init__(self, settings: ProviderSettings, clock: Clock) -> None:
        self._model = MockModel(settings)
        self._latency_s = settings.latency_ms / 1000
        self._frame_gap_s = 1 / settings.tokens_per_s if settings.tokens_per_s else 0.0
        self._hang_s = settings.first_byte_timeout_s
        self._clock = clock

    async def answer(self, call: Call) -> Answer:
        fault = self._model.fault()
        failed = await self._delayed(fault)
        if failed is not None:
            return failed
        if fault is MockFault.CUT:
            raise ProviderError("The mock cut the answer on purpose.")
        answer = _accepted(call, self._answer)
        return answer if isinstance(answer, Answer) else Answer(200, _JSON, answer)

    @asynccontextmanager
    async def stream(self, call: Call) -> AsyncIterator[AnswerStream | Answer]:
        fault = self._model.fault()
        failed = await self._delayed(fault)
        if failed is not None:
            yield failed
            return
        is_cut = fault is MockFault.CUT
        frames = _accepted(call, self._half_of_frames if is_cut else self._frames)
        if isinstance(frames, Answer):
            yield frames
            return
        yield AnswerStream(self._paced(frames, is_cut=is_cut))

    def _answer(self, path: str, body: bytes) -> bytes:
        if path == EMBEDDINGS_PATH:
            return embeddings(decode_mock_embedding(body))
        if path == COMPLETIONS_PATH:
            return completion(self._model, decode_mock_completion(body))
        return self._model.answer(decode_mock_request(body))

    def _frames(self, path: str, body: bytes) -> Iterator[bytes]:
        if path == COMPLETIONS_PATH:
            return completion_frames(self._model, decode_mock_completion(body))
        return self._model.frames(decode_mock_request(body))

    def _half_of_frames(self, path: str, body: bytes) -> Iterator[bytes]:
        if path == COMPLETIONS_PATH:
            return half_of_completion_frames(self._model, decode_mock_completion(body))
        return self._model.half_of_frames(decode_mock_request(body))

    async def _delayed(self, fault: MockFault | None) -> Answer | None:
        if self._latency_s:
            await self._clock.sleep(self._latency_s)
        match fault:
            case MockFault.ERROR:
                return Answer(500, _JSON, _ERROR)
            case MockFault.RATE_LIMIT:
                return Answer(429, _JSON, _LIMIT, retry_after="1")
            case MockFault.HANG:
                await self._clock.sleep(self._hang_s)
                raise ProviderTimeout("The mock hung on purpose.")
        return None

    async def _paced(self, frames: Iterator[bytes], *, is_cut: bool) -> AsyncIterator[bytes]:
        for frame in frames:
            if self._frame_gap_s:
                await self._clock.sleep(self._frame_gap_s)
            else:
                await asyncio.sleep(0)  # a stream that never waits would starve the loop
            yield frame
        if is_cut:
            raise ProviderError("The mock cut the stream on purpose.")


def _accepted[T](call: Call, made: Callable[[str, bytes], T]) -> T | Answer:
    """What the mock makes of a request, or its refusal of one it cannot read."""
    try:
        return made(call.request.path, call.request.body_for(call.target_model))
    except msgspec.DecodeError as error:
        body = {"message": str(error), "type": "invalid_request_error", "code": "invalid_type"}
        return Answer(400, _JSON, msgspec.json.encode({"error": {**body, "param": None}}))
