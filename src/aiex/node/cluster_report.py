"""What nodes say of each other: this one in its own words, and what all answer when asked."""

import platform
from typing import Any

from aiex.cluster import (
    PROTOCOL,
    Answer,
    Describe,
    DescribedEngine,
    DescribedMember,
    Description,
    Failure,
    Member,
    Ping,
)
from aiex.node.admin_views import (
    DescriptionsView,
    DescriptionView,
    FailureView,
    PingsView,
    PingView,
)
from aiex.node.parts import Parts
from aiex.settings import settings_digest

# An operator waits; a healthy node answers in milliseconds, one on a busy machine within a second.
ASK_S = 2.0
# What a text of a description may have; the ends of longer ones tell nothing new.
TEXT_CHARS_MAX = 512


class ClusterReport:
    """Answers questions about the cluster; `Parts` must be complete when it is asked."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._settings = settings_digest(parts.settings)

    def description(self) -> Description:
        """This node, as others get it when they ask `describe`."""
        parts, life = self._parts, self._parts.life
        engine, view = parts.engine.status(), parts.cluster.view()
        return Description(
            life.name,
            parts.cluster.incarnation(),
            life.version,
            PROTOCOL,
            platform.python_version(),
            life.phase,
            life.started_at_s,
            life.wall_s(),
            self._settings,
            DescribedEngine(
                "embedded" if engine.is_embedded else "external",
                engine.state,
                engine.reason[:TEXT_CHARS_MAX],
                engine.server_version,
            ),
            tuple(_described(member) for member in view.members),
            next((one.groups for one in view.members if one.is_self), ()),
            view.stays_out[:TEXT_CHARS_MAX],
            view.split[:TEXT_CHARS_MAX],
            life.admin_url,
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

    def _clock_ahead_ms(self, came: Answer[Any]) -> float:
        """By how much its wall clock is ahead of ours, give or take half of the round trip."""
        then_s = self._parts.life.wall_s() - came.round_trip_s / 2
        return _milliseconds(came.value.wall_s - then_s)


def _described(member: Member) -> DescribedMember:
    return DescribedMember(
        member.name,
        member.incarnation,
        member.state,
        member.reason[:TEXT_CHARS_MAX],
        member.version,
        member.zone,
    )


def _failure(failure: Failure) -> FailureView:
    return FailureView(failure.node, failure.reason, failure.text)


def _milliseconds(duration_s: float) -> float:
    return round(duration_s * 1000, 3)
