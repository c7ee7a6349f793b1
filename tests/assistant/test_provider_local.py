"""A call to the local model finds its child, and the next one when that died before it answered."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aiex.assistant.chat_request import decode_chat_request
from aiex.assistant.local_model import PROBE_EVERY_S, LocalModel
from aiex.assistant.local_model_claim import LocalAddress, LocalModelClaim
from aiex.assistant.local_model_weights import LocalModelMissing
from aiex.assistant.provider import Answer, AnswerStream, Call
from aiex.assistant.provider_local import TRIES_MAX, LocalProvider
from aiex.assistant.provider_openai import OpenAIProvider
from aiex.assistant.upstream import UpstreamAnswer
from aiex.errors import ProviderError
from aiex.settings import LocalModelSettings
from aiex.testing.clock import FakeClock
from aiex.testing.upstream import MemoryUpstream, Scripted

DELTA = b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":null}]}\n\n'
GOOD = UpstreamAnswer(200, "application/json", "", b'{"id":"x"}')
BROKEN = ProviderError("The connection broke.")
BOTH_WAYS = pytest.mark.parametrize("is_stream", [False, True])


def missing(_: LocalModelSettings) -> list[str]:
    raise LocalModelMissing("it is not installed")


class Machine:
    """A machine whose child another node runs: children follow each other, each with a script."""

    def __init__(self, directory: Path, *children: list[Scripted]) -> None:
        self.clock = FakeClock()
        self.alive = -1
        self.mortal: set[int] = set()  # children that die of their first question
        self.children = [MemoryUpstream(*script) for script in children]
        self._claim = LocalModelClaim(directory, repr(LocalModelSettings()))
        self.model = LocalModel(
            LocalModelSettings(),
            directory,
            answers=self._answers,
            clock=self.clock,
            emit=lambda _: None,
            command=missing if not children else lambda _: [],
        )
        self.provider = LocalProvider(self.model, self._provider_at)

    async def _answers(self, address: LocalAddress) -> bool:
        number = address.pid
        is_dead = number in self.mortal and self.children[number].asked
        return number == self.alive and not is_dead

    def _provider_at(self, address: LocalAddress) -> OpenAIProvider:
        upstream = self.children[address.pid]
        return OpenAIProvider("local", upstream, base_url=address.base_url, headers={})

    async def child_comes(self, number: int) -> None:
        self.alive = number
        self._claim.publish(LocalAddress(f"http://child-{number}/v1", "secret", number))
        await self.clock.advance(2 * PROBE_EVERY_S)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        assert self._claim.take()
        if self.children:
            await self.child_comes(0)
        task = asyncio.create_task(self.model.run(lambda: None))
        await self.clock.settle()
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            self._claim.let_go()

    async def ask(self, *, is_stream: bool = False) -> Answer | list[bytes]:
        body = json.dumps({"model": "m", "messages": [], "stream": is_stream}).encode()
        call = Call(decode_chat_request(body), "m", "req_1", "")
        if not is_stream:
            return await self.provider.answer(call)
        async with self.provider.stream(call) as answer:
            if isinstance(answer, AnswerStream):
                return [chunk async for chunk in answer.chunks]
            return answer

    @property
    def asked_counts(self) -> list[int]:
        return [len(child.asked) for child in self.children]


async def test_every_call_goes_to_the_child_there_is(tmp_path: Path) -> None:
    machine = Machine(tmp_path, [GOOD, GOOD])
    async with machine.running():
        assert await machine.ask() == Answer(200, "application/json", b'{"id":"x"}')
        await machine.ask()
        assert machine.asked_counts == [2]


async def test_a_stream_is_passed_on_from_its_first_chunk(tmp_path: Path) -> None:
    machine = Machine(tmp_path, [[DELTA, DELTA]])
    async with machine.running():
        assert await machine.ask(is_stream=True) == [DELTA, DELTA]


@BOTH_WAYS
async def test_a_refusal_of_the_child_is_the_answer(tmp_path: Path, is_stream: bool) -> None:
    wrong = UpstreamAnswer(400, "application/json", "", b"{}")
    machine = Machine(tmp_path, [wrong])
    async with machine.running():
        answer = await machine.ask(is_stream=is_stream)
        assert isinstance(answer, Answer)
        assert answer.status == 400


@pytest.mark.parametrize(
    ("is_stream", "dying"), [(False, BROKEN), (True, BROKEN), (True, [BROKEN])]
)
async def test_a_child_that_died_before_it_answered_is_followed_by_the_next(
    tmp_path: Path, is_stream: bool, dying: Scripted
) -> None:
    machine = Machine(tmp_path, [dying], [[DELTA] if is_stream else GOOD])
    async with machine.running():
        machine.mortal = {0}
        asking = asyncio.create_task(machine.ask(is_stream=is_stream))
        await machine.clock.settle()
        assert not asking.done()
        await machine.child_comes(1)
        await asking
        assert machine.asked_counts == [1, 1]


@BOTH_WAYS
async def test_a_child_that_lives_and_fails_is_not_asked_again(
    tmp_path: Path, is_stream: bool
) -> None:
    machine = Machine(tmp_path, [BROKEN])
    async with machine.running():
        with pytest.raises(ProviderError, match="connection broke"):
            await machine.ask(is_stream=is_stream)
        assert machine.asked_counts == [1]


async def test_a_stream_that_has_begun_is_never_begun_again(tmp_path: Path) -> None:
    machine = Machine(tmp_path, [[DELTA, BROKEN]], [[DELTA]])
    async with machine.running():
        machine.mortal = {0}
        with pytest.raises(ProviderError, match="connection broke"):
            await machine.ask(is_stream=True)
        assert machine.asked_counts == [1, 0]


@BOTH_WAYS
async def test_one_child_after_the_other_may_die_but_not_for_ever(
    tmp_path: Path, is_stream: bool
) -> None:
    broken: list[Scripted] = [BROKEN]
    machine = Machine(tmp_path, *[broken] * (TRIES_MAX + 1))
    async with machine.running():
        machine.mortal = set(range(TRIES_MAX + 1))
        asking = asyncio.create_task(machine.ask(is_stream=is_stream))
        await machine.clock.settle()
        for number in range(1, TRIES_MAX):
            await machine.child_comes(number)
        with pytest.raises(ProviderError, match="connection broke"):
            await asking
        assert sum(machine.asked_counts) == TRIES_MAX


@BOTH_WAYS
async def test_not_installed_it_says_so_without_a_wait(tmp_path: Path, is_stream: bool) -> None:
    machine = Machine(tmp_path)
    async with machine.running():
        with pytest.raises(ProviderError, match="is unavailable: it is not installed"):
            await machine.ask(is_stream=is_stream)
