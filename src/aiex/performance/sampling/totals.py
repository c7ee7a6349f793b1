"""All that functions, services, coroutines and routes took so far, for those who compare."""

from collections import defaultdict
from collections.abc import Sequence

from aiex.performance.sampling.history import Counts
from aiex.performance.sampling.stacks import Stacks

# A sample whose work nobody said.
NOBODY_NAME = "(none)"

# What servers and loops wrap other people's coroutines in.
WRAPPERS = ("granian._futures:", "uvloop:run.")
# What stands above each service, and how it waits for them.
SUPERVISOR = "aiex.node.supervisor:"
WAITING = "asyncio.tasks:"

type Sums = defaultdict[str, int]


def coroutine(stack: Sequence[str]) -> str:
    """The coroutine that a task was made for, or the function that a loop called; `stack` is
    outermost call first. Of a service that is the service's own: the supervisors above wait for
    all of them.
    """
    supervisors = [at for at, name in enumerate(stack) if name.startswith(SUPERVISOR)]
    if not supervisors:
        return next((name for name in stack if not name.startswith(WRAPPERS)), stack[0])
    nearest = supervisors[-1]
    below = (name for name in stack[nearest + 1 :] if not name.startswith((*WRAPPERS, WAITING)))
    return next(below, stack[nearest])


class Totals:
    """Nanoseconds by name. Names are of code and of services, so their number is bounded."""

    def __init__(self) -> None:
        self.by: dict[str, Sums] = {
            way: defaultdict(int)
            for way in ("function", "function_total", "service", "coroutine", "route")
        }

    def copy(self) -> "Totals":
        other = Totals()
        other.by = {way: sums.copy() for way, sums in self.by.items()}
        return other

    def add(self, counts: Counts, stacks: Stacks) -> None:
        by = self.by
        for place, (weight_ns, _) in counts.items():
            names = [frame.function for frame in stacks.frames(place)]
            by["function"][names[0]] += weight_ns
            for name in set(names):
                by["function_total"][name] += weight_ns
            by["coroutine"][coroutine(names[::-1])] += weight_ns
            work = stacks.work(place)
            by["service"][work.service or NOBODY_NAME] += weight_ns
            by["route"][work.route or NOBODY_NAME] += weight_ns
