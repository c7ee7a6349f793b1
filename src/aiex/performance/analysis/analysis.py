"""The chapter's desk: looks for a while, says what is wrong, and what would help."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from aiex.clock import Clock
from aiex.cluster import Caller, Handler
from aiex.errors import CallRefused
from aiex.performance.analysis.diagnosis import diagnosed, summary
from aiex.performance.analysis.gathering import Gathering
from aiex.performance.analysis.kernel import KernelCounts, kernel_counts
from aiex.performance.analysis.requests import SPARE_S, Analysis, Analyze
from aiex.performance.analysis.traffic import TrafficWatch
from aiex.performance.chapter import Chapter

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
        self._look_count = 0

    def handlers(self) -> Mapping[type[Any], Handler]:
        return {Analyze: self.analyze}

    async def analyze(self, asked: Analyze, caller: Caller) -> Analysis:
        """Raises `CallRefused` while another looks, and when the deadline is too near."""
        if asked.seconds + SPARE_S > caller.remaining_s:
            raise CallRefused(
                f"Looking for {asked.seconds:g} s takes up to {asked.seconds + SPARE_S:g} s, and "
                f"the deadline is in {caller.remaining_s:.0f} s; ask for less, or with a later one."
            )
        if self._look_count >= LOOKS_MAX:
            raise CallRefused("The node is being analyzed already; ask again when that is done.")
        self._look_count += 1
        try:
            evidence = await self._gathering.evidence(asked.seconds, caller)
        finally:
            self._look_count -= 1
        findings = await asyncio.to_thread(diagnosed, evidence)
        return Analysis(
            evidence.began_at_s,
            evidence.seconds,
            findings,
            summary(findings, evidence),
            evidence.missing,
        )
