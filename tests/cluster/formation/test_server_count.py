"""The servers of the engine, counted by who carries with others."""

import pytest

from aiex.cluster.formation.server_count import COUNT_EVERY_S, ServerCount
from aiex.engine import Carrier, CarrierAddress
from aiex.errors import EngineUnavailable
from aiex.testing.clock import FakeClock
from aiex.testing.seats_memory import MemorySeats

A, B, C = (CarrierAddress(name, "127.0.0.1", 1, 2) for name in ("a", "b", "c"))


async def test_a_carrier_among_others_counts_now_and_then() -> None:
    clock, seats = FakeClock(), MemorySeats()
    seats.seat, seats.up = Carrier(A, (B, C), 1), {"a": True, "b": False}
    count = ServerCount(seats, clock=clock)
    assert not await count.count()
    await clock.advance(COUNT_EVERY_S)
    assert await count.count()
    assert count.servers == {"a": True, "b": False}
    assert not await count.count()
    count.forget()
    assert count.servers is None


async def test_a_carrier_alone_has_nobody_to_count() -> None:
    clock, seats = FakeClock(), MemorySeats()
    seats.seat = Carrier(A, (), 1)
    await clock.advance(COUNT_EVERY_S)
    assert not await ServerCount(seats, clock=clock).count()
    assert not seats.was_asked.is_set()


async def test_what_was_counted_is_unknown_once_nobody_can_tell() -> None:
    clock, seats = FakeClock(), MemorySeats()
    seats.seat, seats.up = Carrier(A, (B, C), 1), {"a": True}
    count = ServerCount(seats, clock=clock)
    await clock.advance(COUNT_EVERY_S)
    await count.count()
    seats.charters.go_down("it has no quorum")
    await clock.advance(COUNT_EVERY_S)
    with pytest.raises(EngineUnavailable):
        await count.count()
    assert count.servers is None
