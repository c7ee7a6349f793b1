"""Every request that nodes put to each other, on one page: its name, what it takes and gives.

A node that does not know a request says so, and the caller gets `Reason.NO_SUCH_REQUEST`. So a
request is never changed in meaning: fields may be added with a default (older nodes ignore them,
newer ones fill them in), and what has to be different gets another name.

What answers is an async function, handed to `Cluster` where the node is composed.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from aiex.cluster.calls.requests.break_off import BreakOff, BrokenOff
from aiex.cluster.calls.requests.copies import (
    DescribeCopies,
    DescribedCopies,
    VerifiedCopies,
    VerifyCopies,
)
from aiex.cluster.calls.requests.description import Describe, Description
from aiex.cluster.calls.requests.drain import Drain, DrainBegun, DrainPlan, PlanDrain
from aiex.cluster.calls.requests.examination import Examination, Examine
from aiex.cluster.calls.requests.hot import AwaitHot, HotApplied
from aiex.cluster.calls.requests.ping import Ping, Pong
from aiex.cluster.calls.requests.traffic import CountTraffic, Traffic


class RequestKind(msgspec.Struct, frozen=True):
    """A line of the page."""

    name: str
    request: type[Any]
    answer: type[Any]
    text: str


REQUESTS = (
    RequestKind("ping", Ping, Pong, "The node's name, incarnation and clocks, at once."),
    RequestKind(
        "describe",
        Describe,
        Description,
        "The node in its own words: release, settings by digest, clock, engine, whom it sees.",
    ),
    RequestKind("examine", Examine, Examination, "What the node finds at each carrier's ports."),
    RequestKind("drain_plan", PlanDrain, DrainPlan, "What a drain of the node would wait for."),
    RequestKind("drain", Drain, DrainBegun, "Finish what is in hand and stop."),
    RequestKind("hot_applied", AwaitHot, HotApplied, "Whether a hot value is in force there."),
    RequestKind("traffic", CountTraffic, Traffic, "What its API answered: counts and durations."),
    RequestKind(
        "describe_copies", DescribeCopies, DescribedCopies, "How far the node's views are."
    ),
    RequestKind(
        "verify_copies",
        VerifyCopies,
        VerifiedCopies,
        "What the node's views differ in from what the engine has.",
    ),
    RequestKind(
        "break_off", BreakOff, BrokenOff, "Break off a turn that was cancelled at another node."
    ),
)


class Page:
    """The requests by name and by type."""

    def __init__(self, kinds: Sequence[RequestKind] = REQUESTS) -> None:
        self._by_name = {kind.name: kind for kind in kinds}
        self._by_request = {kind.request: kind for kind in kinds}
        assert len(self._by_name) == len(self._by_request) == len(kinds), "one name for one type"

    def named(self, name: str) -> RequestKind | None:
        return self._by_name.get(name)

    def of(self, request: type[Any]) -> RequestKind:
        assert request in self._by_request, f"{request.__name__} is on no page of requests"
        return self._by_request[request]
