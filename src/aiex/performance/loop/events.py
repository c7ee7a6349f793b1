"""What happened to the loop."""

import msgspec

from aiex.performance.loop.stall import Stall


class LoopStalled(msgspec.Struct, frozen=True):
    """The loop turns again, and had not for longer than `performance.stall_after_ms`."""

    stall: Stall


class EarlierStallFound(msgspec.Struct, frozen=True):
    """An earlier life of this node stalled and did not come back; its sentinel wrote this down."""

    stall: Stall


class SentinelLimited(msgspec.Struct, frozen=True):
    """The sentinel watches, and cannot read the node's stack; why, and what to do."""

    reason: str
