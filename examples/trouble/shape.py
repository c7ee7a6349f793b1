"""How a load goes up and down, none of which is a fault."""

from typing import Literal

import msgspec

type ShapeName = Literal["steady", "bursts", "streams", "start"]

SHAPES: tuple[ShapeName, ...] = ("steady", "bursts", "streams", "start")
# For one second of five, five times as much.
BURST_EVERY_S, BURST_S, BURST_FACTOR = 5.0, 1.0, 5.0
# A node that starts under load gets much at first: those who waited come all at once.
START_S, START_FACTOR = 10.0, 4.0
STREAMS_RATIO = 0.8


class Shape(msgspec.Struct, frozen=True):
    name: ShapeName = "steady"

    @property
    def stream_ratio(self) -> float:
        """The share of requests that are long streams, if this shape is about them."""
        return STREAMS_RATIO if self.name == "streams" else 0.0

    def factor(self, age_s: float) -> float:
        """How many times the usual rate, so long after the beginning."""
        if self.name == "bursts" and age_s % BURST_EVERY_S < BURST_S:
            return BURST_FACTOR
        if self.name == "start" and age_s < START_S:
            return START_FACTOR
        return 1.0
