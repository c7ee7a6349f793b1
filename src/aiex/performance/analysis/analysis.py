"""The chapter's desk: looks for a while, says what is wrong, and what would help."""

from collections.abc import Callable, Mapping
from typing import Any

from aiex.clock import Clock
from aiex.cluster import Caller, Handler
from aiex.errors import CallRefused
from aiex.performance.analysis.diagnosis import diagnosed, summary
from aiex.performance.analysis.evidence import Evidence
from aiex.performance.analysis.gathering import Gathering
from aiex.performance.analysis.kernel import KernelCounts, kernel_counts
from aiex.performance.analysis.recommendation_book import RecommendationBook, sentence
from aiex.performance.analysis.requests import (
    SECONDS_MIN,
    SPARE_S,
    Analysis,
    Analyze,
    Recommend,
    Recommendations,
    TellDone,
)
from aiex.performance.analysis.traffic import TrafficWatch
from aiex.performance.chapter import Chapter
from aiex.performance.own_thread import in_own_thread

# Looks at a time: each takes a profile of its own, of which a chapter takes two at most.
LOOKS_MAX = 1


class Analyst(Chapter):
    """`handlers` are those of the chapters, once they are built."""

    def __init__(
        self,
        handlers: Callable[[], Mapping[type[Any], Handler]],
        traffic: TrafficWatch,
        *,
        node: str,
        clock: Clock,
        kernel: Callable[[], KernelCounts] = kernel_counts,
    ) -> None:
        self._gathering = Gathering(handlers, traffic, node=node, clock=clock, kernel=kernel)
        self._book = RecommendationBook()
        self._look_count = 0

    def handlers(self) -> Mapping[type[Any], Handler]:
        return {
            Analyze: self.analyze,
            Recommend: self.recommend,
            TellDone: self.tell_done,
        }

    async def analyze(self, asked: Analyze, caller: Caller) -> Analysis:
        """Raises `CallRefused` while another looks, and when the deadline is too near."""
        evidence = await self._evidence(asked.seconds, caller)
        findings = await in_own_thread(diagnosed, evidence)
        return Analysis(
            evidence.began_at_s,
            evidence.seconds,
            findings,
            summary(findings, evidence),
            evidence.missing,
        )

    async def recommend(self, asked: Recommend, caller: Caller) -> Recommendations:
        """Raises `CallRefused` as `analyze` does, when it is to look first."""
        if asked.seconds:
            await self._evidence(max(SECONDS_MIN, asked.seconds), caller)
        return self._recommendations()

    async def tell_done(self, asked: TellDone, _: Caller) -> Recommendations:
        """Raises `CallRefused` when nothing open has that id."""
        if not self._book.told_done(asked.id):
            ids = ", ".join(self._book.open_ids()) or "none"
            raise CallRefused(f"No open recommendation is called {asked.id}; open are: {ids}.")
        return self._recommendations()

    async def _evidence(self, seconds: float, caller: Caller) -> Evidence:
        if seconds + SPARE_S > caller.remaining_s:
            raise CallRefused(
                f"Looking for {seconds:g} s takes up to {seconds + SPARE_S:g} s, and the deadline "
                f"is in {caller.remaining_s:.0f} s; ask for less, or with a later one."
            )
        if self._look_count >= LOOKS_MAX:
            raise CallRefused("The node is being analyzed already; ask again when that is done.")
        self._look_count += 1
        try:
            evidence = await self._gathering.evidence(seconds, caller)
        finally:
            self._look_count -= 1
        self._book.looked(evidence)
        return evidence

    def _recommendations(self) -> Recommendations:
        found = self._book.recommendations()
        return Recommendations(found, sentence(found))
