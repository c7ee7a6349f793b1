"""Everything that looks inside this node, built once, chapter by chapter."""

import gc
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from aiex.clock import Clock
from aiex.cluster import Handler
from aiex.events import Emit
from aiex.performance.collector import Collector, PauseTime
from aiex.performance.questions import Measure, Questions
from aiex.performance.sampling import CpuSampler, ProfTimer, Sampling
from aiex.performance.threads import ThreadCpu
from aiex.service import Service
from aiex.settings import PerformanceSettings
from aiex.work import WorkOf


class Performance:
    """`services` run under the node's supervision, in a branch of their own; `handlers` answer.

    `gauges` are read when metrics are. `is_idle` says whether no request is in flight,
    `work_of` whose work a request's task does.
    """

    def __init__(
        self,
        settings: PerformanceSettings,
        *,
        node: str,
        version: str,
        is_idle: Callable[[], bool],
        work_of: WorkOf,
        random: Random,
        clock: Clock,
        emit: Emit,
    ) -> None:
        self._collector = Collector(
            is_idle=is_idle,
            is_automatic=settings.gc_tuning == "automatic",
            clock=clock,
            emit=emit,
        )
        self._sampling = Sampling(
            CpuSampler(ProfTimer(), work_of=work_of, clock=clock, emit=emit),
            node=node,
            version=version,
            work_of=work_of,
            random=random,
            clock=clock,
        )
        measures: list[Measure] = [
            ThreadCpu(),
            PauseTime(self._collector.pauses),
            *self._sampling.measures(),
        ]
        self._questions = Questions(measures, clock)

    def services(self) -> list[Service]:
        """In start order. Whatever becomes of them, no request fails."""
        return [self._collector, *self._sampling.services()]

    def handlers(self) -> Mapping[type[Any], Handler]:
        """What each request of `PERFORMANCE_REQUESTS` is answered by."""
        return {
            **self._questions.handlers(),
            **self._collector.handlers(),
            **self._sampling.handlers(),
        }

    def gauges(self) -> Mapping[str, Callable[[], float]]:
        """By the metric's name."""
        return {"aiex_gc_frozen_objects": gc.get_freeze_count, **self._sampling.gauges()}

    def gauges_by_label(self) -> Mapping[str, Callable[[], Mapping[str, float]]]:
        """By the metric's name, each by its one label's values."""
        pauses = self._collector.pauses

        def by_generation(field: str) -> Callable[[], Mapping[str, float]]:
            return lambda: {
                str(number): getattr(one, field) for number, one in enumerate(pauses.generations())
            }

        return {
            "aiex_gc_collections_total": by_generation("collections"),
            "aiex_gc_pause_seconds_total": by_generation("pause_s"),
            "aiex_gc_pause_max_seconds": by_generation("pause_max_s"),
        }
