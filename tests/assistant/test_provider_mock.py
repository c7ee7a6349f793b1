"""The mock as a provider: it takes its time by the clock and fails as it is told to."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from aiex.assistant.chat_request import decode_chat_request
from aiex.assistant.provider import Answer, Call, ProviderTimeout
from aiex.assistant.provider_mock import MockProvider
from aiex.errors import ProviderError
from aiex.settings import MockFaults, ProviderSettings
from aiex.testing.clock import FakeClock

ALWAYS_ERROR = MockFaults(error_ratio=1.0)
ALWAYS_LIMIT = MockFaults(rate_limit_ratio=1.0)
ALWAYS_HANG = MockFaults(hang_ratio=1.0)
ALWAYS_CUT = MockFaults(cut_ratio=1.0)


class Stage:
    """A mock, a clock that stands still, and a task that asks."""

    def __init__(self, **settings: Any) -> None:
        self.clock = FakeClock()
        self.provider = MockProvider(ProviderSettings(kind="mock", **settings), self.clock)
        self.chunks: list[bytes] = []

    @asynccontextmanager
    async def asking(self, call: Call) -> AsyncIterator["asyncio.Task[Answer | None]"]:
        """Ask for a whole answer or a stream; what has come of a stream is in `chunks`."""
        ask = self._read(call) if call.request.is_stream else self.provider.answer(call)
        task: asyncio.Task[Answer | None] = asyncio.create_task(ask)
        await self.clock.settle()
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _read(self, call: Call) -> Answer | None:
        async with self.provider.stream(call) as answer:
            if isinstance(answer, Answer):
                return answer
            async for chunk in answer.chunks:
                self.chunks.append(chunk)
        return None


def call(content: object = "hello", *, is_stream: bool = False) -> Call:
    messages = [{"role": "user", "content": content}]
    body = json.dumps({"model": "m", "messages": messages, "stream": is_stream})
    return Call(decode_chat_request(body.encode()), "m", "req_1", "00-trace")


BOTH_WAYS = pytest.mark.parametrize("is_stream", [False, True])


async def test_without_latency_the_answer_is_there_at_once() -> None:
    answer = await Stage(answer_tokens=2).provider.answer(call())
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert json.loads(answer.body)["choices"][0]["message"]["content"] == "the quick"


async def test_the_answer_names_the_model_the_provider_was_asked_for() -> None:
    there = Call(call().request, "model-there", "req_1", "00-trace")
    answer = await Stage().provider.answer(there)
    assert json.loads(answer.body)["model"] == "model-there"


async def test_a_whole_answer_comes_after_the_latency_and_not_before() -> None:
    stage = Stage(latency_ms=300)
    async with stage.asking(call()) as task:
        await stage.clock.advance(0.29)
        assert not task.done()
        await stage.clock.advance(0.02)
        assert task.done()


async def test_a_stream_comes_after_the_latency_at_its_pace() -> None:
    stage = Stage(latency_ms=300, tokens_per_s=10, answer_tokens=5)
    async with stage.asking(call(is_stream=True)) as task:
        await stage.clock.advance(0.35)
        assert stage.chunks == []
        for count in range(1, 6):
            await stage.clock.advance(0.1)
            assert len(stage.chunks) == count
        await stage.clock.advance(0.3)
        assert stage.chunks[-1] == b"data: [DONE]\n\n"
        assert task.done()


async def test_a_stream_without_a_pace_lets_others_run() -> None:
    stage = Stage(answer_tokens=10**9)
    async with stage.asking(call(is_stream=True)) as task:
        assert 0 < len(stage.chunks) < 1_000
        assert not task.done()


@BOTH_WAYS
async def test_an_error_is_a_500_in_openais_form(is_stream: bool) -> None:
    async with Stage(faults=ALWAYS_ERROR).asking(call(is_stream=is_stream)) as task:
        answer = await task
    assert answer is not None
    assert (answer.status, answer.content_type) == (500, "application/json")
    assert json.loads(answer.body)["error"]["code"] == "mock_error"


@BOTH_WAYS
async def test_a_rate_limit_is_a_429_that_says_when_to_come_back(is_stream: bool) -> None:
    async with Stage(faults=ALWAYS_LIMIT).asking(call(is_stream=is_stream)) as task:
        answer = await task
    assert answer is not None
    assert (answer.status, answer.retry_after) == (429, "1")
    assert json.loads(answer.body)["error"]["code"] == "mock_rate_limit"


@BOTH_WAYS
async def test_faults_take_their_time_too(is_stream: bool) -> None:
    stage = Stage(latency_ms=300, faults=ALWAYS_ERROR)
    async with stage.asking(call(is_stream=is_stream)) as task:
        assert not task.done()
        await stage.clock.advance(0.31)
        assert task.done()


@BOTH_WAYS
async def test_a_hang_is_silent_until_the_first_byte_is_due(is_stream: bool) -> None:
    stage = Stage(first_byte_timeout_s=120, faults=ALWAYS_HANG)
    async with stage.asking(call(is_stream=is_stream)) as task:
        await stage.clock.advance(119.9)
        assert not task.done()
        await stage.clock.advance(0.2)
        with pytest.raises(ProviderTimeout, match="hung on purpose"):
            await task


async def test_a_cut_answer_never_comes() -> None:
    with pytest.raises(ProviderError, match="cut the answer on purpose"):
        await Stage(faults=ALWAYS_CUT).provider.answer(call())


async def test_a_cut_stream_begins_and_breaks_before_its_end() -> None:
    stage = Stage(answer_tokens=6, faults=ALWAYS_CUT)
    async with stage.asking(call(is_stream=True)) as task:
        with pytest.raises(ProviderError, match="cut the stream on purpose"):
            await task
    assert len(stage.chunks) == 3
    assert b'"finish_reason": "stop"' not in b"".join(stage.chunks)


@BOTH_WAYS
@pytest.mark.parametrize("content", [7, {"text": "x"}, [7], [{"type": "text", "text": 7}]])
async def test_malformed_messages_are_a_400_that_says_where(
    content: object, is_stream: bool
) -> None:
    async with Stage().asking(call(content, is_stream=is_stream)) as task:
        answer = await task
    assert answer is not None
    assert (answer.status, answer.content_type) == (400, "application/json")
    error = json.loads(answer.body)["error"]
    assert error["type"] == "invalid_request_error"
    assert "$.messages[0].content" in error["message"]


async def test_leaving_a_stream_early_ends_its_work() -> None:
    stage = Stage(tokens_per_s=1)
    async with stage.asking(call(is_stream=True)) as task:
        await stage.clock.advance(2.5)
        task.cancel()
        await stage.clock.advance(10)
    assert len(stage.chunks) == 2
    assert stage.clock.sleeper_count == 0


async def test_the_faults_of_a_drill_repeat_with_its_seed() -> None:
    async def statuses(seed: int) -> list[int]:
        provider = Stage(seed=seed, faults=MockFaults(error_ratio=0.5)).provider
        return [(await provider.answer(call())).status for _ in range(50)]

    assert await statuses(1) == await statuses(1)
    assert await statuses(1) != await statuses(2)
