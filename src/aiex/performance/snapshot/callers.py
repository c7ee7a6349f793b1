"""What is directly above and below a function in the stacks of a profile. Pure."""

from collections import Counter

from aiex.performance.profile import Profile
from aiex.performance.snapshot.requests import CallersFound, Neighbour, StackPath

US_PER_S = 1e6
OUTSIDE = "(nobody: it is the outermost)"
PATHS_TOLD = 3


def callers_of(profile: Profile, function: str, n: int) -> CallersFound:
    """A function that calls itself counts once, with who called the outermost of its calls."""
    self_us = total_us = 0
    callers: Counter[str] = Counter()
    callees: Counter[str] = Counter()
    paths: Counter[tuple[str, ...]] = Counter()
    names = [one.function for one in profile.frames]
    for sample in profile.samples:
        stack = [names[frame] for frame in sample.stack]
        if function not in stack:
            continue
        first, last = stack.index(function), len(stack) - 1 - stack[::-1].index(function)
        total_us += sample.weight
        callers[stack[first - 1] if first else OUTSIDE] += sample.weight
        paths[tuple(stack[: first + 1])] += sample.weight
        if last == len(stack) - 1:
            self_us += sample.weight
        else:
            callees[stack[last + 1]] += sample.weight
    return CallersFound(
        function,
        profile.seconds,
        self_us / US_PER_S,
        total_us / US_PER_S,
        _neighbours(callers, total_us, n),
        _neighbours(callees, total_us, n),
        tuple(StackPath(path, us / US_PER_S) for path, us in paths.most_common(PATHS_TOLD)),
        profile.notes,
    )


def _neighbours(us_by_name: Counter[str], total_us: int, n: int) -> tuple[Neighbour, ...]:
    return tuple(
        Neighbour(name, us / US_PER_S, us / total_us) for name, us in us_by_name.most_common(n)
    )
