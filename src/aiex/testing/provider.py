"""A provider in memory: answers from a script, on a clock that a test turns."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiex.assistant.provider import Answer, AnswerStream, Call
from aiex.clock import Clock
from aiex.errors import ProviderError

JSON = "application/json"
WHOLE = Answer(200, JSON, b'{"choices":[]}')
STREAM: tuple[bytes, ...] = (
    b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n',
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n',
    b"data: [DONE]\n\n",
)

# Steps of one answer: numbers are seconds waited, errors are raised, bytes are parts of a stream.
type Step = float | ProviderError | Answer | bytes


class ScriptedProvider:
    """Gives one scripted answer a call, the last one for ever after."""

    def __init__(self, clock: Clock, *script: Sequence[Step] | Step) -> None:
        self._clock = clock
        self._script: list[Sequence[Step]] = [
            [one] if isinstance(one, Answer | ProviderError | bytes | float) else one
            for one in script
        ]
        self.calls: list[Call] = []
        self.in_flight = 0

    async def answer(self, call: Call) -> Answer:
        self.in_flight += 1
        try:
            for step in self._next(call):
                if isinstance(step, Answer):
                    return step
                assert not isinstance(step, bytes), "the script has a stream here"
                await self._wait(step)
        finally:
            self.in_flight -= 1
        raise AssertionError("the script has no answer here")

    @asynccontextmanager
    async def stream(self, call: Call) -> AsyncIterator[AnswerStream | Answer]:
        steps = self._next(call)
        self.in_flight += 1
        try:
            while steps and not isinstance(steps[0], bytes | Answer):
                await self._wait(steps[0])
                steps = steps[1:]
            whole = steps[0] if steps else None
            yield whole if isinstance(whole, Answer) else AnswerStream(self._parts(steps))
        finally:
            self.in_flight -= 1

    async def _parts(self, steps: Sequence[Step]) -> AsyncIterator[bytes]:
        for step in steps:
            if isinstance(step, bytes):
                yield step
            else:
                assert not isinstance(step, Answer), "the script has a whole answer here"
                await self._wait(step)

    async def _wait(self, step: float | ProviderError) -> None:
        if isinstance(step, ProviderError):
            raise step
        await self._clock.sleep(step)

    def _next(self, call: Call) -> Sequence[Step]:
        self.calls.append(call)
        return self._script.pop(0) if len(self._script) > 1 else self._script[0]
