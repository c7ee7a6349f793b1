"""What a node's API answered, in counts that add up over nodes."""

from typing import Annotated

import msgspec
from msgspec import Meta

from aiex.cluster.calls.requests.request import Request
from aiex.cluster.membership import Number

# A quarter of an octave each, from a microsecond to hours.
CELLS_LEN_MAX = 256


class CountTraffic(Request["Traffic"], frozen=True):
    pass


class Traffic(msgspec.Struct, frozen=True):
    """What the API of the node answered since it began, in that life.

    `durations` are counts by `aiex.telemetry.latency`'s cells, which add up over nodes.
    """

    incarnation: Number
    requests: Number
    errors: Number
    durations: Annotated[dict[int, Number], Meta(max_length=CELLS_LEN_MAX)]
