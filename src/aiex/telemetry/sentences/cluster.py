"""Members, splits, calls and leases, in words."""

import logging
from typing import Any

from aiex.cluster import (
    CallHandlerFailed,
    ClusterSplit,
    ClusterWhole,
    GroupJoined,
    GroupLeft,
    LeaseLost,
    LeaseTaken,
    MemberDown,
    MemberDraining,
    MemberLeft,
    MemberSuspect,
    MemberUp,
    OutsiderSeen,
    StayedOut,
    TookPart,
)

EVENTS = (
    CallHandlerFailed,
    ClusterSplit,
    ClusterWhole,
    GroupJoined,
    GroupLeft,
    LeaseLost,
    LeaseTaken,
    MemberDown,
    MemberDraining,
    MemberLeft,
    MemberSuspect,
    MemberUp,
    OutsiderSeen,
    StayedOut,
    TookPart,
)


def line(event: Any) -> tuple[int, str]:
    match event:
        case MemberUp(name):
            return logging.INFO, f"the member {name} is up"
        case MemberSuspect(name, _, reason):
            return logging.WARNING, f"the member {name} is suspect: {reason}"
        case MemberDraining(name):
            return logging.INFO, f"the member {name} drains"
        case MemberDown(name, _, reason):
            return logging.WARNING, f"the member {name} is down: {reason}"
        case MemberLeft(name):
            return logging.INFO, f"the member {name} has left"
        case _:
            return _cluster_line(event)


def _cluster_line(event: Any) -> tuple[int, str]:
    match event:
        case OutsiderSeen(name, _, reason):
            return logging.WARNING, f"the node {name} is kept out of the cluster: {reason}"
        case StayedOut(reason):
            return logging.ERROR, f"this node stays out of the cluster: {reason}"
        case TookPart():
            return logging.INFO, "this node takes part in the cluster again"
        case ClusterSplit(reason):
            return logging.WARNING, f"the cluster is split: {reason}"
        case ClusterWhole():
            return logging.INFO, "the cluster is whole again"
        case _:
            return _shared_line(event)


def _shared_line(event: Any) -> tuple[int, str]:
    """What members do together: calls, groups, leases."""
    match event:
        case CallHandlerFailed(request, caller, error):
            return logging.ERROR, f"the request {request} of {caller} failed here: {error}"
        case GroupJoined(group, name):
            return logging.DEBUG, f"the member {name} is in the group {group}"
        case GroupLeft(group, name):
            return logging.DEBUG, f"the member {name} is no more in the group {group}"
        case LeaseTaken(lease, fence):
            return logging.INFO, f"this node holds the lease {lease} (fence {fence})"
        case LeaseLost(lease, fence, reason):
            return logging.INFO, f"this node lost the lease {lease} (fence {fence}): {reason}"
    raise AssertionError(f"{type(event).__name__} has no sentence")
