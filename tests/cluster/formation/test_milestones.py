"""How long it took to take part: each step once, the first time it is reached."""

from aiex.cluster import (
    MILESTONES,
    CarriersFound,
    CharterAdopted,
    CharterRead,
    MemberUp,
    Milestones,
    SeatTaken,
)
from aiex.engine import EngineUp
from aiex.events import EventBus
from aiex.testing.clock import FakeClock

CARRIERS = ("c1", "c2", "c3")


def test_each_is_noted_once_in_order_with_its_time() -> None:
    clock, bus = FakeClock(), EventBus()
    milestones = Milestones(clock)
    milestones.watch(bus)
    for event in (
        CarriersFound(CARRIERS),
        CharterAdopted(1, CARRIERS),
        SeatTaken("carrier"),
        EngineUp("2.14.0"),
        CharterRead(1, CARRIERS),
        MemberUp("n2", 1),
        MemberUp("n2", 2),
        MemberUp("n3", 1),
        SeatTaken("client"),
    ):
        clock.jump(1.0)
        bus.emit(event)
    assert list(milestones.reached().items()) == list(
        zip(MILESTONES, (1.0, 3.0, 4.0, 5.0, 8.0), strict=True)
    )


def test_all_carriers_are_up_only_once_it_is_read_who_they_are() -> None:
    milestones = Milestones(FakeClock())
    for event in (MemberUp("n2", 1), MemberUp("n3", 1)):
        milestones.note(event)
    assert milestones.reached() == {}
    milestones.note(CharterRead(4, ("c1",)))
    assert list(milestones.reached()) == ["charter read", "all carriers up"]
