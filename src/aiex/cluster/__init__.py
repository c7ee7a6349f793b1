"""The nodes that know each other: who is a member, and how it is."""

from aiex.cluster.cluster import Cluster
from aiex.cluster.events import (
    ClusterSplit,
    ClusterWhole,
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
from aiex.cluster.member import Member, MemberState, Outsider, View
from aiex.cluster.membership import Condition, Own
from aiex.cluster.messages import PROTOCOL, Standing

__all__ = [
    "PROTOCOL",
    "Cluster",
    "ClusterSplit",
    "ClusterWhole",
    "Condition",
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
