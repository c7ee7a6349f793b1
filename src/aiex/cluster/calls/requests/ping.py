"""Is the node there? The cheapest question, which carries its clocks back."""

import msgspec

from aiex.cluster.calls.requests.request import Request
from aiex.cluster.membership import Name, Number


class Ping(Request["Pong"], frozen=True):
    pass


class Pong(msgspec.Struct, frozen=True):
    name: Name
    incarnation: Number
    monotonic_s: float
    wall_s: float
