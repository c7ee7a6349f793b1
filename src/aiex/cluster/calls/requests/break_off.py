"""Telling the node that has a turn that it was cancelled at another."""

import msgspec

from aiex.cluster.calls.requests.request import Request
from aiex.cluster.membership import Word


class BreakOff(Request["BrokenOff"], frozen=True):
    """A turn was cancelled: the one in this part of a thread."""

    thread: Word
    part: Word


class BrokenOff(msgspec.Struct, frozen=True):
    """The node has heard of it; whether it had that turn is nobody's business but its own."""
