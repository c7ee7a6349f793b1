"""What discovery answers, and how it is followed."""

import asyncio

from aiex.cluster import Found, follow
from aiex.cluster.discovery.discovery import CALM_EVERY_S
from aiex.engine import CarrierAddress
from aiex.testing.clock import FakeClock

A, B, C = (CarrierAddress(name, f"10.0.0.{name}", 1, 2) for name in "abc")


def test_an_answer_is_complete_when_nothing_is_missing() -> None:
    assert Found((A, B, C)).is_complete
    assert not Found().is_complete
    assert not Found((A,), waiting_for="two more").is_complete
    assert not Found((A, B, C), trouble="two are called a").is_complete


def test_the_others_are_all_but_this_node() -> None:
    assert Found((A, B, C), B).others == (A, C)
    assert Found((A, B, C)).others == (A, B, C)


class Answers:
    """Discovery that finds one thing after another."""

    find_every_s = 3.0

    def __init__(self, *found: Found) -> None:
        self._left = list(found)

    async def find(self) -> Found:
        return self._left.pop(0)

    def renew(self, carriers: tuple[CarrierAddress, ...], *, epoch: int) -> str:
        return ""

    def close(self) -> None: ...


async def test_followed_it_tells_what_is_new() -> None:
    waiting, complete = Found((A,), waiting_for="two more"), Found((A, B, C))
    clock, told = FakeClock(), []

    async def listen() -> None:
        async for found in follow(Answers(waiting, waiting, complete), clock):
            told.append((clock.monotonic_s(), found))
            if found.is_complete:
                return

    listening = asyncio.create_task(listen())
    await clock.advance(5.9)
    assert told == [(0.0, waiting)]
    await clock.advance(0.1)
    assert told[1:] == [(6.0, complete)]
    await listening


async def test_while_nobody_waits_it_is_asked_more_rarely() -> None:
    waiting, complete = Found((A,), waiting_for="two more"), Found((A, B, C))
    clock, told = FakeClock(), []

    async def listen() -> None:
        async for found in follow(Answers(waiting, complete), clock, is_calm=lambda: True):
            told.append((clock.monotonic_s(), found))
            if found.is_complete:
                return

    listening = asyncio.create_task(listen())
    await clock.advance(CALM_EVERY_S)
    assert told == [(0.0, waiting), (CALM_EVERY_S, complete)]
    await listening
