"""Who counts as up for those who form the engine."""

from aiex.cluster import Member, MemberState, View
from aiex.cluster.formation import attendance
from aiex.cluster.formation.attendance import Attendance


def member(name: str, state: MemberState, carrier: str = "") -> Member:
    return Member(name, 1, state, 0.0, "", "1", 1, "", "", 0, 1, carrier=carrier)


def test_whoever_is_not_gone_counts_and_carriers_by_their_own_names() -> None:
    view = View(
        (
            member("n1", MemberState.UP, "a"),
            member("n2", MemberState.SUSPECT, "b"),
            member("n3", MemberState.DRAINING),
            member("n4", MemberState.DOWN, "c"),
            member("n5", MemberState.LEFT, "d"),
        )
    )
    assert attendance(view) == Attendance(frozenset({"n1", "n2", "n3"}), frozenset({"a", "b"}))
