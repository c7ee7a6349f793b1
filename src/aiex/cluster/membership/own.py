"""Who this node is, and how it is now: what it is told of as."""

import msgspec

from aiex.cluster.membership.messages import Standing


class Own(msgspec.Struct, frozen=True):
    """Who this node is, for as long as it runs."""

    name: str
    zone: str = ""
    version: str = ""


class Condition(msgspec.Struct, frozen=True):
    """How this node is now."""

    standing: Standing
    api_url: str = ""
    admin_url: str = ""
    in_flight: int = 0
    in_flight_max: int = 0
    carrier: str = ""  # its name as one that carries the engine; empty when it carries none
    hot_revision: int = 0  # the newest change of a hot value that it has heard
    is_leaving: bool = False  # for good
