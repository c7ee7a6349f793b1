"""What nodes say of each other: what all answer when asked, and what is wrong by that."""

import asyncio
from typing import Any

from aiex.cluster import (
    Answer,
    Describe,
    Evidence,
    Examination,
    Examine,
    Failure,
    Ping,
    Silence,
    Witness,
    diagnosed,
)
from aiex.node.admin_views import (
    DescriptionsView,
    DescriptionView,
    ExplanationView,
    FailureView,
    PingsView,
    PingView,
    WitnessView,
)
from aiex.node.own_description import LOOK_S, OwnDescription
from aiex.node.parts import Parts

# An operator waits; a healthy node answers in milliseconds, one on a busy machine within a second.
ASK_S = 2.0
EXAMINE_S = 2 * LOOK_S + 1.0


class ClusterReport:
    """Answers questions about the cluster; `Parts` must be complete when it is asked."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.own = OwnDescription(parts)

    async def explanation(self) -> ExplanationView:
        """What all nodes know, what of it is wrong, and what to do."""
        told, examined = await asyncio.gather(self.descriptions(), self._examinations())
        own = self._parts.life.name
        described = {one.node: one for one in told.descriptions}
        if own not in described:  # it may be no member of anything, and knows what it knows
            described[own] = DescriptionView(own, 0.0, 0.0, self.own.now())
        witnesses = [
            Witness(
                one.description,
                examined[name].contacts if name in examined else (),
                one.clock_ahead_ms / 1000,
                one.round_trip_ms / 2000,
            )
            for name, one in sorted(described.items())
        ]
        silences = [one for one in told.failures if one.node != own]
        evidence = Evidence(
            own,
            tuple(witnesses),
            tuple(Silence(one.node, one.reason, one.text) for one in silences),
            self._parts.life.wall_s(),
        )
        return ExplanationView(
            own,
            list(diagnosed(evidence)),
            [_witness_view(described[one.name], one) for one in witnesses],
            silences,
        )

    async def descriptions(self) -> DescriptionsView:
        """How all members describe themselves."""
        described, failures = [], []
        async for came in self._parts.cluster.call_all(Describe(), deadline_s=ASK_S):
            if isinstance(came, Failure):
                failures.append(_failure(came))
            else:
                described.append(
                    DescriptionView(
                        came.node,
                        _milliseconds(came.round_trip_s),
                        self._clock_ahead_ms(came),
                        came.value,
                    )
                )
        described.sort(key=lambda one: one.node)
        return DescriptionsView(described, failures)

    async def pings(self) -> PingsView:
        """How long a message takes to each member and back, and how its clock differs."""
        pings, failures = [], []
        async for came in self._parts.cluster.call_all(Ping(), deadline_s=ASK_S):
            if isinstance(came, Failure):
                failures.append(_failure(came))
            else:
                pings.append(
                    PingView(
                        came.node,
                        came.value.incarnation,
                        _milliseconds(came.round_trip_s),
                        self._clock_ahead_ms(came),
                    )
                )
        pings.sort(key=lambda one: one.node)
        return PingsView(self._parts.life.name, pings, failures)

    async def _examinations(self) -> dict[str, Examination]:
        """What each node finds at the carriers' ports, of those that say so; by name."""
        came = self._parts.cluster.call_all(Examine(), deadline_s=EXAMINE_S)
        found = {one.node: one.value async for one in came if isinstance(one, Answer)}
        if (own := self._parts.life.name) not in found:
            found[own] = await self.own.examination()
        return found

    def _clock_ahead_ms(self, came: Answer[Any]) -> float:
        """By how much its wall clock is ahead of ours, give or take half of the round trip."""
        then_s = self._parts.life.wall_s() - came.round_trip_s / 2
        return _milliseconds(came.value.wall_s - then_s)


def _witness_view(told: DescriptionView, witness: Witness) -> WitnessView:
    return WitnessView(
        told.node, told.round_trip_ms, told.clock_ahead_ms, told.description, witness.contacts
    )


def _failure(failure: Failure) -> FailureView:
    return FailureView(failure.node, failure.reason, failure.text)


def _milliseconds(duration_s: float) -> float:
    return round(duration_s * 1000, 3)
