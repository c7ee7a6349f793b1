"""Who is a member and how it is, by what nodes say of themselves."""

from aiex.cluster.membership.member import GONE, Member, MemberState, Outsider, View
from aiex.cluster.membership.membership_service import MembershipService
from aiex.cluster.membership.messages import (
    NAME_CHARS_MAX,
    PROTOCOL,
    MessageUnreadable,
    Name,
    Number,
    Standing,
    Url,
    Word,
)
from aiex.cluster.membership.own import Condition, Own

__all__ = [
    "GONE",
    "NAME_CHARS_MAX",
    "PROTOCOL",
    "Condition",
    "Member",
    "MemberState",
    "MembershipService",
    "MessageUnreadable",
    "Name",
    "Number",
    "Outsider",
    "Own",
    "Standing",
    "Url",
    "View",
    "Word",
]
