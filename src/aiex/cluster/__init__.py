"""The nodes that know each other: who is a member, how it is, and who holds which lease."""

from aiex.cluster.cluster import Cluster
from aiex.cluster.events import (
    ClusterSplit,
    ClusterWhole,
    LeaseLost,
    LeaseTaken,
    MemberDown,
    MemberDraining,
    MemberLeft,
    MemberSuspect,
    MemberUp,
    MessageRefused,
    OutsiderSeen,
    StayedOut,
    TookPart,
)
from aiex.cluster.fence import FencedEntry, FenceGuard
from aiex.cluster.lease_record import Holder
from aiex.cluster.leasehold import Leasehold, LeaseStatus
from aiex.cluster.member import Member, MemberState, Outsider, View
from aiex.cluster.membership import Condition, Own
from aiex.cluster.messages import PROTOCOL, Standing

__all__ = [
    "PROTOCOL",
    "Cluster",
    "ClusterSplit",
    "ClusterWhole",
    "Condition",
    "FenceGuard",
    "FencedEntry",
    "Holder",
    "LeaseLost",
    "LeaseStatus",
    "LeaseTaken",
    "Leasehold",
    "Member",
    "MemberDown",
    "MemberDraining",
    "MemberLeft",
    "MemberState",
    "MemberSuspect",
    "MemberUp",
    "MessageRefused",
    "Outsider",
    "OutsiderSeen",
    "Own",
    "Standing",
    "StayedOut",
    "TookPart",
    "View",
]
