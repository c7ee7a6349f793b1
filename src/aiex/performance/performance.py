"""Everything that looks inside this node, built once, chapter by chapter."""

from collections.abc import Mapping
from random import Random
from typing import Any

from aiex.clock import Clock
from aiex.cluster import Handler
from aiex.events import Emit
from aiex.performance.analysis import Analyst
from aiex.performance.chapter import Chapter, Gauges, GaugesByLabel
from aiex.performance.collector import Collector
from aiex.performance.host import Host
from aiex.performance.loop import Loop, LoopBeat
from aiex.performance.memory import Memory
from aiex.performance.questions import Questions
from aiex.performance.sampling import CpuSampler, ProfTimer, Sampling
from aiex.performance.snapshot import Snapshots
from aiex.performance.tasks import Tasks
from aiex.performance.threads import Threads, cpu_by_thread
from aiex.performance.tracer import Tracer
from aiex.service import Service
from aiex.settings import PerformanceSettings

# Of use beyond looking: overload is told by the loop's beat, tuning judges by the collector's
# pauses, and a trace ends by its service.
NEEDED = frozenset((LoopBeat.name, Collector.name, Tracer.name))


class Performance:
    """`services` run under the node's supervision, in a branch of their own; `handlers` answer."""

    def __init__(
        self,
        settings: PerformanceSettings,
        host: Host,
        *,
        random: Random,
        clock: Clock,
        emit: Emit,
    ) -> None:
        node, version, work_of = host.node, host.version, host.work_of
        self._is_always_on = settings.always_on
        sampler = CpuSampler(ProfTimer(), work_of=work_of, clock=clock, emit=emit)
        if not settings.always_on:
            sampler.trouble = "`performance.always_on` is off"
        self._chapters: list[Chapter] = [
            Loop(
                settings,
                host.data_dir,
                node=node,
                was_late=host.loop_was_late,
                threads=cpu_by_thread,
                work_of=work_of,
                clock=clock,
                emit=emit,
            ),
            Threads(),
            Collector(
                is_idle=host.is_idle,
                is_automatic=settings.gc_tuning == "automatic",
                clock=clock,
                emit=emit,
            ),
            Sampling(
                sampler,
                node=node,
                version=version,
                work_of=work_of,
                random=random,
                clock=clock,
            ),
            Tasks(work_of=work_of, clock=clock, emit=emit),
            Memory(node=node, version=version, clock=clock, emit=emit),
            Tracer(node=node, clock=clock, emit=emit),
            Analyst(self.handlers, host.traffic, node=node, clock=clock),
        ]
        measures = [measure for chapter in self._chapters for measure in chapter.measures()]
        self._questions = Questions(measures, clock)
        counted = next(one for one in measures if (one.metric, one.by) == ("cpu_counted", "task"))
        snapshots = Snapshots(
            self.handlers(),
            self.gauges(),
            host.surroundings,
            counting=counted.counting,
            version=version,
            clock=clock,
        )
        self._chapters.append(snapshots)

    def services(self) -> list[Service]:
        """In start order. Whatever becomes of them, no request fails."""
        services = [service for chapter in self._chapters for service in chapter.services()]
        return [one for one in services if self._is_always_on or one.name in NEEDED]

    def handlers(self) -> Mapping[type[Any], Handler]:
        """What each request of `PERFORMANCE_REQUESTS` is answered by."""
        handlers = dict(self._questions.handlers())
        for chapter in self._chapters:
            handlers |= chapter.handlers()
        return handlers

    def gauges(self) -> Gauges:
        """By the metric's name."""
        return {name: gauge for one in self._chapters for name, gauge in one.gauges().items()}

    def gauges_by_label(self) -> GaugesByLabel:
        """By the metric's name, each by its one label's values."""
        return {
            name: gauge for one in self._chapters for name, gauge in one.gauges_by_label().items()
        }
