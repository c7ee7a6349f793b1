"""Whether a hot value is in force at a node."""

import msgspec

from aiex.cluster.calls.requests.request import Request, Text
from aiex.cluster.membership import Number


class AwaitHot(Request["HotApplied"], frozen=True):
    """Answered once the node has heard of the hot value `key` at `revision`, or a later one."""

    key: Text
    revision: Number


class HotApplied(msgspec.Struct, frozen=True):
    """`revision` is the newest it has heard; `refusal` says why the value is not in force there."""

    revision: Number
    refusal: Text = ""
