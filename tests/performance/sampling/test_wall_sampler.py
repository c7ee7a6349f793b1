"""A look at all tasks and threads: waiting ones with their chains, pages of very many."""

import asyncio
import threading
from random import Random

from aiex.performance.sampling.wall_sampler import PAGE_LEN, WallSampler, live_tasks
from aiex.work import NOBODY, Work, current_work

MS = 1_000_000
DEADLINE_S = 20


def looked_from_a_thread(sampler: WallSampler, times: int = 1) -> None:
    def look() -> None:
        for turn in range(times):
            sampler.look(MS, turn)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join(DEADLINE_S)


def by_stack(sampler: WallSampler) -> dict[tuple[str, ...], int]:
    """Innermost function first."""
    return {
        tuple(one.function.rpartition(":")[2].rpartition(".")[2] for one in stack): ns
        for place, (ns, _) in sampler.counts.items()
        for stack in [sampler.stacks.frames(place)]
    }


async def waits_long(event: asyncio.Event) -> None:
    await event.wait()


async def test_what_waits_counts_with_its_chain_and_what_runs_with_its_frames() -> None:
    event = asyncio.Event()
    tasks = [asyncio.create_task(waits_long(event)) for _ in range(3)]
    await asyncio.sleep(0)
    sampler = WallSampler(asyncio.get_running_loop(), random=Random(1))
    looked_from_a_thread(sampler)
    found = by_stack(sampler)
    assert found["wait", "waits_long"] == 3 * MS
    runs = next(stack for stack in found if stack[-1].startswith("test_what_waits"))
    assert "looked_from_a_thread" in runs
    event.set()
    await asyncio.gather(*tasks)


async def test_a_task_is_told_by_its_work_and_a_thread_by_its_name() -> None:
    event, end = asyncio.Event(), threading.Event()
    current_work.set(Work("s", "/v1/models", "m"))
    task = asyncio.create_task(waits_long(event))
    current_work.set(NOBODY)
    other = threading.Thread(target=end.wait, args=[DEADLINE_S], name="patient")
    other.start()
    await asyncio.sleep(0)
    sampler = WallSampler(asyncio.get_running_loop(), random=Random(1))
    looked_from_a_thread(sampler)
    works = [sampler.stacks.work(place) for place in sampler.counts]
    assert Work("s", "/v1/models", "m") in works
    assert "patient" in sampler.thread_names.values()
    end.set()
    other.join(DEADLINE_S)
    event.set()
    await task


async def test_of_very_many_tasks_a_page_is_looked_at_and_the_sum_is_still_right() -> None:
    event = asyncio.Event()
    count = 10 * PAGE_LEN
    tasks = [asyncio.create_task(waits_long(event)) for _ in range(count)]
    await asyncio.sleep(0)
    sampler = WallSampler(asyncio.get_running_loop(), random=Random(1))
    looked_from_a_thread(sampler, times=10)
    assert sampler.task_count_max >= count
    seen = sum(times for _, times in sampler.counts.values())
    assert seen <= 10 * (PAGE_LEN + threading.active_count() + 1)
    # Ten looks of a millisecond at each; a page may hold some that are no such task.
    assert abs(by_stack(sampler)["wait", "waits_long"] / (10 * MS * count) - 1) < 0.02
    event.set()
    await asyncio.gather(*tasks)


async def test_it_ends_when_it_is_told_to() -> None:
    loop = asyncio.get_running_loop()
    sampler = WallSampler(loop, random=Random(1))
    looked = loop.run_in_executor(None, sampler.run, 3600.0)
    sampler.stop()
    async with asyncio.timeout(DEADLINE_S):
        await looked


async def test_all_tasks_are_found_without_asking_asyncio_for_them() -> None:
    event = asyncio.Event()
    task = asyncio.create_task(waits_long(event))
    found = [one() for one in live_tasks(asyncio.get_running_loop())]
    assert task in found
    assert set(asyncio.all_tasks()) <= set(found)
    event.set()
    await task


async def test_a_task_that_began_since_the_last_look_is_seen_by_the_next() -> None:
    event = asyncio.Event()
    sampler = WallSampler(asyncio.get_running_loop(), random=Random(1), monotonic_ns=lambda: 0)
    looked_from_a_thread(sampler)
    task = asyncio.create_task(waits_long(event))
    await asyncio.sleep(0)
    looked_from_a_thread(sampler)
    assert by_stack(sampler)["wait", "waits_long"] == MS
    event.set()
    await task


async def test_where_finding_tasks_takes_long_they_are_found_less_often() -> None:
    event = asyncio.Event()
    clock_ns = iter(range(0, 1000 * MS, 20 * MS))  # each finding takes 20 ms
    sampler = WallSampler(
        asyncio.get_running_loop(), random=Random(1), monotonic_ns=lambda: next(clock_ns)
    )
    sampler.look(MS, 0)
    task = asyncio.create_task(waits_long(event))
    await asyncio.sleep(0)
    sampler.look(MS, 399 * MS)
    assert ("wait", "waits_long") not in by_stack(sampler)
    sampler.look(MS, 400 * MS)
    assert by_stack(sampler)["wait", "waits_long"] == MS
    event.set()
    await task
