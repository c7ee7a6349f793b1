"""The desk: asks all chapters, bears that some do not answer, refuses what cannot be in time."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from aiex.clock import SystemClock
from aiex.cluster import Caller, Handler
from aiex.errors import CallRefused
from aiex.performance import (
    Analyze,
    FindDeadlocks,
    FindGrowth,
    NoTraffic,
    Recommend,
    ShowLoop,
    TakeCpuProfile,
    TellDone,
    Traffic,
    WatchHolds,
)
from aiex.performance.analysis import Analyst
from aiex.performance.tasks import Deadlocks
from aiex.testing.evidence import GUEST, SHOP, grown, holds, leak, loop_state, profile, stall

CALLER = Caller("n1", 1, 60.0, "")


class Flooded(NoTraffic):
    """A node that is up for long."""

    def traffic(self) -> Traffic:
        return Traffic(uptime_s=3600.0)


def answering(answer: object) -> Handler:
    async def handler(_: Any, __: Caller) -> Any:
        return answer

    return handler


def refusing(text: str) -> Handler:
    async def handler(_: Any, __: Caller) -> Any:
        raise CallRefused(text)

    return handler


def analyst(handlers: Mapping[type[Any], Handler]) -> Analyst:
    return Analyst(lambda: handlers, Flooded(), node="n1", clock=SystemClock())


ILL: Mapping[type[Any], Handler] = {
    WatchHolds: answering(holds(*[stall(0.1, "waits") for _ in range(5)])),
    TakeCpuProfile: answering(profile("cpu", ((GUEST,), SHOP, 1.0))),
    ShowLoop: answering(loop_state()),
    FindGrowth: answering(grown(leak(site="shop.stock:Stock.note (stock.py:3)"))),
    FindDeadlocks: answering(Deadlocks((), 4)),
}


async def test_what_the_chapters_saw_becomes_findings() -> None:
    found = await analyst(ILL).analyze(Analyze(2.0), CALLER)
    assert {(one.cause, one.function) for one in found.findings} == {
        ("blocking_call", GUEST.function),
        ("leak", "shop.stock:Stock.note"),
    }
    assert found.seconds >= 2.0
    assert "Nobody answers TakeCensus here." in found.missing


async def test_a_chapter_that_refuses_is_told_and_no_failure() -> None:
    found = await analyst({FindGrowth: refusing("It looks already.")}).analyze(Analyze(2.0), CALLER)
    assert found.findings == ()
    assert "FindGrowth: It looks already." in found.missing
    assert found.text.startswith("Nothing is wrong")


async def test_a_chapter_that_fails_is_told_by_its_place_and_not_by_what_it_met() -> None:
    async def failing(_: Any, __: Caller) -> Any:
        raise ValueError("the customer's own words")

    found = await analyst({**ILL, FindGrowth: failing}).analyze(Analyze(2.0), CALLER)
    (told,) = (one for one in found.missing if one.startswith("FindGrowth"))
    assert "ValueError in" in told
    assert "test_analysis.py:" in told
    assert "words" not in told


async def test_one_looks_at_a_time() -> None:
    desk = analyst({})
    first = asyncio.create_task(desk.analyze(Analyze(2.0), CALLER))
    await asyncio.sleep(0)
    with pytest.raises(CallRefused, match="being analyzed already"):
        await desk.analyze(Analyze(2.0), CALLER)
    await first
    assert (await desk.recommend(Recommend(), CALLER)).recommendations == ()


async def test_a_deadline_that_is_too_near_is_refused_with_what_to_do() -> None:
    with pytest.raises(CallRefused, match="ask for less, or with a later one"):
        await analyst({}).analyze(Analyze(10.0), Caller("n1", 1, 12.0, ""))


async def test_an_unknown_recommendation_is_refused_with_those_there_are() -> None:
    with pytest.raises(CallRefused, match="open are: none"):
        await analyst({}).tell_done(TellDone("x"), CALLER)
