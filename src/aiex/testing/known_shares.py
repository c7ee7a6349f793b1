"""Functions that use known shares of one loop's CPU, to hold a profiler against.

One runs Python, one stays in C and keeps the interpreter, one stays in C and lets others have it:
the three ways in which a profiler can be wrong. Their shares are drawn from a seed, and what each
has really used is what the thread's own clock said before and after. Standard library only, for
profilers of others run in environments of their own.
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from random import Random

SHARE_MIN, SHARE_MAX = 1, 5
TURN_NS = 20_000_000
_SLOW = re.compile(r"(a+)+$")
_SLOW_TEXT = "a" * 16 + "b"
_LARGE = bytes(1_000_000)


def count_squares() -> int:
    return sum(number * number for number in range(20_000))


def match_slowly() -> object:
    """Some milliseconds of backtracking; the interpreter is kept all the while."""
    return _SLOW.match(_SLOW_TEXT)


def hash_much() -> str:
    """The interpreter is free while this works."""
    return sha256(_LARGE).hexdigest()


BURNERS: tuple[Callable[[], object], ...] = (count_squares, match_slowly, hash_much)


class KnownShares:
    """`used_ns` is what each function, by its name, has really used so far."""

    def __init__(self, random: Random) -> None:
        shares = [random.randint(SHARE_MIN, SHARE_MAX) for _ in BURNERS]
        self._quota_ns = {
            one: TURN_NS * share // sum(shares) for one, share in zip(BURNERS, shares, strict=True)
        }
        self._random = random
        self.used_ns = dict.fromkeys((name_of(one) for one in BURNERS), 0)

    async def burn(self, cpu_s: float) -> None:
        """Use so much CPU: in turns, each function in a task of its own, in random order."""
        until_ns = time.thread_time_ns() + cpu_s * 1e9
        while time.thread_time_ns() < until_ns:
            burners = self._random.sample(BURNERS, len(BURNERS))
            async with asyncio.TaskGroup() as tasks:
                for one in burners:
                    tasks.create_task(self._burn(one))

    def error_points(self, shares: Mapping[str, float]) -> float:
        """By how many points of 100 the profiler is wrong about the function it knows least."""
        all_ns = sum(self.used_ns.values())
        found = sum(shares.get(name, 0.0) for name in self.used_ns)
        return max(
            abs(used_ns / all_ns - shares.get(name, 0.0) / found) * 100 if found else 100.0
            for name, used_ns in self.used_ns.items()
        )

    async def _burn(self, burner: Callable[[], object]) -> None:
        began_ns = time.thread_time_ns()
        quota_ns = self._quota_ns[burner]
        while (used_ns := time.thread_time_ns() - began_ns) < quota_ns:
            burner()
        self.used_ns[name_of(burner)] += used_ns


def name_of(burner: Callable[[], object]) -> str:
    """As profiles call it."""
    return f"{burner.__module__}:{burner.__qualname__}"
