"""The chapter's requests: of the past, of what comes, of the wall; refusals say what to do."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from aiex.clock import SystemClock
from aiex.cluster import Caller
from aiex.errors import CallRefused
from aiex.performance.profile import Labels, Profile
from aiex.performance.questions import Questions, Rank
from aiex.performance.sampling import (
    CpuSampler,
    FindHot,
    ProfTimer,
    Sampling,
    TakeCpuProfile,
    TakeWallProfile,
)
from aiex.performance.sampling.sampling import WALL_LOOKS_MAX
from aiex.testing.clock import FakeClock
from aiex.testing.known_shares import count_squares, name_of
from aiex.work import Work, current_work

CALLER = Caller("n1", 1, 30.0, "")
HASTY = Caller("n1", 1, 1.5, "")
DEADLINE_S = 20.0


class Stage:
    """The real timer, so that samples come of CPU that is used; the clock stands still."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.sampler = CpuSampler(ProfTimer(), clock=self.clock, emit=lambda _: None)
        self.sampling = Sampling(
            self.sampler, node="n1", version="1.2", clock=self.clock, random=Random(1)
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Sampling]:
        task = asyncio.create_task(self.sampler.run(lambda: None))
        await self.clock.settle()
        try:
            yield self.sampling
        finally:
            task.cancel()
            await asyncio.wait({task})

    def burn(self, sample_count: int) -> None:
        until = self.sampler.sample_count + sample_count
        while self.sampler.sample_count < until:
            count_squares()


def functions(profile: Profile) -> set[str]:
    return {profile.frames[place].function for one in profile.samples for place in one.stack}


async def test_the_past_is_told_with_all_labels() -> None:
    stage = Stage()

    async def request() -> None:
        current_work.set(Work("http.api", "/v1/models", "m"))
        stage.burn(5)

    async with stage.running() as sampling:
        await asyncio.create_task(request())
        await stage.clock.advance(5)
        profile = await sampling.cpu_profile(TakeCpuProfile(seconds=60), CALLER)
        assert Labels("n1", "1.2", "http.api", "/v1/models", "m", "MainThread") in profile.labels
        assert name_of(count_squares) in functions(profile)
        assert (profile.kind, profile.seconds) == ("cpu", 5.0)
        assert profile.notes[0] == "n1 was asked for 60 s and knows 5 s of them."
        found = await sampling.hot(FindHot("route", 60.0, 1), CALLER)
        assert found.hot[0].key == "/v1/models"


async def test_ahead_only_what_comes_is_told() -> None:
    stage = Stage()
    async with stage.running() as sampling:
        stage.burn(3)
        asked = TakeCpuProfile(seconds=10, ahead=True)
        looking = asyncio.create_task(sampling.cpu_profile(asked, CALLER))
        await stage.clock.settle()
        await stage.clock.advance(10)
        async with asyncio.timeout(DEADLINE_S):
            profile = await looking
        assert name_of(count_squares) not in functions(profile)
        assert profile.seconds == 10


async def test_a_look_that_is_cancelled_leaves_nothing_behind() -> None:
    stage = Stage()
    async with stage.running() as sampling:
        for _ in range(20):
            asked = TakeCpuProfile(seconds=10, ahead=True)
            looking = asyncio.create_task(sampling.cpu_profile(asked, CALLER))
            await asyncio.sleep(0)
            looking.cancel()
            await asyncio.wait({looking})
        assert stage.sampler._looks == ()
        assert stage.sampler._reader_count == 0


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (TakeCpuProfile(seconds=10, ahead=True, ago_s=5), "not both"),
        (TakeCpuProfile(seconds=1000, ahead=True), "ask for less"),
        (TakeCpuProfile(seconds=10, ahead=True), "cannot be looked at before the deadline"),
        (TakeCpuProfile(seconds=10, ago_s=3600), "Only the last hour is kept"),
        (TakeCpuProfile(seconds=10, ago_s=60), "Nothing of that time is known"),
    ],
)
async def test_what_cannot_be_answered_is_refused_in_words(
    asked: TakeCpuProfile, text: str
) -> None:
    stage = Stage()
    async with stage.running() as sampling:
        with pytest.raises(CallRefused, match=text):
            await sampling.cpu_profile(asked, HASTY)


async def test_where_nothing_was_ever_sampled_the_refusal_says_why() -> None:
    sampling = Stage().sampling
    with pytest.raises(CallRefused, match="CPU is not sampled: it has not begun yet"):
        await sampling.hot(FindHot(), CALLER)


async def test_what_other_threads_used_is_told_beside() -> None:
    stage = Stage()
    async with stage.running() as sampling:
        thread = threading.Thread(target=lambda: [count_squares() for _ in range(200)])
        thread.start()
        thread.join(DEADLINE_S)
        await stage.clock.advance(1)
        profile = await sampling.cpu_profile(TakeCpuProfile(), CALLER)
        assert any(note.startswith("Other threads of n1 used") for note in profile.notes)


async def test_rank_knows_cpu_by_function_and_wall_within_a_window() -> None:
    stage = Stage()
    async with stage.running() as sampling:
        questions = Questions(sampling.measures(), SystemClock())
        stage.burn(5)
        ranking = await questions.rank(Rank("cpu_total", "function", 1000), CALLER)
        assert name_of(count_squares) in {one.key for one in ranking.ranked}
        event = asyncio.Event()
        task = asyncio.create_task(event.wait())
        wall = await questions.rank(Rank("wall", "function", 1000, 0.2), CALLER)
        assert "asyncio.locks:Event.wait" in {one.key for one in wall.ranked}
        event.set()
        await task


async def test_the_wall_shows_what_waits_and_states_its_own_cost() -> None:
    sampling = Stage().sampling
    event = asyncio.Event()
    task = asyncio.create_task(event.wait())
    async with asyncio.timeout(DEADLINE_S):
        profile = await sampling.wall_profile(TakeWallProfile(0.2), CALLER)
    assert profile.kind == "wall"
    assert "asyncio.locks:Event.wait" in functions(profile)
    assert any(one.thread == "MainThread" for one in profile.labels)
    assert any(note.startswith("Looking took") for note in profile.notes)
    event.set()
    await task


async def test_so_many_looks_at_the_wall_and_no_more_and_cancelled_they_end() -> None:
    sampling = Stage().sampling
    asked = TakeWallProfile(20)
    looks = [
        asyncio.create_task(sampling.wall_profile(asked, CALLER)) for _ in range(WALL_LOOKS_MAX)
    ]
    await asyncio.sleep(0)
    with pytest.raises(CallRefused, match="ask again later"):
        await sampling.wall_profile(asked, CALLER)
    for look in looks:
        look.cancel()
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.wait(looks)
        profile = await sampling.wall_profile(TakeWallProfile(0.1), CALLER)
    assert profile.samples
