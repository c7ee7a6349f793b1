"""The cluster as this node sees it, what all nodes answer when asked, and what is wrong by that."""

import asyncio
from typing import Any

from aiex.assistant import instant
from aiex.cluster import (
    Answer,
    Describe,
    Evidence,
    Examination,
    Examine,
    Failure,
    LeaseStatus,
    Member,
    Ping,
    Silence,
    Witness,
    diagnosed,
)
from aiex.node.health import lacking_text
from aiex.node.own_description import LOOK_S, OwnDescription
from aiex.node.parts import Parts
from aiex.node.views.cluster import (
    ClusterView,
    DescriptionsView,
    DescriptionView,
    ExplanationView,
    FailureView,
    LeaseListView,
    LeaseView,
    MemberView,
    OutsiderView,
    PingsView,
    PingView,
    WitnessView,
)

# An operator waits; a healthy node answers in milliseconds, one on a busy machine within a second.
ASK_S = 2.0
EXAMINE_S = 2 * LOOK_S + 1.0


class ClusterReport:
    """Answers questions about the cluster; `Parts` must be complete when it is asked."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.own = OwnDescription(parts)

    def now(self) -> ClusterView:
        """The members as this node sees them now."""
        cluster = self._parts.cluster
        view = cluster.view()
        forming = self._forming()
        conditions = {
            "out": view.stays_out,
            "forming": forming,
            "split": view.split,
            "behind": lacking_text(self._parts.engine.lacking()),
        }
        condition = next((name for name, reason in conditions.items() if reason), "whole")
        formation = cluster.formation.status() if cluster.formation is not None else None
        charter = formation.charter if formation is not None else None
        return ClusterView(
            cluster.name,
            condition,
            conditions.get(condition, ""),
            charter.epoch if charter is not None else 0,
            [one.name for one in charter.carriers] if charter is not None else [],
            [self._member(member) for member in view.members],
            [OutsiderView(one.name, one.incarnation, one.reason) for one in view.outsiders],
        )

    def leases(self) -> LeaseListView:
        """Who holds which lease, as this node has heard."""
        return LeaseListView([_lease(one) for one in self._parts.cluster.leases()])

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

    def _forming(self) -> str:
        """What keeps the cluster from being formed, as a phrase; empty when it is."""
        parts = self._parts
        if not parts.cluster.is_formed_here or (formation := parts.cluster.formation) is None:
            return ""
        status, engine = formation.status(), parts.engine.status()
        if reason := status.trouble or status.waiting_for:
            return reason
        return "" if parts.keys.is_known else engine.phrase

    def _member(self, member: Member) -> MemberView:
        return MemberView(
            member.name,
            member.incarnation,
            member.state,
            member.reason,
            instant(self._parts.life.wall_s() - member.since_s),
            round(member.since_s, 3),
            member.zone,
            member.version,
            member.protocol,
            member.api_url,
            member.admin_url,
            member.in_flight,
            member.in_flight_max,
            member.is_self,
            member.groups,
            member.carrier,
            member.hot_revision,
        )

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


def _lease(status: LeaseStatus) -> LeaseView:
    is_free = not status.holder.name
    return LeaseView(
        status.lease,
        None if is_free else status.holder.name,
        status.holder.incarnation,
        status.fence,
        None if is_free else instant(status.since_ms / 1000),
        status.is_held_here,
    )


def _witness_view(told: DescriptionView, witness: Witness) -> WitnessView:
    return WitnessView(
        told.node, told.round_trip_ms, told.clock_ahead_ms, told.description, witness.contacts
    )


def _failure(failure: Failure) -> FailureView:
    return FailureView(failure.node, failure.reason, failure.text)


def _milliseconds(duration_s: float) -> float:
    return round(duration_s * 1000, 3)
