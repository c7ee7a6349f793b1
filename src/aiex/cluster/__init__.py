"""The nodes that know each other: who is a member, and how it is."""

from aiex.cluster.cluster import Cluster
from aiex.cluster.discovery import Discovery, Found, follow
from aiex.cluster.discovery_dns import DnsDiscovery
from aiex.cluster.discovery_local import LocalDiscovery
from aiex.cluster.discovery_static import StaticDiscovery
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
from aiex.cluster.meeting import Meeting, meeting_secret
from aiex.cluster.member import Member, MemberState, Outsider, View
from aiex.cluster.membership import Condition, Own
from aiex.cluster.messages import PROTOCOL, Standing
from aiex.cluster.name_lookup import DnsLookup

__all__ = [
    "PROTOCOL",
    "Cluster",
    "ClusterSplit",
    "ClusterWhole",
    "Condition",
    "Discovery",
    "DnsDiscovery",
    "DnsLookup",
    "Found",
    "LocalDiscovery",
    "Meeting",
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
    "StaticDiscovery",
    "StayedOut",
    "TookPart",
    "View",
    "follow",
    "meeting_secret",
]
