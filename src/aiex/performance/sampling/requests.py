"""What a node is asked about where its time goes: two profiles, and the functions that are hot."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from aiex.cluster import Request, RequestKind
from aiex.performance.profile import Profile

KEPT_S = 3600.0
LOOK_S_MAX = 300.0
N_MAX = 1000

type HotBy = Literal["function", "service", "coroutine", "route"]


class TakeCpuProfile(Request["Profile"], frozen=True):
    """CPU of the main thread, of the `seconds` that ended `ago_s` ago; it is always being counted.

    `ahead`: of the `seconds` that begin now, at most `LOOK_S_MAX`; the answer comes after them.
    """

    seconds: Annotated[float, Meta(gt=0, le=KEPT_S)] = 60.0
    ago_s: Annotated[float, Meta(ge=0, le=KEPT_S)] = 0.0
    ahead: bool = False


class TakeWallProfile(Request["Profile"], frozen=True):
    """Where every task and thread is, waiting or not, in the `seconds` that begin now.

    Each task counts with all of its time, so that the weight is of many at once.
    """

    seconds: Annotated[float, Meta(gt=0, le=LOOK_S_MAX)] = 10.0


class FindHot(Request["HotFound"], frozen=True):
    """What used the most CPU of the main thread in the last `seconds`, as ranked by `by`."""

    by: HotBy = "function"
    seconds: Annotated[float, Meta(gt=0, le=KEPT_S)] = 60.0
    n: Annotated[int, Meta(ge=1, le=N_MAX)] = 10


class Hot(msgspec.Struct, frozen=True):
    """`self_s` is in the function's own lines, `total_s` with all it called; where it is not ranked
    by function the two are the same.
    """

    key: str  # a function as `pkg.mod:Class.method`, or the name of a service, coroutine, route
    self_s: float
    total_s: float
    share: float  # `self_s` of all CPU that was seen, from 0 to 1
    file: str = ""
    line: int = 0


class HotFound(msgspec.Struct, frozen=True):
    """The hottest first. `cpu_s` is what the main thread used in the `seconds` from `began_at_s`,
    which are whole spans of the history and so may be a little more than was asked for.
    """

    began_at_s: float
    seconds: float
    cpu_s: float
    hot: tuple[Hot, ...] = ()
    notes: tuple[str, ...] = ()


SAMPLING_REQUESTS = (
    RequestKind(
        "cpu_profile",
        TakeCpuProfile,
        Profile,
        "What the CPU was used for, of any part of the last hour, or from now on.",
    ),
    RequestKind(
        "wall_profile", TakeWallProfile, Profile, "Where all tasks and threads are, for a while."
    ),
    RequestKind("hot", FindHot, HotFound, "Which functions, services or routes use the CPU."),
)
