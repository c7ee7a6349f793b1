"""Asking a node to finish what it has in hand and stop, and what that would take."""

from typing import Annotated

import msgspec
from msgspec import Meta

from aiex.cluster.calls.requests.request import LISTED_MAX, Request, Text
from aiex.cluster.membership import Name, Number, Word


class PlanDrain(Request["DrainPlan"], frozen=True):
    pass


class DrainPlan(msgspec.Struct, frozen=True):
    """What a drain of the node would have to wait for, and what others take over from it."""

    name: Name
    phase: Word
    in_flight: Number
    streams: Number
    carrier: Text
    leases: Annotated[tuple[Word, ...], Meta(max_length=LISTED_MAX)]
    has_local_model: bool
    deadline_s: float
    expected_s: float
    estimate: Text  # how `expected_s` came about
    refusal: Text = ""  # why it is not drained unless forced
    consequence: Text = ""  # what the others cannot do without it


class Drain(Request["DrainBegun"], frozen=True):
    is_forced: bool = False


class DrainBegun(msgspec.Struct, frozen=True):
    """`refusal` says why not; empty when the node drains from now on, or did before."""

    refusal: Text = ""
