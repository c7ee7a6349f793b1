"""How far a node's cluster is formed, as that node knows."""

from collections.abc import Mapping

import msgspec

from aiex.cluster.discovery import Found
from aiex.cluster.formation.charter import Charter


class FormationStatus(msgspec.Struct, frozen=True):
    """`waiting_for` and `trouble` are for people, empty when all is well.

    `is_in_force`: the charter was read in an engine, now or in an earlier life, or told by others.
    `servers` are the engine's own, with whether each is there and up to date; None while unknown.
    """

    charter: Charter | None
    carrier: str  # this node's name as a carrier; empty when it is a client
    waiting_for: str
    trouble: str
    found: Found
    is_leaving: bool
    is_in_force: bool = False
    servers: Mapping[str, bool] | None = None
