"""What membership costs a cluster of any size: a formula, from what single messages cost.

Pure. Everybody hears everybody, so a node hears as many heartbeats a second as there are members in
a gap, and the servers hand out as many again for each member.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from aiex.cluster.membership.pulse import JITTER_RATIO, gap_s

SIZES = (3, 10, 20, 50, 100, 200, 500, 1000)
CARRIERS = 3


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU that was used in a cluster of so many members, in ms a second."""

    member_count: int
    member_ms_per_s: float  # of one member
    servers_ms_per_s: float  # of all servers


@dataclass(frozen=True, slots=True)
class Costs:
    """`rest_ms_per_s` is what a member uses without hearing anybody."""

    hear_us: float
    rest_ms_per_s: float
    deliver_us: float
    servers_rest_ms_per_s: float
    heartbeat_bytes: int


@dataclass(frozen=True, slots=True)
class Row:
    """A cluster of so many members, as the formula has it."""

    member_count: int
    gap_s: float
    heard_per_s: float
    member_ms_per_s: float
    member_kb_per_s: float
    delivered_per_s: float  # by all servers
    server_ms_per_s: float  # of one carrier
    server_mb_per_s: float


def heard_per_s(member_count: int) -> float:
    """Heartbeats a member hears; the server spares it its own voice no more than the others'."""
    return member_count / (gap_s(member_count) * (1 - JITTER_RATIO / 2))


def costs(small: Usage, large: Usage, heartbeat_bytes: int) -> Costs:
    """A line through two sizes; what grows with the messages is theirs, the rest is not.

    The servers' part of it holds what else a member asks of them, so it is an upper bound.
    """
    heard = heard_per_s(large.member_count) - heard_per_s(small.member_count)
    hear_ms = max(0.0, large.member_ms_per_s - small.member_ms_per_s) / heard
    delivered = delivered_per_s(large.member_count) - delivered_per_s(small.member_count)
    deliver_ms = max(0.0, large.servers_ms_per_s - small.servers_ms_per_s) / delivered
    return Costs(
        hear_us=hear_ms * 1000,
        rest_ms_per_s=small.member_ms_per_s - hear_ms * heard_per_s(small.member_count),
        deliver_us=deliver_ms * 1000,
        servers_rest_ms_per_s=small.servers_ms_per_s
        - deliver_ms * delivered_per_s(small.member_count),
        heartbeat_bytes=heartbeat_bytes,
    )


def delivered_per_s(member_count: int) -> float:
    """Heartbeats all servers hand out together."""
    return member_count * heard_per_s(member_count)


def row(member_count: int, known: Costs) -> Row:
    heard, delivered = heard_per_s(member_count), delivered_per_s(member_count)
    servers_ms = known.servers_rest_ms_per_s + delivered * known.deliver_us / 1000
    return Row(
        member_count,
        gap_s(member_count),
        heard,
        known.rest_ms_per_s + heard * known.hear_us / 1000,
        heard * known.heartbeat_bytes / 1000,
        delivered,
        servers_ms / CARRIERS,
        delivered * known.heartbeat_bytes / 1e6 / CARRIERS,
    )


def table(known: Costs, sizes: Sequence[int] = SIZES) -> str:
    """The formula for people."""
    head = (
        "members",
        "gap s",
        "heard/s",
        "node CPU ms/s",
        "node in kB/s",
        "delivered/s",
        "server CPU ms/s",
        "server out MB/s",
    )
    rows = [row(size, known) for size in sizes]
    cells = [
        (
            f"{one.member_count}",
            f"{one.gap_s:g}",
            f"{one.heard_per_s:.0f}",
            f"{one.member_ms_per_s:.1f}",
            f"{one.member_kb_per_s:.1f}",
            f"{one.delivered_per_s:.0f}",
            f"{one.server_ms_per_s:.0f}",
            f"{one.server_mb_per_s:.2f}",
        )
        for one in rows
    ]
    widths = [max(len(line[column]) for line in (head, *cells)) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in (head, *cells)
    )
