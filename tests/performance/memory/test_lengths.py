"""Who grew at each look, who is forgotten, and what keeping that costs."""

import asyncio
import tracemalloc

import pytest

from aiex.performance.memory.lengths import Lengths
from aiex.performance.memory.pieces import Pieces
from aiex.performance.memory.survey import Container

PIECES = Pieces(asyncio.sleep)


def of(*lists: list[int], looks: int) -> Lengths:
    return Lengths([Container(one, None, len) for one in lists], looks)


def grown(lengths: Lengths) -> list[tuple[int, float, int]]:
    """How much, how steadily, and from where."""
    return [(int(one.grown), one.steadiness, before) for _, one, before in lengths.grown()]


async def test_who_only_grew_is_told_with_how_steadily() -> None:
    steady, halting, still = [0], [0, 0], [0] * 9
    lengths = of(steady, halting, still, looks=5)
    for number in range(5):
        steady.append(0)
        halting += [0] * (number % 2 == 0)
        await lengths.look(PIECES)
    assert grown(lengths) == [(5, 1.0, 1), (3, 0.6, 2)]


async def test_who_shrank_once_is_forgotten_though_it_grows_again() -> None:
    one, other = [0] * 5, [0]
    lengths = of(one, other, looks=4)
    for change in (one.clear, lambda: one.extend([0] * 50)):
        change()
        other.append(0)
        await lengths.look(PIECES)
    assert len(lengths) == 1
    assert grown(lengths) == [(2, 1.0, 1)]


@pytest.mark.parametrize("looks", [3, 5, 8])
async def test_who_stood_still_too_often_is_forgotten_as_soon_as_that_is_sure(looks: int) -> None:
    lengths = of([0], looks=looks)
    stood_max = int(looks * 0.4)
    for _ in range(stood_max):
        await lengths.look(PIECES)
        assert len(lengths) == 1
    await lengths.look(PIECES)
    assert len(lengths) == 0


async def test_looking_makes_the_process_grow_by_nothing() -> None:
    lengths = of(*([0] for _ in range(20_000)), looks=8)
    tracemalloc.start()
    try:
        for _ in range(8):
            await lengths.look(PIECES)
        grown_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown_bytes < 20_000
    assert len(lengths) == 0
