"""`rank`: the most of now, what grew the most, and refusals that say what there is."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from aiex.cluster import Caller
from aiex.errors import CallRefused
from aiex.performance.questions import ListMeasures, Questions, Rank, top, window
from aiex.testing.clock import FakeClock

CALLER = Caller("n1", 1, 10.0, "")


class SetMeasure:
    metric = "cpu"
    by = "thread"
    unit = "s"
    meaning = "As set."

    def __init__(self, *readings: Mapping[str, float]) -> None:
        self._readings = iter(readings)
        self.counted: list[str] = []

    async def values(self) -> Mapping[str, float]:
        return next(self._readings)

    @asynccontextmanager
    async def counting(self) -> AsyncIterator[None]:
        self.counted.append("began")
        yield
        self.counted.append("ended")

    def notes(self) -> tuple[str, ...]:
        return ("Not all of it.",) if self.counted else ()


def test_the_largest_come_first_with_their_share() -> None:
    ranking = top({"a": 1.0, "b": 3.0, "c": 4.0, "d": 0.0}, 2)
    assert [(one.key, one.value, one.share) for one in ranking.ranked] == [
        ("c", 4.0, 0.5),
        ("b", 3.0, 0.375),
    ]
    assert (ranking.total, ranking.key_count) == (8.0, 4)


def test_a_window_tells_growth_and_counts_newcomers_from_nothing() -> None:
    ranking = window({"a": 5.0, "gone": 9.0, "same": 2.0}, {"a": 6.0, "new": 3.0, "same": 2.0}, 9)
    assert [(one.key, one.value) for one in ranking.ranked] == [("new", 3.0), ("a", 1.0)]


async def test_a_window_is_counted_at_both_ends() -> None:
    clock = FakeClock()
    measure = SetMeasure({"a": 1.0}, {"a": 4.0})
    questions = Questions([measure], clock)
    asking = asyncio.create_task(questions.rank(Rank("cpu", "thread", seconds=5.0), CALLER))
    await clock.advance(5.0)
    ranking = await asking
    assert [(one.key, one.value) for one in ranking.ranked] == [("a", 3.0)]
    assert ranking.notes == ("Not all of it.",)
    assert measure.counted == ["began", "ended"]


async def test_what_is_not_measured_is_refused_with_what_is() -> None:
    questions = Questions([SetMeasure()], FakeClock())
    with pytest.raises(CallRefused, match="cpu is not known by moon, but by thread"):
        await questions.rank(Rank("cpu", "moon"), CALLER)
    with pytest.raises(CallRefused, match="no measure 'luck'; there are cpu"):
        await questions.rank(Rank("luck", "thread"), CALLER)
    listed = await questions.measures(ListMeasures(), CALLER)
    assert [(one.metric, one.by) for one in listed.measures] == [("cpu", "thread")]
