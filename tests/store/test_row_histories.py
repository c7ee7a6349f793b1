"""Many clients at a store in memory that loses answers and goes down: it is sound, mutants are not.

What is asked here of a store in memory, `tests/faults/test_table_histories.py` asks of a real one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from random import Random

import pytest

from aiex.store import Rows
from aiex.testing.clock import FakeClock
from aiex.testing.fragment_logs import MemoryLogs
from aiex.testing.history import (
    REGISTERS,
    Operation,
    Outcome,
    RecordedRegisters,
    Recorder,
    Register,
)
from aiex.testing.linearizability import violations
from aiex.testing.store_clients import (
    BOOKS,
    JOURNAL,
    Audit,
    BatchClient,
    BookPage,
    Entry,
    JournalClient,
    Looks,
    RegisterClient,
    audit,
    view_looks,
)
from aiex.testing.store_memory import MemoryStore
from aiex.testing.store_mutants import EagerRows, RepeatingRows, SlowRows, StaleRows, TornRows

CLIENTS = 10
NAMES = ("a", "b", "c", "d", "e")

type Spoil = Callable[[SlowRows[Register], asyncio.TaskGroup], Rows[Register]]


async def pause() -> None:
    await asyncio.sleep(0)


async def bad_weather(store: MemoryStore, random: Random, *rows: SlowRows[Register]) -> None:
    """Answers are lost, the store goes down and up; now and then somebody looks at the rows."""

    async def turns(most: int) -> None:
        for _ in range(random.randint(1, most)):
            await asyncio.sleep(0)

    while True:
        await turns(200)
        for one in rows:
            await one.look((random.choice(NAMES),))
        if random.random() < 0.7:
            store.lose_next_answer()
            continue
        store.go_down("no quorum")
        await turns(100)
        store.come_back()


async def meanwhile(
    weather: Awaitable[None], works: Sequence[Awaitable[None]], tasks: asyncio.TaskGroup
) -> None:
    """Do the works in that weather, then end it."""

    async def blow() -> None:
        await weather

    task = tasks.create_task(blow())
    await asyncio.gather(*works)
    task.cancel()


async def history_of(seed: int, spoil: Spoil, *, each: int) -> list[Operation]:
    """What the clients of a seed were told, each of so many operations."""
    random = Random(seed)
    store, recorder, moments = MemoryStore(FakeClock()), Recorder(), count(1)
    all_rows = [SlowRows(store.rows(REGISTERS), Random(seed + at)) for at in range(CLIENTS)]
    async with asyncio.TaskGroup() as tasks:
        clients = [
            RegisterClient(
                RecordedRegisters(
                    client, spoil(rows, tasks), recorder.note, now_ns=moments.__next__
                ),
                NAMES,
                Random(seed + client),
                pause,
            )
            for client, rows in enumerate(all_rows, 1)
        ]
        weather = bad_weather(store, random, *all_rows)
        await meanwhile(weather, [client.run(each) for client in clients], tasks)
    return recorder.operations


async def test_ten_thousand_operations_in_bad_weather_are_linearizable() -> None:
    history = await history_of(7, lambda rows, _: rows, each=1_000)
    assert len(history) == 10_000
    assert {one.outcome for one in history} == set(Outcome)
    assert violations(history) == []


@pytest.mark.parametrize("seed", range(5))
async def test_who_acknowledges_before_the_quorum_has_it_is_convicted(seed: int) -> None:
    assert violations(await history_of(seed, EagerRows, each=100))


@pytest.mark.parametrize("seed", range(5))
async def test_who_serves_a_stale_read_as_linearizable_is_convicted(seed: int) -> None:
    assert violations(
        await history_of(seed, lambda rows, _: StaleRows(rows, rows.at_hand), each=100)
    )


async def journals_of(
    seed: int, spoil: Callable[[Rows[Entry], asyncio.TaskGroup], Rows[Entry]]
) -> Audit:
    store = MemoryStore(FakeClock())
    async with asyncio.TaskGroup() as tasks:
        clients = [
            JournalClient(
                f"client {client}",
                spoil(SlowRows(store.rows(JOURNAL), Random(client)), tasks),
                pause,
            )
            for client in range(4)
        ]
        await meanwhile(
            bad_weather(store, Random(seed)), [client.run(200) for client in clients], tasks
        )
    store.come_back()
    store.loses_next_answer = False
    told = [client.told for client in clients]
    return await audit(told, store.rows(JOURNAL), MemoryLogs(store))


async def test_what_is_acknowledged_is_there_once() -> None:
    found = await journals_of(7, lambda rows, _: rows)
    assert found.is_clean
    assert min(found.acknowledged, found.uncertain, found.refused) > 0
    assert found.acknowledged + found.uncertain + found.refused == 4 * 200


async def test_an_acknowledged_write_that_is_not_there_is_counted() -> None:
    found = await journals_of(7, EagerRows)
    assert found.lost > 0
    assert not found.is_clean


async def test_a_write_that_happened_twice_is_counted() -> None:
    found = await journals_of(7, lambda rows, _: RepeatingRows(rows))
    assert found.repeated > 0
    assert not found.is_clean


async def looks_of(spoil: Callable[[Rows[BookPage]], Rows[BookPage]]) -> Looks:
    store, looks = MemoryStore(FakeClock()), Looks()
    async with asyncio.TaskGroup() as tasks:
        readers = [
            tasks.create_task(view_looks("book", store.view(BOOKS), looks, pause)) for _ in range(2)
        ]
        writers = [
            BatchClient(client, "book", spoil(SlowRows(store.rows(BOOKS), Random(client))), pause)
            for client in range(1, 4)
        ]
        await asyncio.gather(*(writer.run(100) for writer in writers))
        for reader in readers:
            reader.cancel()
    return looks


async def test_a_view_shows_whole_batches() -> None:
    looks = await looks_of(lambda rows: rows)
    assert looks.looks > 100
    assert looks.torn == 0


async def test_who_writes_a_batch_row_by_row_is_seen() -> None:
    assert (await looks_of(TornRows)).torn > 0
