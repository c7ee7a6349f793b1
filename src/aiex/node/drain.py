"""The drain of a node, asked for by an operator at any node: what it waits for, and whether it may.

The drain itself is what SIGTERM starts (`aiex.node.lifecycle`).
"""

import os
import signal
from collections.abc import Callable, Sequence

import msgspec

from aiex.cluster import GONE, DrainBegun, DrainPlan, Member, MemberState
from aiex.node.health import Phase
from aiex.node.parts import Parts

# What a node without requests needs to say goodbye and end its engine.
END_S = 1.0


class Load(msgspec.Struct, frozen=True):
    """What is in hand. `usual_s` is how long answers take lately at the slowest target in use."""

    in_flight: int
    usual_s: float
    propagation_s: float
    deadline_s: float


def estimate(load: Load) -> tuple[float, str]:
    """Seconds until the node is gone, and how they came about."""
    ahead_s = load.propagation_s + END_S
    if not load.in_flight:
        return ahead_s, "no request is open"
    if not load.usual_s:
        return ahead_s + load.deadline_s, (
            "at most the drain deadline; nothing was answered lately to compare with"
        )
    if load.usual_s >= load.deadline_s:
        return ahead_s + load.deadline_s, (
            f"the drain deadline; answers take {load.usual_s:.1f} s lately, and what is open then "
            "is cut off"
        )
    return ahead_s + load.usual_s, (
        f"answers take {load.usual_s:.1f} s lately at the slowest target in use; the drain "
        f"deadline is {load.deadline_s:g} s"
    )


def refusal(name: str, members: Sequence[Member]) -> str:
    """Why the node is not to be drained; empty when others go on answering."""
    others = [one for one in members if one.name != name and one.state is MemberState.UP]
    if others:
        return ""
    return f"{name} is the last node that is ready; without it nobody answers requests"


def consequence(carrier: str, carriers: Sequence[str], members: Sequence[Member]) -> str:
    """What cannot be done without this carrier; empty when a quorum is left, or it is none."""
    others = {one.carrier for one in members if one.state not in GONE} - {carrier}
    left_count = sum(one in others for one in carriers)
    if not carrier or left_count * 2 > len(carriers):
        return ""
    return (
        f"without it {left_count} of {len(carriers)} carriers are left: the engine has no quorum, "
        "and keys and usage cannot be written until one is back"
    )


class Drains:
    """Answers for this node; `stop` begins what the first SIGTERM begins."""

    def __init__(self, parts: Parts, stop: Callable[[], None]) -> None:
        self._parts = parts
        self._stop = stop

    def plan(self) -> DrainPlan:
        parts, life = self._parts, self._parts.life
        load = self._load()
        expected_s, why = estimate(load)
        model = parts.local_model.state() if parts.local_model is not None else None
        members = parts.cluster.view().members
        carrier = ""
        carriers: tuple[str, ...] = ()
        formation = parts.cluster.formation
        if formation is not None and formation.is_on:
            status = formation.status()
            carrier = status.carrier
            carriers = status.charter.names if status.charter is not None else ()
        return DrainPlan(
            life.name,
            life.phase,
            load.in_flight,
            parts.intake.stream_count,
            carrier,
            tuple(one.lease for one in parts.cluster.leases() if one.is_held_here),
            model is not None and model.pid is not None,
            load.deadline_s,
            round(expected_s, 1),
            why,
            refusal(life.name, members),
            consequence(carrier, carriers, members),
        )

    def begin(self, *, is_forced: bool) -> DrainBegun:
        """Drain from now on, unless nobody would be left; once more changes nothing."""
        parts, life = self._parts, self._parts.life
        if life.phase in (Phase.DRAINING, Phase.STOPPED):
            return DrainBegun()
        if not is_forced and (why := refusal(life.name, parts.cluster.view().members)):
            return DrainBegun(why)
        self._stop()
        return DrainBegun()

    def _load(self) -> Load:
        parts = self._parts
        targets = {one for model in parts.catalogue.models() for one in model.targets}
        states = [parts.targets.state(one) for one in targets]
        in_use = [one.whole.recent_s for one in states if one.cap.in_flight]
        return Load(
            parts.api.in_flight_count,
            max(in_use, default=0.0),
            parts.hot.ns.propagation_delay_s,
            parts.hot.ns.drain_deadline_s,
        )


def stop_this_process() -> None:
    """As an operator would: it drains first."""
    os.kill(os.getpid(), signal.SIGTERM)
