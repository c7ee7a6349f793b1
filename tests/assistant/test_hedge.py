"""Two calls for one answer: when the second goes out, who wins, and what becomes of the loser."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from aiex.assistant.hedge import hedged
from aiex.testing.clock import FakeClock


class Calls:
    """Scripted calls: each gives its result after its time."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.begun: list[str] = []
        self.cancelled: list[str] = []

    async def ask(self, result: str, after_s: float) -> str:
        self.begun.append(result)
        try:
            await self.clock.sleep(after_s)
        except asyncio.CancelledError:
            self.cancelled.append(result)
            raise
        return result

    def race(
        self, first: Coroutine[Any, Any, str], second: Coroutine[Any, Any, str] | None
    ) -> "asyncio.Task[str]":
        return asyncio.create_task(
            hedged(
                first,
                lambda: second,
                after_s=1.0,
                clock=self.clock,
                is_good=lambda result: not result.startswith("bad"),
            )
        )


@pytest.fixture
def calls() -> Calls:
    return Calls()


async def test_a_quick_answer_needs_no_second_call(calls: Calls) -> None:
    second = calls.ask("b", 0.1)
    task = calls.race(calls.ask("a", 0.5), second)
    await calls.clock.advance(3)
    assert await task == "a"
    assert calls.begun == ["a"]
    second.close()


async def test_the_second_wins_when_it_is_faster_and_the_first_is_cancelled(calls: Calls) -> None:
    task = calls.race(calls.ask("a", 9), calls.ask("b", 0.5))
    await calls.clock.advance(3)
    assert await task == "b"
    assert calls.cancelled == ["a"]


async def test_the_first_may_still_win(calls: Calls) -> None:
    task = calls.race(calls.ask("a", 1.2), calls.ask("b", 0.5))
    await calls.clock.advance(3)
    assert await task == "a"
    assert calls.cancelled == ["b"]


async def test_a_bad_answer_does_not_win_over_one_to_come(calls: Calls) -> None:
    task = calls.race(calls.ask("a", 2.5), calls.ask("bad b", 0.1))
    await calls.clock.advance(3)
    assert await task == "a"


async def test_a_bad_answer_is_given_when_there_is_no_better(calls: Calls) -> None:
    task = calls.race(calls.ask("bad a", 2), calls.ask("bad b", 2))
    await calls.clock.advance(4)
    assert (await task).startswith("bad")


async def test_with_nobody_else_to_ask_the_first_is_waited_for(calls: Calls) -> None:
    task = calls.race(calls.ask("a", 5), None)
    await calls.clock.advance(6)
    assert await task == "a"


async def test_a_client_that_leaves_ends_both(calls: Calls) -> None:
    task = calls.race(calls.ask("a", 9), calls.ask("b", 9))
    await calls.clock.advance(2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(calls.cancelled) == ["a", "b"]
