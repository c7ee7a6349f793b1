"""The profiler against functions whose shares are known: in Python, and in C with the interpreter
kept or given away. How near it comes is a benchmark's; here it must not be wrong in kind.
"""

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

import pytest
import uvloop

from aiex.testing.known_shares import BURNERS, KnownShares, name_of
from aiex.testing.profiler_error import profiler_error_points

type Runner = Callable[[Coroutine[Any, Any, float]], float]

# Of about 270 samples; five times what chance makes of them. A sampler of the wrong kind, one that
# looks from a thread, is wrong by 30 to 60.
CPU_S = 4.0
POINTS_MAX = 15.0


@pytest.mark.integration
@pytest.mark.parametrize(("run", "seed"), [(asyncio.run, 1), (uvloop.run, 2)])
def test_shares_are_found_within_what_chance_allows(run: Runner, seed: int) -> None:
    assert run(profiler_error_points(seed, CPU_S)) <= POINTS_MAX


def test_one_that_is_wrong_is_seen_to_be() -> None:
    known = KnownShares(Random(1))
    asyncio.run(known.burn(0.05))
    all_ns = sum(known.used_ns.values())
    right = {name: ns / all_ns for name, ns in known.used_ns.items()}
    assert known.error_points(right) < 0.001
    first, *others = (name_of(one) for one in BURNERS)
    wrong = {**right, first: 1.0, **dict.fromkeys(others, 0.0)}
    assert known.error_points(wrong) >= 100 * (1 - right[first]) - 0.001
    assert known.error_points({}) == 100
