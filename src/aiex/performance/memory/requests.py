"""What may be asked about a node's memory.

Answers name types, functions, attributes and sizes, never what objects contain.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from aiex.cluster import Request, RequestKind
from aiex.performance.memory.leak import Leak
from aiex.performance.profile import Profile

N_MAX = 1000
POINTS_MAX = 1000
# Recording allocations slows a node several times; nothing worth it takes longer.
RECORD_S_MAX = 30.0
FRAMES_MAX = 16
MODULES_MAX = 64
GROWTH_S_MIN, GROWTH_S_MAX = 1.0, 120.0

type Count = Annotated[int, Meta(ge=1, le=N_MAX)]


class DescribeMemory(Request["MemoryState"], frozen=True):
    """With the last `points` of its history; none by default."""

    points: Annotated[int, Meta(ge=0, le=POINTS_MAX)] = 0


class Footprint(msgspec.Struct, frozen=True):
    """What the kernel counts of the process; 0 where it does not tell."""

    rss_bytes: int
    uss_bytes: int = 0  # of it, what no other process shares
    swap_bytes: int = 0
    thread_count: int = 0
    open_file_count: int = 0
    file_bytes: int = 0  # of the resident ones, pages of files: programs and libraries


class Allocators(msgspec.Struct, frozen=True):
    """What Python and the C library's malloc have in hand."""

    python_blocks: int  # small objects, up to 512 bytes each
    malloc_used_bytes: int = 0  # larger ones, and what C code took
    malloc_free_bytes: int = 0  # kept by malloc, used by nobody
    is_malloc_known: bool = False  # only glibc tells


class Limit(msgspec.Struct, frozen=True):
    """`bytes` None: nothing limits the process, and `assumed_bytes` is what is warned of."""

    source: str  # cgroup v2, cgroup v1, none
    bytes: int | None = None
    used_bytes: int = 0  # by all processes under that limit
    assumed_bytes: int = 0


class Point(msgspec.Struct, frozen=True, array_like=True):
    at_s: float  # wall clock
    rss_bytes: int
    python_blocks: int
    malloc_used_bytes: int
    malloc_free_bytes: int
    thread_count: int
    open_file_count: int


class MemoryState(msgspec.Struct, frozen=True):
    """`leaks` are what is suspected now; `notes` are sentences on what cannot be told here."""

    at_s: float
    footprint: Footprint
    allocators: Allocators
    limit: Limit
    watched_s: float = 0.0  # how long the growth of this process was watched
    leaks: tuple[Leak, ...] = ()
    history: tuple[Point, ...] = ()
    notes: tuple[str, ...] = ()
    trim_count: int = 0  # how often malloc was asked to give back, since the start


class CountTypes(Request["TypeCensus"], frozen=True):
    """The `n` types with the most bytes."""

    n: Count = 30


class TypeRow(msgspec.Struct, frozen=True):
    type: str  # `pkg.mod:Class`; of functions and coroutines their definition
    count: int
    bytes: int  # of the objects themselves, without what they refer to


class TypeCensus(msgspec.Struct, frozen=True):
    """Of what came after the node's start: what start-up made is frozen and stays the same."""

    rows: tuple[TypeRow, ...]
    type_count: int
    object_count: int
    frozen_count: int
    bytes: int
    seconds: float  # how long it took, the loop turning between
    longest_stop_s: float  # how long it held the loop up at most
    notes: tuple[str, ...] = ()


class FindHolders(Request["HolderList"], frozen=True):
    """The `n` longest containers and who has them."""

    n: Count = 30


class HeldContainer(msgspec.Struct, frozen=True):
    type: str
    holder: str
    length: int
    bytes: int  # of the container itself
    contents_bytes: int = 0  # estimated from a few of its items


class HolderList(msgspec.Struct, frozen=True):
    rows: tuple[HeldContainer, ...]
    object_count: int  # how many objects were looked at
    is_whole: bool  # False: there are more than are looked at
    seconds: float
    longest_stop_s: float
    notes: tuple[str, ...] = ()


class FindGrowth(Request["GrowthReport"], frozen=True):
    """Look for so long at what only grows, and find who has it and where it is made."""

    seconds: Annotated[float, Meta(ge=GROWTH_S_MIN, le=GROWTH_S_MAX)] = 10.0
    n: Count = 10


class GrowthReport(msgspec.Struct, frozen=True):
    """Most first. In so short a time a cache that fills looks like a leak: confidence says so."""

    seconds: float
    leaks: tuple[Leak, ...]
    look_count: int
    longest_stop_s: float
    notes: tuple[str, ...] = ()


class TrimMemory(Request["Trimmed"], frozen=True):
    """Have malloc give back what nobody uses."""


class Trimmed(msgspec.Struct, frozen=True):
    """What it changed, as measured before and after; `text` is the same in words."""

    is_supported: bool
    rss_before_bytes: int
    rss_after_bytes: int
    free_before_bytes: int
    free_after_bytes: int
    seconds: float
    text: str


class ProfileMemory(Request[Profile], frozen=True):
    """Record allocations for so long: a profile of what was made meanwhile and is still there."""

    seconds: Annotated[float, Meta(ge=0.1, le=RECORD_S_MAX)] = 5.0
    frames: Annotated[int, Meta(ge=1, le=FRAMES_MAX)] = 4


# Bytes that malloc has in hand, bytes resident, files open.
type NativeTotal = Literal["malloc", "resident", "files"]


class FindNativeSites(Request["NativeSiteList"], frozen=True):
    """In which functions of these modules a total of the process grows within so long.

    They are a few microseconds slower a call meanwhile.
    """

    modules: Annotated[tuple[str, ...], Meta(min_length=1, max_length=MODULES_MAX)]
    seconds: Annotated[float, Meta(ge=0.1, le=RECORD_S_MAX)] = 2.0
    n: Count = 10
    of: NativeTotal = "malloc"


class NativeSite(msgspec.Struct, frozen=True):
    """`grown` is what there was more after the function than before, in bytes or files, of all its
    calls together, less what functions that it called took.
    """

    function: str
    file: str
    line: int
    grown: int
    call_count: int


class NativeSiteList(msgspec.Struct, frozen=True):
    """The most first. `grown` is of the whole process in that time."""

    seconds: float
    sites: tuple[NativeSite, ...]
    grown: int


MEMORY_REQUESTS = (
    RequestKind(
        "memory",
        DescribeMemory,
        MemoryState,
        "How much memory the node has, under which limit, and what is suspected to leak.",
    ),
    RequestKind("memory_types", CountTypes, TypeCensus, "Objects by type: how many, how large."),
    RequestKind(
        "memory_holders", FindHolders, HolderList, "The longest containers and who has them."
    ),
    RequestKind(
        "memory_growth",
        FindGrowth,
        GrowthReport,
        "What only grew while the node looked: its type, holder, site and rate.",
    ),
    RequestKind(
        "memory_trim", TrimMemory, Trimmed, "Have malloc give back what it keeps unused, measured."
    ),
    RequestKind(
        "memory_profile",
        ProfileMemory,
        Profile,
        "Which functions made what is still there, of a window in which the node is slower.",
    ),
    RequestKind(
        "memory_native_sites",
        FindNativeSites,
        NativeSiteList,
        "In which functions grows what Python does not count: native memory, open files.",
    ),
)
