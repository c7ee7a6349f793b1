"""Where time went, by the function that is to blame: a profile added up. Pure.

To blame is the innermost function outside of libraries: `json.encoder` is slow because of who calls
it. What the library did meanwhile is kept beside it.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from aiex.performance.blame import is_of_python, place_to_blame
from aiex.performance.profile import Frame, Labels, Profile

US_PER_S = 1e6
# What looks inside is not what is looked for; each chapter tells its own cost.
OWN = "aiex.performance."
# Likewise, with what counts requests for it while it looks.
LOOKING = (OWN, "aiex.node.node_traffic")
# What the loop keeps, it keeps for somebody: who that is has to be known, or nothing is.
OF_THE_LOOP = ("asyncio.", "_asyncio", "_weakrefset:", "uvloop")
# Frames of the loop and of the way into it: nobody's work.
LOOP = "(event loop)"
WAY_IN = ("uvloop:", "asyncio.", "selectors:", "aiex.cli.", "aiex.node.process:", "threading:")


class Spent(msgspec.Struct, frozen=True):
    """`seconds` of the window; `inner` are the library's functions it was in, by seconds.

    `callers` are the functions above it, nearest first; `held_s_max` is the most that one sample
    stands for: a C function that lets no signal in makes few and heavy ones.
    """

    frame: Frame
    seconds: float
    sample_count: int
    service: str = ""
    route: str = ""
    inner: dict[str, float] = {}
    callers: tuple[str, ...] = ()

    @property
    def sample_s(self) -> float:
        return self.seconds / self.sample_count if self.sample_count else 0.0

    @property
    def innermost(self) -> str:
        """The library's function that took most of it; empty when its own lines did."""
        return max(self.inner, key=lambda one: self.inner[one], default="")


class _Sum:
    def __init__(self) -> None:
        self.weight = self.count = 0
        self.services: dict[tuple[str, str], int] = {}
        self.inner: dict[str, int] = {}
        self.callers: dict[tuple[str, ...], int] = {}


def spent(profile: Profile | None, of: Callable[[Labels], bool] = lambda _: True) -> list[Spent]:
    """The most first, of the samples whose labels fit."""
    sums: dict[Frame, _Sum] = {}
    for sample in profile.samples if profile is not None else ():
        assert profile is not None
        labels = profile.labels[sample.labels]
        stack = [profile.frames[place] for place in sample.stack]
        if not of(labels) or not stack:
            continue
        at = blamed(stack)
        if at is None:
            continue
        one = sums.setdefault(stack[at], _Sum())
        one.weight += sample.weight
        one.count += sample.count
        _add(one.services, (labels.service, labels.route), sample.weight)
        _add(one.inner, stack[-1].function if at < len(stack) - 1 else "", sample.weight)
        _add(one.callers, tuple(frame.function for frame in _above(stack[:at])), sample.weight)
    found = [_spent(frame, one) for frame, one in sums.items()]
    return sorted(found, key=lambda one: -one.seconds)


def share(one: Spent, profile: Profile | None) -> float:
    """Of the time that the profile was taken, from 0 to 1."""
    return one.seconds / profile.seconds if profile is not None and profile.seconds else 0.0


def blamed(stack: Sequence[Frame]) -> int | None:
    """The place of who is to blame; None where that is nobody, or what looks inside."""
    place = place_to_blame(stack, is_library)
    return None if place is None or stack[place].function.startswith(OWN) else place


def is_library(frame: Frame) -> bool:
    """Python's own, the loop's, or what is under every stack."""
    file, function = frame.file, frame.function
    if function == LOOP or function.startswith(WAY_IN):
        return True
    return is_of_python(file)


def own_service(function: str) -> bool:
    """Whether it is code of this program."""
    return function.startswith("aiex.")


def is_nobodys(function: str) -> bool:
    """Whether it is the node's own, or the loop's, and no program's beside."""
    return not function or own_service(function) or function.startswith(OF_THE_LOOP)


def _above(stack: Iterable[Frame]) -> list[Frame]:
    return [frame for frame in reversed(list(stack)) if not is_library(frame)][:3]


def _spent(frame: Frame, one: _Sum) -> Spent:
    service, route = max(one.services, key=lambda key: one.services[key])
    inner = {name: us / US_PER_S for name, us in one.inner.items() if name}
    return Spent(
        frame,
        one.weight / US_PER_S,
        one.count,
        service,
        route,
        inner,
        max(one.callers, key=lambda key: one.callers[key]),
    )


def _add[K](sums: dict[K, int], key: K, weight: int) -> None:
    sums[key] = sums.get(key, 0) + weight
