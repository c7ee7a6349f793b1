"""What may be asked of the tracer of one node, or of all: begin a session, read on, end it.

A session lives by being read: each `read_trace` renews its lease, and without one it ends within
`LEASE_S`. So a caller that is gone leaves nothing behind.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from aiex.cluster import Request, RequestKind

CALLS_MAX = 10_000
RATE_MAX_PER_S = 1000.0
TTL_MAX_S = 3600.0
TARGETS_MAX = 10
FUNCTIONS_MAX = 50
WAIT_MAX_S = 10.0
LEASE_S = 5.0
CONDITION_CHARS_MAX = 500

type Shown = Literal["types", "args", "values"]
type LineKind = Literal["call", "return", "raise", "lost"]
type SessionId = Annotated[str, Meta(pattern="^[a-z0-9-]{0,32}$")]
type Positions = Annotated[dict[str, int], Meta(max_length=4096)]
type By = Annotated[str, Meta(max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")]  # one line
type Target = Annotated[str, Meta(min_length=1, max_length=256)]


class StartTrace(Request["TraceStarted"], frozen=True):
    """`targets` are like `pkg.mod:Class.method`; a `*` for the last name needs `each_max`.

    `calls_max` counts the calls that are looked at, shown or not; `each_max` those of each function
    (0: as many). `shows` what of arguments is shown: types, names with types and lengths, or values
    less secrets and contents. `when` is a condition over arguments, and over `returned`, `raised`,
    `took_ms`, `ran_ms` with `has_returns`.
    """

    targets: Annotated[tuple[Target, ...], Meta(min_length=1, max_length=TARGETS_MAX)]
    id: SessionId = ""  # chosen by the node when empty; the same at all nodes when asked of all
    calls_max: Annotated[int, Meta(ge=1, le=CALLS_MAX)] = 100
    each_max: Annotated[int, Meta(ge=0, le=CALLS_MAX)] = 0
    rate_per_s: Annotated[float, Meta(gt=0, le=RATE_MAX_PER_S)] = 10.0
    ttl_s: Annotated[float, Meta(ge=1, le=TTL_MAX_S)] = 60.0
    when: Annotated[str, Meta(max_length=CONDITION_CHARS_MAX)] = ""
    shows: Shown = "types"
    has_returns: bool = False
    has_stack: bool = False
    by: By = ""  # who asks, for the log


class TracedFunction(msgspec.Struct, frozen=True):
    """`note` says what of it may surprise: inherited, decorated, one of several."""

    name: str
    file: str
    line: int
    note: str = ""


class TraceStarted(msgspec.Struct, frozen=True):
    id: str
    functions: tuple[TracedFunction, ...]
    lease_s: float


class ReadTrace(Request["TraceRead"], frozen=True):
    """The lines after number `after` of the node that answers, at the latest in `wait_s`.

    `after` has a number by node, so that one request can ask all of them; 0 for those not in it.
    """

    id: SessionId
    after: Positions = msgspec.field(default_factory=dict)
    wait_s: Annotated[float, Meta(ge=0, le=WAIT_MAX_S)] = 0.0


class StopTrace(Request["TraceRead"], frozen=True):
    """Ends the session, if it has not ended yet; answers with what is left to read."""

    id: SessionId
    after: Positions = msgspec.field(default_factory=dict)


class ShownArgument(msgspec.Struct, frozen=True):
    """`name` is empty where only types are shown."""

    name: str
    text: str


class TraceLine(msgspec.Struct, frozen=True):
    """A call, or how it ended. `lost` is one of which no end was seen: a generator left behind.

    `took_ms` is from start to end, `ran_ms` of it without the time it was suspended, `pauses` how
    often that was. `value` is what it returned, or the type of what it raised.
    """

    n: int  # from 1 on, without gaps
    call: int  # of the session, the same for a call and its end
    kind: LineKind
    function: str
    at_s: float  # wall clock
    args: tuple[ShownArgument, ...] = ()
    value: str = ""
    took_ms: float = 0.0
    ran_ms: float = 0.0
    pauses: int = 0
    stack: tuple[str, ...] = ()  # innermost call first
    thread: str = ""
    service: str = ""  # on whose behalf, as `aiex.work` has it
    route: str = ""
    model: str = ""


class TraceCounts(msgspec.Struct, frozen=True):
    """`seen` calls were looked at, `matched` fulfilled the condition, `shown` are lines.

    `dropped` were over the rate or had no room; of `failed` the condition could not be told, `why`
    has the first reason. `open` had not ended when counted. `cpu_ratio` is the share of one core
    that the looking took, `spent_us` all of it.
    """

    seen: int = 0
    matched: int = 0
    shown: int = 0
    dropped: int = 0
    failed: int = 0
    why: str = ""
    open: int = 0
    spent_us: int = 0
    cpu_ratio: float = 0.0


class TraceRead(msgspec.Struct, frozen=True):
    """`ended` says why the session is over; empty while it is not, or while lines are left."""

    lines: tuple[TraceLine, ...]
    counts: TraceCounts
    ended: str = ""


TRACER_REQUESTS = (
    RequestKind(
        "start_trace",
        StartTrace,
        TraceStarted,
        "Show calls of functions, within limits, until nobody reads on.",
    ),
    RequestKind(
        "read_trace", ReadTrace, TraceRead, "What a trace has seen since, waiting for it a while."
    ),
    RequestKind("stop_trace", StopTrace, TraceRead, "End a trace, and read what is left."),
)
