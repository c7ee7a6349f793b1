"""What a node has to send once it has looked around."""

from typing import NamedTuple

from aiex.cluster.membership.messages import Heartbeat


class Asked(NamedTuple):
    """A probe to send to the member `name`; `asked_at_s` goes back with what came of it."""

    name: str
    asked_at_s: float


class Turn(NamedTuple):
    """What is to be sent now."""

    heartbeat: Heartbeat | None
    probes: list[Asked]
