"""The requests that nodes put to each other; `page` lists them."""

from aiex.cluster.calls.requests.break_off import BreakOff, BrokenOff
from aiex.cluster.calls.requests.copies import (
    DescribeCopies,
    DescribedCopies,
    DescribedCopy,
    VerifiedCopies,
    VerifiedCopy,
    VerifyCopies,
)
from aiex.cluster.calls.requests.description import (
    Describe,
    DescribedEngine,
    DescribedFormation,
    DescribedHot,
    DescribedMember,
    DescribedOutsider,
    DescribedRefusal,
    Description,
)
from aiex.cluster.calls.requests.drain import Drain, DrainBegun, DrainPlan, PlanDrain
from aiex.cluster.calls.requests.examination import DescribedContact, Examination, Examine
from aiex.cluster.calls.requests.hot import AwaitHot, HotApplied
from aiex.cluster.calls.requests.page import REQUESTS, Page, RequestKind
from aiex.cluster.calls.requests.ping import Ping, Pong
from aiex.cluster.calls.requests.request import Request
from aiex.cluster.calls.requests.traffic import CountTraffic, Traffic

__all__ = [
    "REQUESTS",
    "AwaitHot",
    "BreakOff",
    "BrokenOff",
    "CountTraffic",
    "Describe",
    "DescribeCopies",
    "DescribedContact",
    "DescribedCopies",
    "DescribedCopy",
    "DescribedEngine",
    "DescribedFormation",
    "DescribedHot",
    "DescribedMember",
    "DescribedOutsider",
    "DescribedRefusal",
    "Description",
    "Drain",
    "DrainBegun",
    "DrainPlan",
    "Examination",
    "Examine",
    "HotApplied",
    "Page",
    "Ping",
    "PlanDrain",
    "Pong",
    "Request",
    "RequestKind",
    "Traffic",
    "VerifiedCopies",
    "VerifiedCopy",
    "VerifyCopies",
]
