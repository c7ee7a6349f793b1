"""Everything that looks inside this node, built once, chapter by chapter."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from aiex.clock import Clock
from aiex.cluster import Handler
from aiex.events import Emit
from aiex.performance.questions import Questions
from aiex.performance.sampling import CpuSampler, ProfTimer, Sampling
from aiex.performance.threads import ThreadCpu
from aiex.service import Service


class Performance:
    """`services` run under the node's supervision, in a branch of their own; `handlers` answer.

    `gauges` are read when metrics are.
    """

    def __init__(
        self, *, node: str, version: str, clock: Clock, random: Random, emit: Emit
    ) -> None:
        sampler = CpuSampler(ProfTimer(), clock=clock, emit=emit)
        self._sampling = Sampling(sampler, node=node, version=version, clock=clock, random=random)
        self._questions = Questions([ThreadCpu(), *self._sampling.measures()], clock)

    def services(self) -> list[Service]:
        """In start order. Whatever becomes of them, no request fails."""
        return [*self._sampling.services()]

    def handlers(self) -> Mapping[type[Any], Handler]:
        """What each request of `PERFORMANCE_REQUESTS` is answered by."""
        return {**self._questions.handlers(), **self._sampling.handlers()}

    def gauges(self) -> Mapping[str, Callable[[], float]]:
        """By the metric's name."""
        return {**self._sampling.gauges()}
