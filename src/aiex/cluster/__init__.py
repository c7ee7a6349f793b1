"""The nodes that know each other: who is a member, how they talk, and who holds which lease."""

from aiex.cluster.answer import Answer, Answers, Failure, Reason
from aiex.cluster.call_desk import Caller, Handler
from aiex.cluster.charter import CHARTER_FILE, Charter, load_charter
from aiex.cluster.cluster import Cluster, Forming
from aiex.cluster.discovery import Discovery, Found, follow
from aiex.cluster.discovery_dns import DnsDiscovery
from aiex.cluster.discovery_local import LocalDiscovery
from aiex.cluster.discovery_static import StaticDiscovery
from aiex.cluster.events import (
    CallFinished,
    CallHandlerFailed,
    CharterAdopted,
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
    MessageRefused,
    OutsiderSeen,
    SeatTaken,
    StayedOut,
    TookPart,
)
from aiex.cluster.fence import FencedEntry, FenceGuard
from aiex.cluster.formation_service import FormationService, FormationStatus
from aiex.cluster.group import Group
from aiex.cluster.lease_record import Holder
from aiex.cluster.leasehold import Leasehold, LeaseStatus
from aiex.cluster.meeting import Meeting, meeting_secret
from aiex.cluster.member import Member, MemberState, Outsider, View
from aiex.cluster.membership import Condition, Own
from aiex.cluster.messages import PROTOCOL, Standing
from aiex.cluster.name_lookup import DnsLookup
from aiex.cluster.requests import (
    REQUESTS,
    Describe,
    DescribedEngine,
    DescribedMember,
    Description,
    Page,
    Ping,
    Pong,
    Request,
    RequestKind,
)

__all__ = [
    "CHARTER_FILE",
    "PROTOCOL",
    "REQUESTS",
    "Answer",
    "Answers",
    "CallFinished",
    "CallHandlerFailed",
    "Caller",
    "Charter",
    "CharterAdopted",
    "Cluster",
    "ClusterSplit",
    "ClusterWhole",
    "Condition",
    "Describe",
    "DescribedEngine",
    "DescribedMember",
    "Description",
    "Discovery",
    "DnsDiscovery",
    "DnsLookup",
    "Failure",
    "FenceGuard",
    "FencedEntry",
    "FormationService",
    "FormationStatus",
    "Forming",
    "Found",
    "Group",
    "GroupJoined",
    "GroupLeft",
    "Handler",
    "Holder",
    "LeaseLost",
    "LeaseStatus",
    "LeaseTaken",
    "Leasehold",
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
    "Page",
    "Ping",
    "Pong",
    "Reason",
    "Request",
    "RequestKind",
    "SeatTaken",
    "Standing",
    "StaticDiscovery",
    "StayedOut",
    "TookPart",
    "View",
    "follow",
    "load_charter",
    "meeting_secret",
]
