"""What a node does next, case by case; whole lives are in `test_formation_simulation.py`."""

from typing import Any

import msgspec
import pytest

from aiex.cluster.formation.charter import Charter
from aiex.cluster.formation.steps import (
    Adopt,
    Facts,
    Reading,
    RemoveServer,
    Sit,
    TakeHome,
    Wait,
    Write,
    handed_over,
    may_leave,
    next_step,
    removed,
)
from aiex.engine import Alone, Carrier, CarrierAddress, Client

A, B, C, D, E = (CarrierAddress(name, "10.0.0.1", 6222, 4222) for name in "abcde")
THREE = Charter("aiex", 7, (A, B, C), generation=5)
ALL_THERE = {"a": True, "b": True, "c": True}


def facts(name: str = "a", charter: Charter | None = THREE, **more: Any) -> Facts:
    """A node in its seat that read its charter, in a cluster where all is well."""
    seat = charter.seat(name) if charter is not None else Client(())
    up = frozenset(charter.names) if charter is not None else frozenset()
    well = Facts(name, seat, charter=charter, read=charter or Reading.UNREAD, up=up)
    servers = ALL_THERE if len(up) > 1 else None  # a server on its own has no group
    return msgspec.structs.replace(well, **({"servers": servers} | more))


def test_all_is_well_and_nothing_is_done() -> None:
    assert next_step(facts()) == Wait()


def test_without_a_charter_it_waits_until_discovery_names_the_carriers() -> None:
    waiting = facts(charter=None, waiting_for="2 more nodes")
    assert next_step(waiting) == Wait("2 more nodes")
    found = facts(charter=None, found=(A, B, C))
    assert next_step(found) == Adopt(Charter("aiex", 1, (A, B, C), generation=1))


@pytest.mark.parametrize("seat", [Alone(), Client(()), Client((A, B)), Carrier(A, (B, C), 4)])
def test_a_seat_that_is_not_the_charters_is_changed(seat: Any) -> None:
    assert next_step(facts(seat=seat)) == Sit(Carrier(A, (B, C), 5))


def test_a_carrier_that_moved_is_no_reason_to_change_the_seat() -> None:
    moved = CarrierAddress("b", "10.0.0.9", 1, 2)
    assert next_step(facts(seat=Carrier(A, (moved, C), 5))) == Wait()


def test_a_later_charter_is_adopted_and_an_older_one_is_written_over_by_the_first() -> None:
    later = THREE.following((A, B, C))
    assert next_step(facts(read=later)) == Adopt(later)
    older = Charter("aiex", 3, (A, B, C), generation=3)
    assert next_step(facts(read=older)) == Write(THREE, older)
    assert next_step(facts("b", read=older)) == Wait("the engine has an older charter")


def test_the_first_carrier_writes_the_charter_that_is_not_there_yet() -> None:
    assert next_step(facts(read=Reading.MISSING)) == Write(THREE)
    told = next_step(facts("c", read=Reading.MISSING))
    assert told == Wait("waits for a to write the first charter")


def test_who_cannot_read_says_what_it_waits_for() -> None:
    assert next_step(facts(read=Reading.UNREAD)) == Wait(
        "waits for a quorum of the carriers a, b and c"
    )
    client = facts("d", read=Reading.UNREAD)
    assert next_step(client) == Wait("waits for the engine that a, b and c carry")
    client = facts("d", charter=Charter("aiex", 7, (A,), generation=5), read=Reading.UNREAD)
    assert next_step(client) == Wait("waits for the engine that a carries")


def test_one_grows_to_three_as_soon_as_two_more_may_carry() -> None:
    one = Charter("aiex", 2, (A,), generation=2)
    assert next_step(facts(charter=one, available=(B,))) == Wait()
    grown = Charter("aiex", 3, (A, B, C), generation=3)
    assert next_step(facts(charter=one, available=(B, C, D))) == Write(grown, one)
    assert next_step(facts(charter=one, available=(B, C), wanted=1)) == Wait()


@pytest.mark.parametrize(
    "servers",
    [None, {"a": True, "b": True}, {"a": True, "b": False, "c": True}],
    ids=["unknown", "one missing", "one behind"],
)
def test_nothing_changes_while_the_servers_are_not_whole(servers: Any) -> None:
    changing = facts(available=(D, E), wanted=5)
    assert isinstance(next_step(changing), Write)
    assert next_step(msgspec.structs.replace(changing, servers=servers)) == Wait()


