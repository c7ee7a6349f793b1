"""A row that several change: decisions are made of the newest, and written once."""

import asyncio
from random import Random
from typing import Any

import msgspec
import pytest

from aiex.assistant.shared_row import CONFLICT_WAIT_S_MAX, TRIES_MAX, SharedRow
from aiex.errors import StoreUnavailable
from aiex.store import Table
from aiex.testing.clock import FakeClock
from aiex.testing.store_memory import MemoryRows, MemoryStore


class Sum(msgspec.Struct, frozen=True):
    name: str
    total: int = 0


SUMS = Table("sums", row=Sum, key=("name",))


class Nodes:
    """Two nodes with one row between them."""

    def __init__(self, rows: MemoryRows[Sum] | None = None) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.rows = rows or self.store.rows(SUMS)
        self.unsure: list[int] = []
        self.one, self.two = (
            SharedRow(self.rows, ("a",), clock=self.clock, random=Random(1)) for _ in "ab"
        )

    async def add(self, node: SharedRow[Sum], amount: int) -> int:
        def decide(row: Sum | None) -> tuple[Sum, int]:
            total = (row.total if row is not None else 0) + amount
            return Sum("a", total), total

        return await node.change(decide, unsure=self.unsure.append, ttl_s=0, deadline_s=1.0)


async def test_what_one_node_wrote_the_other_builds_on() -> None:
    nodes = Nodes()
    assert await nodes.add(nodes.one, 1) == 1
    assert await nodes.add(nodes.two, 2) == 3
    assert await nodes.add(nodes.one, 4) == 7
    assert nodes.one.seen == Sum("a", 7)
    assert nodes.unsure == []


async def test_a_decision_that_changes_nothing_is_made_of_the_newest_row() -> None:
    nodes = Nodes()
    await nodes.add(nodes.one, 1)
    await nodes.add(nodes.two, 2)
    assert await nodes.add(nodes.one, 0) == 3


async def test_a_lost_answer_is_told_and_decided_anew() -> None:
    nodes = Nodes()
    nodes.store.lose_next_answer()
    assert await nodes.add(nodes.one, 1) == 2
    assert nodes.unsure == [1]


async def test_without_the_engine_nothing_is_decided_for_good() -> None:
    nodes = Nodes()
    await nodes.add(nodes.one, 1)
    nodes.store.go_down("a drill")
    with pytest.raises(StoreUnavailable):
        await nodes.add(nodes.one, 1)
    nodes.store.come_back()
    assert await nodes.add(nodes.one, 1) == 2


class ContestedRows(MemoryRows[Sum]):
    """Somebody else is always faster."""

    tries = 0

    async def put(self, row: Sum, *, expects: int | None = None, **more: Any) -> Any:
        self.tries += 1
        await super().put(Sum("a", row.total + 100))
        return await super().put(row, expects=expects, **more)


async def test_a_race_that_is_always_lost_ends() -> None:
    store = MemoryStore(FakeClock())
    rows = ContestedRows(store, SUMS)
    nodes = Nodes(rows)
    adding = asyncio.create_task(nodes.add(nodes.one, 1))
    await nodes.clock.advance(TRIES_MAX * CONFLICT_WAIT_S_MAX)
    with pytest.raises(StoreUnavailable, match="Too many nodes"):
        await adding
    assert rows.tries == TRIES_MAX
