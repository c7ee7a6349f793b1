"""The chapter's desk: answers its requests, of the sampler that is always on or by a look."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from aiex.clock import Clock
from aiex.cluster import Caller, Handler
from aiex.errors import CallRefused
from aiex.performance.chapter import Chapter
from aiex.performance.own_thread import in_own_thread
from aiex.performance.profile import Labels, Profile
from aiex.performance.questions import Measure
from aiex.performance.sampling.cpu_sampler import CpuSampler
from aiex.performance.sampling.history import SPAN_S, Counts, Span, summed
from aiex.performance.sampling.hot import hottest
from aiex.performance.sampling.measures import cpu_measures, wall_measures
from aiex.performance.sampling.requests import (
    KEPT_S,
    LOOK_S_MAX,
    FindHot,
    HotFound,
    TakeCpuProfile,
    TakeWallProfile,
)
from aiex.performance.sampling.sampled_profile import sampled_profile
from aiex.performance.sampling.totals import Totals
from aiex.performance.sampling.wall_sampler import PAGE_LEN, WallSampler
from aiex.service import Service
from aiex.work import Work, WorkOf

# Looks at all tasks at a time: each costs the loop a hundredth of its time or two.
WALL_LOOKS_MAX = 2
# What of the asker's deadline is left for making the answer and sending it.
ANSWER_S = 1.0
WALL_NOTE = (
    "Wall time is looked at from a thread: what waits is told right, but code that runs is seen "
    "where it lets others run. The CPU profile tells that."
)


class Sampling(Chapter):
    """`cpu` runs under supervision; the wall is looked at only when asked."""

    def __init__(
        self,
        cpu: CpuSampler,
        *,
        node: str,
        version: str,
        clock: Clock,
        random: Random,
        work_of: WorkOf = lambda _: None,
    ) -> None:
        self._cpu = cpu
        self._node = node
        self._version = version
        self._clock = clock
        self._random = random
        self._work_of = work_of
        self._wall_looks: list[WallSampler] = []
        self._wall_totals = Totals()

    def services(self) -> list[Service]:
        return [self._cpu]

    def handlers(self) -> Mapping[type[Any], Handler]:
        return {
            TakeCpuProfile: self.cpu_profile,
            TakeWallProfile: self.wall_profile,
            FindHot: self.hot,
        }

    def measures(self) -> list[Measure]:
        return [
            *cpu_measures(self._cpu.totals),
            *wall_measures(self._wall_so_far, self._wall_counting),
        ]

    def gauges(self) -> Mapping[str, Callable[[], float]]:
        return {
            "aiex_cpu_sampler_up": lambda: self._cpu.is_on,
            "aiex_cpu_samples_total": lambda: self._cpu.sample_count,
            "aiex_cpu_samples_failed_total": lambda: self._cpu.failure_count,
        }

    async def cpu_profile(self, asked: TakeCpuProfile, caller: Caller) -> Profile:
        """Raises `CallRefused` where it cannot be answered."""
        if not asked.ahead:
            to_s = self._clock.wall_s() - asked.ago_s
            return await self._past(to_s - asked.seconds, to_s)
        if asked.ago_s:
            raise CallRefused("A profile is of the past (ago_s) or begins now (ahead), not both.")
        seconds = _look_s(asked.seconds, caller)
        with self._cpu.look() as counts:
            began_at_s, began_s = self._clock.wall_s(), self._clock.monotonic_s()
            await self._clock.sleep(seconds)
            took_s = self._clock.monotonic_s() - began_s
            return await self._cpu_profile(dict(counts), began_at_s, took_s, self._off_notes())

    async def hot(self, asked: FindHot, _: Caller) -> HotFound:
        """Raises `CallRefused` when nothing of that time is known."""
        to_s = self._clock.wall_s()
        profile = await self._past(to_s - asked.seconds, to_s)
        return await in_own_thread(hottest, profile, asked.by, asked.n)

    async def wall_profile(self, asked: TakeWallProfile, caller: Caller) -> Profile:
        """Raises `CallRefused` when too many look already, or the deadline is too near."""
        seconds = _look_s(asked.seconds, caller)
        began_at_s, began_s = self._clock.wall_s(), self._clock.monotonic_s()
        async with self._looking(seconds) as (look, looked):
            await looked
        return await in_own_thread(
            sampled_profile,
            look.counts,
            look.stacks,
            "wall",
            labels=lambda work: self._wall_labels(look, work),
            began_at_s=began_at_s,
            seconds=self._clock.monotonic_s() - began_s,
            notes=[WALL_NOTE, *self._cost_notes(look, seconds)],
        )

    # CPU.

    async def _past(self, from_s: float, to_s: float) -> Profile:
        with self._cpu.reading():
            spans = self._cpu.spans(from_s, to_s)
            if not spans:
                raise CallRefused(self._nothing_text(from_s))
            covered_s = sum(one.ended_at_s - one.began_at_s for one in spans)
            notes = self._past_notes(spans, covered_s, to_s - from_s)
            counts = await in_own_thread(summed, spans)
            return await self._cpu_profile(counts, spans[0].began_at_s, covered_s, notes)

    async def _cpu_profile(
        self, counts: Counts, began_at_s: float, seconds: float, notes: Sequence[str]
    ) -> Profile:
        return await in_own_thread(
            sampled_profile,
            counts,
            self._cpu.stacks,
            "cpu",
            labels=lambda work: self._labels(work, "MainThread"),
            began_at_s=began_at_s,
            seconds=seconds,
            notes=notes,
        )

    def _nothing_text(self, from_s: float) -> str:
        off = self._cpu.off_text()
        if from_s < self._clock.wall_s() - KEPT_S:
            return f"{off} Only the last hour is kept; ask for a time within it.".strip()
        why = off or "Nothing of that time is known: it was not sampled then."
        return f"{why} Ask for a shorter time ago, or for a wall profile."

    def _past_notes(self, spans: Sequence[Span], covered_s: float, asked_s: float) -> list[str]:
        notes = self._off_notes()
        if covered_s < asked_s - SPAN_S:
            notes.append(
                f"{self._node} was asked for {asked_s:.0f} s and knows {covered_s:.0f} s of them."
            )
        sampled_us = sum(sum(one.weights_us) for one in spans)
        others_us = sum(one.process_us for one in spans) - sampled_us
        if others_us > sampled_us / 10:
            notes.append(
                f"Other threads of {self._node} used {others_us / 1e6:.1f} s of CPU beside this; "
                "`aiex loop` tells which."
            )
        return notes

    def _off_notes(self) -> list[str]:
        return [f"{self._node}: {self._cpu.off_text()}"] if not self._cpu.is_on else []

    # Wall.

    @asynccontextmanager
    async def _looking(
        self, seconds: float
    ) -> AsyncIterator[tuple[WallSampler, "asyncio.Future[None]"]]:
        """A look that goes on in a thread; it ends with the block at the latest."""
        if len(self._wall_looks) >= WALL_LOOKS_MAX:
            raise CallRefused(
                f"{WALL_LOOKS_MAX} wall profiles are being taken already; ask again later."
            )
        loop = asyncio.get_running_loop()
        look = WallSampler(loop, random=self._random, work_of=self._work_of)
        self._wall_looks.append(look)
        looked = asyncio.ensure_future(in_own_thread(look.run, seconds))
        try:
            yield look, looked
        finally:
            look.stop()
            try:
                await asyncio.shield(looked)
            finally:
                self._wall_looks.remove(look)
                self._wall_totals.add(dict(look.counts), look.stacks)

    @asynccontextmanager
    async def _wall_counting(self) -> AsyncIterator[None]:
        async with self._looking(LOOK_S_MAX):
            yield

    def _wall_so_far(self) -> Totals:
        totals = self._wall_totals.copy()
        for look in self._wall_looks:
            totals.add(dict(look.counts), look.stacks)
        return totals

    def _wall_labels(self, look: WallSampler, work: Work) -> Labels:
        thread = look.thread_names.get(work)
        return self._labels(work) if thread is None else self._labels(Work(), thread)

    def _cost_notes(self, look: WallSampler, seconds: float) -> list[str]:
        cost = f"Looking took {look.cpu_ns / 1e9 / seconds:.1%} of one CPU on {self._node}"
        if look.task_count_max <= PAGE_LEN:
            return [f"{cost}."]
        return [f"{cost}; of up to {look.task_count_max} tasks {PAGE_LEN} were looked at a time."]

    def _labels(self, work: Work, thread: str = "") -> Labels:
        return Labels(self._node, self._version, work.service, work.route, work.model, thread)


def _look_s(seconds: float, caller: Caller) -> float:
    """How long to look; raises `CallRefused` when nobody would be there for the answer."""
    if seconds > LOOK_S_MAX:
        raise CallRefused(f"At most {LOOK_S_MAX:.0f} s can be looked ahead; ask for less.")
    if seconds + ANSWER_S > caller.remaining_s:
        raise CallRefused(
            f"{seconds:g} s cannot be looked at before the deadline in {caller.remaining_s:.1f} s; "
            "ask for less, or with a later deadline."
        )
    return seconds
