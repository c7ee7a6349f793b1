"""Long work lets the loop go, whatever it is; its rests are paid for by what it took."""

import pytest

from aiex.performance.memory.growth_search import growing
from aiex.performance.memory.lengths import STEP, Lengths
from aiex.performance.memory.pieces import CHUNK_S, PAID_S_MAX, Pieces
from aiex.performance.memory.survey import Container

COUNT = 2000


class Work:
    """Each look at the clock finds that so much was done; rests take no time."""

    def __init__(self, step_s: float) -> None:
        self.now = 0.0
        self.step_s = step_s
        self.rests: list[float] = []
        self.pieces = Pieces(self.rest, self.now_s)

    def now_s(self) -> float:
        self.now += self.step_s
        return self.now

    async def rest(self, seconds: float) -> None:
        self.rests.append(seconds)


async def test_it_rests_once_a_chunk_is_over() -> None:
    work = Work(0.4 * CHUNK_S)
    for _ in range(9):
        await work.pieces.cut()
    assert len(work.rests) == 3
    assert work.pieces.longest_stop_s == pytest.approx(1.2 * CHUNK_S)


async def test_a_piece_that_waited_for_a_cpu_is_not_paid_for_in_full() -> None:
    work = Work(0.9)
    await work.pieces.cut()
    assert work.rests == [pytest.approx(4 * PAID_S_MAX)]
    assert work.pieces.longest_stop_s == pytest.approx(0.9)


async def grown(pieces: Pieces) -> Lengths:
    lists: list[list[int]] = [[] for _ in range(COUNT)]
    lengths = Lengths([Container(one, None, len) for one in lists], 1)
    for one in lists:
        one += range(50)
    await lengths.look(pieces)
    return lengths


async def test_looking_at_many_containers_rests_between_some() -> None:
    work = Work(2 * CHUNK_S)
    await grown(work.pieces)
    assert len(work.rests) == pytest.approx(COUNT / STEP, abs=1)


async def test_naming_who_holds_many_containers_rests_between_them() -> None:
    lengths, work = await grown(Work(0.0).pieces), Work(2 * CHUNK_S)
    found = await growing(lengths, work.pieces)
    assert sum(one.grown.grown for one in found) == 50 * COUNT
    assert len(work.rests) == COUNT
