"""Answers `rank`: reads a measure once, or at both ends of a window."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from aiex.clock import Clock
from aiex.cluster import Caller, Handler
from aiex.errors import CallRefused
from aiex.performance.questions.measure import Measure
from aiex.performance.questions.ranking import Ranking, top, window
from aiex.performance.questions.requests import (
    ListedMeasure,
    ListMeasures,
    MeasureList,
    Rank,
)


class Questions:
    def __init__(self, measures: Sequence[Measure], clock: Clock) -> None:
        self._measures = {(one.metric, one.by): one for one in measures}
        assert len(self._measures) == len(measures), "one measure for one name"
        self._clock = clock

    def handlers(self) -> Mapping[type[Any], Handler]:
        return {Rank: self.rank, ListMeasures: self.measures}

    async def rank(self, asked: Rank, _: Caller) -> Ranking:
        """Raises `CallRefused` when there is no such measure."""
        measure = self._measures.get((asked.metric, asked.by))
        if measure is None:
            raise CallRefused(self._unknown(asked))
        if asked.seconds == 0:
            return _noted(top(await measure.values(), asked.n), measure)
        async with measure.counting():
            before = await measure.values()
            await self._clock.sleep(asked.seconds)
            return _noted(window(before, await measure.values(), asked.n), measure)

    async def measures(self, _: ListMeasures, __: Caller) -> MeasureList:
        return MeasureList(
            tuple(
                ListedMeasure(one.metric, one.by, one.unit, one.meaning)
                for one in self._measures.values()
            )
        )

    def _unknown(self, asked: Rank) -> str:
        ways = [by for metric, by in self._measures if metric == asked.metric]
        if ways:
            return f"{asked.metric} is not known by {asked.by}, but by {', '.join(ways)}."
        metrics = ", ".join(dict.fromkeys(metric for metric, _ in self._measures))
        return f"There is no measure '{asked.metric[:40]}'; there are {metrics}."


def _noted(ranking: Ranking, measure: Measure) -> Ranking:
    notes = tuple(measure.notes())
    return replace(ranking, notes=notes) if notes else ranking
