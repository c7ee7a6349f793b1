"""Who is up, as a formation wants to know it of the membership."""

import msgspec

from aiex.cluster.membership import GONE, View


class Attendance(msgspec.Struct, frozen=True):
    """By the names of nodes, and of the carriers that they are."""

    nodes: frozenset[str]
    carriers: frozenset[str]


def attendance(view: View) -> Attendance:
    """Of those who take part; one that is late or drains still carries."""
    there = [member for member in view.members if member.state not in GONE]
    return Attendance(
        frozenset(member.name for member in there),
        frozenset(member.carrier for member in there if member.carrier),
    )
