"""How the engine is, at one moment."""

from typing import Literal

import msgspec

# `forming`: messages pass, and the cluster's state is not there yet, or on its way.
# `no quorum`: messages pass, and too few of the cluster's servers are there to keep state.
type EngineState = Literal["connecting", "up", "forming", "no quorum", "down"]


class EngineStatus(msgspec.Struct, frozen=True):
    """`reason` is a phrase (`the connection was lost`), empty while nothing is wrong."""

    state: EngineState
    reason: str
    since_s: float  # wall clock
    server_version: str  # of the last server that was connected; empty before the first
    is_embedded: bool

    @property
    def phrase(self) -> str:
        """As in `the engine is down: the connection was lost`."""
        how = "has no quorum" if self.state == "no quorum" else f"is {self.state}"
        return f"the engine {how}" + (f": {self.reason}" if self.reason else "")
