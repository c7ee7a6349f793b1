"""What is asked of a node that is watched: the sections that are on somebody's screen.

One answer is for one screen, so that a slow link carries nothing that nobody sees: rows are chosen,
sorted and cut by the node.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from aiex.cluster import Request, RequestKind
from aiex.performance.collector import GcState
from aiex.performance.loop import LoopState, StallList
from aiex.performance.memory import MemoryState, TypeCensus
from aiex.performance.sampling import HotBy, HotFound
from aiex.performance.tasks import Census, TaskList

ROWS_MAX = 200
COUNT_S_MAX = 5.0
SECONDS_MAX = 3600.0

type Section = Literal[
    "tasks", "census", "functions", "memory", "types", "gc", "loop", "stalls", "requests", "engine"
]
# A section sorts by what it has, and by its first where it has not what was asked for.
type SortBy = Literal[
    "",
    "cpu",
    "steps",
    "age",
    "newest",
    "name",
    "self",
    "total",
    "count",
    "growth",
    "size",
    "errors",
]


class TakeSnapshot(Request["Snapshot"], frozen=True):
    """At most `n` rows a section, of those that have `fits` in their names, in any case.

    Of tasks, CPU and steps are counted for `count_s` where they are sorted by it, and the answer
    comes after that; each step of any task costs a microsecond or two more meanwhile. `functions`
    are of the last `seconds`, pauses and the loop's history too.
    """

    sections: Annotated[tuple[Section, ...], Meta(max_length=10)]
    n: Annotated[int, Meta(ge=1, le=ROWS_MAX)] = 20
    sort: SortBy = ""
    fits: Annotated[str, Meta(max_length=128)] = ""
    hot_by: HotBy = "function"
    census_by: Literal["coroutine", "service", "waiting"] = "coroutine"
    seconds: Annotated[float, Meta(ge=1, le=SECONDS_MAX)] = 60.0
    count_s: Annotated[float, Meta(ge=0, le=COUNT_S_MAX)] = 0.5


class Head(msgspec.Struct, frozen=True):
    """Of every snapshot: the node in a line."""

    version: str
    uptime_s: float
    busy_ratio: float  # of the loop's thread, lately
    lag_s: float  # how late the loop was at worst, of the last half minute or more
    rss_bytes: int
    task_count: int
    in_flight: int
    engine: str


class RouteRow(msgspec.Struct, frozen=True):
    """Counts are since the node began. `model` is empty where none was found."""

    route: str
    model: str
    count: int
    error_count: int  # answered with a status of 500 or above


class TargetRow(msgspec.Struct, frozen=True):
    name: str  # provider/model
    breaker: str  # closed, half open, open
    in_flight: int
    queue_len: int


class RequestsSeen(msgspec.Struct, frozen=True):
    """`durations` are counts by `aiex.telemetry.latency`'s cells; two snapshots make rates."""

    in_flight: int
    in_flight_max: int
    stream_count: int
    shed_ratio: float  # of new requests so many are turned away now
    request_count: int
    error_count: int
    durations: dict[int, int]
    routes: tuple[RouteRow, ...] = ()
    targets: tuple[TargetRow, ...] = ()


class MemberRow(msgspec.Struct, frozen=True):
    name: str
    state: str
    version: str
    zone: str
    carrier: str  # its name as one that carries the engine; empty when it does not
    in_flight: int
    reason: str = ""
    is_self: bool = False


class ViewRow(msgspec.Struct, frozen=True):
    """A table that is read here without asking the engine."""

    table: str
    state: str  # complete, stale, catching up
    lag_s: float


class EngineSeen(msgspec.Struct, frozen=True):
    is_embedded: bool
    state: str
    reason: str
    since_s: float  # wall clock
    server_version: str
    calls_in_flight: int
    trouble: str = ""  # what the cluster lacks or is split by, in a sentence
    members: tuple[MemberRow, ...] = ()
    views: tuple[ViewRow, ...] = ()


class Snapshot(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was asked for; `untold` says of sections that are missing why."""

    at_s: float  # wall clock
    head: Head
    tasks: TaskList | None = None
    census: Census | None = None
    functions: HotFound | None = None
    memory: MemoryState | None = None
    types: TypeCensus | None = None
    gc: GcState | None = None
    loop: LoopState | None = None
    stalls: StallList | None = None
    requests: RequestsSeen | None = None
    engine: EngineSeen | None = None
    untold: dict[str, str] = {}
    counted_s: float = 0.0  # for how long CPU and steps of tasks were counted


class FindCallers(Request["CallersFound"], frozen=True):
    """Who called `function` while it used CPU in the last `seconds`, and what it called."""

    function: Annotated[str, Meta(min_length=1, max_length=512)]
    seconds: Annotated[float, Meta(ge=1, le=SECONDS_MAX)] = 60.0
    n: Annotated[int, Meta(ge=1, le=ROWS_MAX)] = 10


class Neighbour(msgspec.Struct, frozen=True):
    """A function directly above or below, and the CPU seen so; `share` is of the function's."""

    function: str
    cpu_s: float
    share: float


class StackPath(msgspec.Struct, frozen=True):
    """One way from outside down to the function: outermost first."""

    functions: tuple[str, ...]
    cpu_s: float


class CallersFound(msgspec.Struct, frozen=True):
    """`self_s` is in the function's own lines, `total_s` with all it called. Most first."""

    function: str
    seconds: float
    self_s: float
    total_s: float
    callers: tuple[Neighbour, ...] = ()
    callees: tuple[Neighbour, ...] = ()
    paths: tuple[StackPath, ...] = ()
    notes: tuple[str, ...] = ()


SNAPSHOT_REQUESTS = (
    RequestKind(
        "callers",
        FindCallers,
        CallersFound,
        "Who calls a function that uses CPU, and what it calls.",
    ),
    RequestKind(
        "snapshot",
        TakeSnapshot,
        Snapshot,
        "The sections that are on somebody's screen, in one answer; `aiex top` asks for it.",
    ),
)
