"""Places at a target: never more than there are, given in order, none lost to who left."""

import asyncio
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.concurrency_cap import ConcurrencyCap, Wait
from aiex.testing.clock import FakeClock


def cap(in_flight_max: int = 1, queue_len_max: int = 8) -> tuple[ConcurrencyCap, FakeClock]:
    clock = FakeClock()
    return ConcurrencyCap(in_flight_max, queue_len_max, clock=clock), clock


async def test_without_a_limit_it_only_counts() -> None:
    places, _ = cap(in_flight_max=0)
    assert all(places.try_take() for _ in range(1000))
    assert places.in_flight == 1000
    for _ in range(1000):
        places.give_back()
    assert places.in_flight == 0


async def test_places_are_given_in_the_order_of_asking() -> None:
    places, clock = cap()
    assert places.try_take()
    order: list[int] = []

    async def wait(number: int) -> None:
        assert await places.take(10) is Wait.TAKEN
        order.append(number)
        places.give_back()

    async with asyncio.TaskGroup() as tasks:
        for number in range(5):
            tasks.create_task(wait(number))
        await clock.settle()
        assert places.queue_len == 5
        assert not places.try_take()
        places.give_back()
    assert order == [0, 1, 2, 3, 4]
    assert (places.in_flight, places.queue_len) == (0, 0)


async def test_a_full_queue_refuses_at_once() -> None:
    places, clock = cap(queue_len_max=1)
    assert places.try_take()
    waiting = asyncio.create_task(places.take(10))
    await clock.settle()
    assert await places.take(10) is Wait.FULL
    places.give_back()
    assert await waiting is Wait.TAKEN


async def test_without_a_queue_nobody_waits() -> None:
    places, _ = cap(queue_len_max=0)
    assert places.try_take()
    assert await places.take(10) is Wait.FULL


async def test_a_wait_ends_with_its_time_and_leaves_no_hole() -> None:
    places, clock = cap()
    assert places.try_take()
    short, long = asyncio.create_task(places.take(1)), asyncio.create_task(places.take(5))
    await clock.settle()
    await clock.advance(1.5)
    assert await short is Wait.TIMEOUT
    assert places.queue_len == 1
    places.give_back()
    assert await long is Wait.TAKEN
    places.give_back()
    assert places.in_flight == 0


async def test_a_waiter_cancelled_in_the_moment_of_its_turn_passes_the_place_on() -> None:
    places, clock = cap()
    assert places.try_take()
    first, second = asyncio.create_task(places.take(9)), asyncio.create_task(places.take(9))
    await clock.settle()
    places.give_back()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await second is Wait.TAKEN
    assert places.in_flight == 1


async def test_a_place_given_back_while_a_waiter_is_cancelled_goes_to_the_next() -> None:
    places, clock = cap()
    assert places.try_take()
    first, second = asyncio.create_task(places.take(9)), asyncio.create_task(places.take(9))
    await clock.settle()
    first.cancel()
    places.give_back()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await second is Wait.TAKEN
    places.give_back()
    assert places.in_flight == 0


@given(
    seed=st.integers(0, 2**16),
    in_flight_max=st.integers(1, 4),
    queue_len_max=st.integers(0, 6),
)
def test_whatever_happens_no_place_is_lost_or_given_twice(
    seed: int, in_flight_max: int, queue_len_max: int
) -> None:
    asyncio.run(_storm(Random(seed), in_flight_max, queue_len_max))


async def _storm(random: Random, in_flight_max: int, queue_len_max: int) -> None:
    places, clock = cap(in_flight_max, queue_len_max)
    holding = 0

    async def use() -> None:
        nonlocal holding
        if await places.take(random.choice([0.5, 1, 2])) is not Wait.TAKEN:
            return
        holding += 1
        try:
            assert holding <= in_flight_max
            await clock.sleep(random.choice([0.3, 0.7, 1.5]))
        finally:
            holding -= 1
            places.give_back()

    tasks: list[asyncio.Task[None]] = []
    for _ in range(30):
        tasks.append(asyncio.create_task(use()))
        if random.random() < 0.3:
            random.choice(tasks).cancel()
        for _ in range(random.randint(0, 3)):
            await asyncio.sleep(0)
        if random.random() < 0.4:
            await clock.advance(random.choice([0.2, 0.6]))
        assert places.in_flight <= in_flight_max
        assert places.queue_len <= queue_len_max
    await clock.advance(60)
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(one) for one in ended} <= {type(None), asyncio.CancelledError}
    assert (places.in_flight, places.queue_len, holding) == (0, 0, 0)
