"""Nodes that speak in this cluster and cannot be its members, or keep this one from being one."""

import msgspec

from aiex.cluster.membership.failure_detector import dead_after_s
from aiex.cluster.membership.member import Outsider
from aiex.cluster.membership.messages import PROTOCOL, PROTOCOL_MIN, Foreign, understands

# Their heartbeats cannot be read, so neither can how often they come: at most every 10 s.
KEPT_S = 15.0
LEN_MAX = 64


class Twin(msgspec.Struct, frozen=True):
    """Another process under this node's name that began later. The later one is the member."""

    incarnation: int
    heard_at_s: float
    gap_s: float

    def is_gone(self, now_s: float) -> bool:
        return now_s - self.heard_at_s > dead_after_s(self.gap_s)


class Outsiders:
    """Those heard lately. Times are those spent listening."""

    def __init__(self) -> None:
        self._heard: dict[tuple[str, int], tuple[Foreign, float]] = {}

    def heard(self, foreign: Foreign, now_s: float) -> bool:
        """Remember it; whether it is new here."""
        key = (foreign.name, foreign.incarnation)
        is_new = key not in self._heard
        if is_new and len(self._heard) >= LEN_MAX:
            return False
        self._heard[key] = (foreign, now_s)
        return is_new

    def forget(self, name: str) -> None:
        for key in [key for key in self._heard if key[0] == name]:
            del self._heard[key]

    def tidy(self, now_s: float) -> None:
        """Forget those that were not heard for long."""
        if self._heard:
            self._heard = {
                key: (foreign, heard_at_s)
                for key, (foreign, heard_at_s) in self._heard.items()
                if now_s - heard_at_s <= KEPT_S
            }

    def all(self) -> tuple[Outsider, ...]:
        return tuple(
            Outsider(one.name, one.incarnation, self.reason(one), understands(one))
            for one, _ in self._heard.values()
        )

    def keep_out(self) -> str:
        """Why a node that is not a member yet cannot become one; empty when it can."""
        for foreign, _ in self._heard.values():
            if not understands(foreign) and foreign.standing != "joining":
                return (
                    f"this node speaks protocol {PROTOCOL} (and understands {PROTOCOL_MIN}), but "
                    f"the member {foreign.name} speaks {foreign.protocol} (and understands "
                    f"{foreign.protocol_min}); run releases that understand each other"
                )
        return ""

    def reason(self, foreign: Foreign) -> str:
        if understands(foreign):
            return "it has the name of a member that began later; set node.name of one of them"
        return (
            f"it speaks protocol {foreign.protocol} (and understands {foreign.protocol_min}), "
            f"this node {PROTOCOL} (and {PROTOCOL_MIN})"
        )