def test_only_the_first_carrier_that_is_up_changes_anything() -> None:
    assert next_step(facts("b", available=(D, E), wanted=5)) == Wait()
    without_a = facts("b", up=frozenset("bc"), servers={**ALL_THERE, "x": False})
    assert next_step(without_a) == RemoveServer("x")


def test_who_leaves_with_a_successor_there_stays_until_that_one_has_all() -> None:
    leaving = facts(is_leaving=True, available=(D,))
    handed = THREE.following((A, B, C, D), leaves="a")
    assert next_step(leaving) == Write(handed, THREE)
    there = {**ALL_THERE, "d": True}
    assert next_step(facts("a", handed, servers=ALL_THERE)) == Wait()
    after = handed.without("a")
    assert next_step(facts("a", handed, servers=there)) == Write(after, handed)
    excluded = facts("a", after, seat=Carrier(A, (B, C, D), 5), servers=there)
    assert next_step(excluded) == Wait("its server is being taken out of the engine")
    assert not may_leave(excluded)
    taken_out = msgspec.structs.replace(excluded, servers={"b": True, "c": True, "d": True})
    assert next_step(taken_out) == Sit(Client((B, C, D)))
    assert may_leave(msgspec.structs.replace(taken_out, seat=Client((B, C, D))))


def test_of_three_without_a_successor_another_takes_the_state_home() -> None:
    taking = THREE.following((A, B, C), takes="b")
    assert next_step(facts(is_leaving=True)) == Write(taking, THREE)
    assert next_step(facts("b", taking)) == TakeHome(taking.founding((B,)))
    assert next_step(facts("c", taking)) == Wait("b takes the state, to carry it alone")


def test_who_carries_the_state_alone_may_not_leave() -> None:
    one = Charter("aiex", 2, (A,), generation=2)
    told = next_step(facts(charter=one, is_leaving=True, available=(B,)))
    assert isinstance(told, Wait)
    assert "carries the state alone" in told.reason
    assert not may_leave(facts(charter=one))


def test_five_without_a_successor_become_four_and_then_three() -> None:
    five = Charter("aiex", 2, (A, B, C, D, E), generation=1)
    leaving = handed_over(five, "b", ())
    assert isinstance(leaving, Charter)
    assert leaving.leaves == "b"
    four = leaving.without("b")
    servers = dict.fromkeys("acde", True)
    step = next_step(facts("a", four, servers=servers))
    assert step == Write(four.without("e"), four)


def test_a_carrier_that_is_lost_is_removed_and_its_place_filled() -> None:
    without_b = removed(THREE, "b", frozenset("ac"))
    assert isinstance(without_b, Charter)
    assert without_b.names == ("a", "c")
    still_a_server = facts("a", without_b, servers={**ALL_THERE, "b": False}, available=(D,))
    assert next_step(still_a_server) == RemoveServer("b")
    two = msgspec.structs.replace(still_a_server, servers={"a": True, "c": True})
    assert next_step(two) == Write(without_b.following((A, C, D)), without_b)


@pytest.mark.parametrize(
    ("charter", "name", "told"),
    [
        (THREE, "d", "d is not one of the carriers (a, b and c)"),
        (THREE, "a", "a is up; let it leave"),
        (THREE.following((A, B, C), takes="a"), "b", "the carriers are changing already"),
        (Charter("aiex", 2, (B,), generation=2), "b", "b is the only carrier"),
    ],
)
def test_what_cannot_be_removed_is_told(charter: Charter, name: str, told: str) -> None:
    answer = removed(charter, name, frozenset("a"))
    assert isinstance(answer, str)
    assert told in answer


def test_who_was_to_take_the_state_and_is_lost_can_be_removed() -> None:
    leaving = THREE.following((A, B, C), takes="a")
    without_a = removed(leaving, "a", frozenset("bc"))
    assert isinstance(without_a, Charter)
    assert (without_a.names, without_a.takes, without_a.epoch) == (
        ("b", "c"),
        "",
        leaving.epoch + 1,
    )
