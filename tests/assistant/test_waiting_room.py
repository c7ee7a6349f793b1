"""No more is begun than gets done: turns stay short, and nobody waits for ever or for nothing."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.waiting_room import (
    ENTRIES_FIRST,
    ENTRIES_MAX,
    ENTRIES_MIN,
    PATIENT_S,
    TURN_TARGET_S,
    WaitingRoom,
    entries_next,
)
from aiex.testing.clock import FakeClock

WAIT_MAX_S = 1.0
AT_ONCE = int(ENTRIES_FIRST)
LONG_S = 2 * TURN_TARGET_S


class StillClock(FakeClock):
    """A clock that a test sets; turns take no time of it."""

    now_s = 0.0

    def monotonic_s(self) -> float:
        return self.now_s


def full_room(clock: StillClock) -> WaitingRoom:
    room = WaitingRoom(clock, wait_max_s=WAIT_MAX_S)
    assert all(room.may_enter() for _ in range(AT_ONCE))
    return room


async def wait(room: WaitingRoom) -> "asyncio.Task[bool]":
    waiting = asyncio.create_task(room.turn())
    await asyncio.sleep(0)
    return waiting


async def test_a_few_come_in_at_once_the_others_with_the_next_turn() -> None:
    room = full_room(StillClock())
    assert not room.may_enter()
    turn = asyncio.create_task(room.turn())
    assert await turn
    assert room.waiting_count == 0
    assert room.may_enter()


async def test_nobody_comes_in_before_those_who_wait() -> None:
    room = full_room(StillClock())
    turns = [asyncio.ensure_future(room.turn()) for _ in range(3 * AT_ONCE)]
    await asyncio.sleep(0)
    assert not room.may_enter()
    assert await asyncio.gather(*turns) == [True] * len(turns)


async def test_who_waits_comes_in_first_come_first_served() -> None:
    room = full_room(StillClock())
    order: list[int] = []

    async def one(number: int) -> None:
        assert await room.turn()
        order.append(number)

    await asyncio.gather(*[one(number) for number in range(2 * AT_ONCE)])
    assert order == sorted(order)


async def test_once_somebody_has_waited_long_the_newest_come_in_first() -> None:
    clock = StillClock()
    room = full_room(clock)
    order: list[int] = []

    async def one(number: int) -> None:
        assert await room.turn()
        order.append(number)

    ones = [asyncio.ensure_future(one(number)) for number in range(2 * AT_ONCE)]
    await asyncio.sleep(0)  # all wait now
    clock.now_s = PATIENT_S * 2
    await asyncio.gather(*ones)
    assert order[0] == 2 * AT_ONCE - 1


async def test_who_has_waited_too_long_is_told_so() -> None:
    clock = StillClock()
    room = full_room(clock)
    waiting = await wait(room)
    clock.now_s = WAIT_MAX_S + 0.1
    assert not await waiting


async def test_who_went_away_takes_nobodys_place() -> None:
    room = full_room(StillClock())
    gone = [asyncio.ensure_future(room.turn()) for _ in range(AT_ONCE)]
    last = asyncio.ensure_future(room.turn())
    await asyncio.sleep(0)
    for one in gone:
        one.cancel()
    assert await last
    assert room.waiting_count == 0


def test_long_turns_let_fewer_in_and_short_ones_that_were_full_let_in_more() -> None:
    assert entries_next(100, entered_count=100, turn_s=LONG_S) == 80
    assert entries_next(100, entered_count=100, turn_s=0.001) == 102
    assert entries_next(100, entered_count=7, turn_s=0.001) == 100


@given(
    st.floats(ENTRIES_MIN, ENTRIES_MAX),
    st.integers(0, 2000),
    st.floats(0, 100),
)
def test_some_always_come_in_and_never_all(entries: float, entered: int, turn_s: float) -> None:
    after = entries_next(entries, entered_count=entered, turn_s=turn_s)
    assert ENTRIES_MIN <= after <= ENTRIES_MAX
