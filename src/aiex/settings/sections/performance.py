"""`[performance]`: how much the node looks at itself."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class PerformanceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    always_on: Annotated[
        bool,
        Meta(
            description="Look all the time: CPU profile, stalls' stacks, history of tasks, leaks; "
            "when false there are none of these; what else is asked for is looked at then."
        ),
    ] = True
    gc_tuning: Annotated[
        Literal["by_hand", "automatic"],
        Meta(
            description="Python's garbage collector: tuned by `aiex gc tune` only, or by the node "
            "itself; each step is measured and undone when it does not help."
        ),
    ] = "by_hand"
    stall_after_ms: Annotated[
        float,
        Meta(
            ge=20,
            le=10_000,
            description="A loop that has not turned for longer has stalled: its stack is taken, "
            "and the log told.",
        ),
    ] = 150.0
    sentinel: Annotated[
        bool,
        Meta(
            description="Run a small process that looks at the node's stack from outside when the "
            "loop stands still for a second."
        ),
    ] = True
