"""One answer with what somebody who watches a node wants to see of it now, and nothing else."""

from aiex.performance.snapshot.requests import (
    SNAPSHOT_REQUESTS,
    CallersFound,
    EngineSeen,
    FindCallers,
    Head,
    MemberRow,
    Neighbour,
    RequestsSeen,
    RouteRow,
    Section,
    Snapshot,
    SortBy,
    StackPath,
    TakeSnapshot,
    TargetRow,
    ViewRow,
)
from aiex.performance.snapshot.rows import (
    CENSUS_ORDER,
    HOT_ORDER,
    ROUTE_ORDER,
    TASK_ORDER,
    TYPE_ORDER,
    fits,
    in_order,
)
from aiex.performance.snapshot.snapshots import Snapshots
from aiex.performance.snapshot.surroundings import Surroundings

__all__ = [
    "CENSUS_ORDER",
    "HOT_ORDER",
    "ROUTE_ORDER",
    "SNAPSHOT_REQUESTS",
    "TASK_ORDER",
    "TYPE_ORDER",
    "CallersFound",
    "EngineSeen",
    "FindCallers",
    "Head",
    "MemberRow",
    "Neighbour",
    "RequestsSeen",
    "RouteRow",
    "Section",
    "Snapshot",
    "Snapshots",
    "SortBy",
    "StackPath",
    "Surroundings",
    "TakeSnapshot",
    "TargetRow",
    "ViewRow",
    "fits",
    "in_order",
]
