"""Tables in an engine of three servers: kept by the quorum, over kills, growth and homecoming."""

import asyncio
import signal
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from aiex.clock import SystemClock
from aiex.engine import Began, CarrierAddress, Client, Position, StreamFacts
from aiex.errors import Conflict, EngineUnavailable, StoreUnavailable
from aiex.store import ABSENT, EngineStore, Put, Stored, Table, TableEmptied
from aiex.store.engine_rows import EngineRows
from aiex.store.memory_tables import MemoryTables
from aiex.store.patience import CHOICE_S
from aiex.testing.engine_cluster import (
    POLL_S,
    ClusterEngine,
    access,
    addresses,
    cluster_of,
    seat_of,
    until,
    until_kept,
)
from aiex.testing.running import running

pytestmark = [pytest.mark.integration, pytest.mark.fault]

TIMEOUT_S = 3.0
# As long as two elections one after the other take on a machine that is busy.
PATIENT_S = 30.0


class Note(msgspec.Struct, frozen=True):
    book: str
    page: int
    text: str = ""


DISC = Table("notes", row=Note, key=("book", "page"))
MEMORY = replace(DISC, name="blocks", storage="memory")
ONCE = replace(DISC, name="scraps", replicas=1)
SPREAD = replace(DISC, name="spread", fragments=3)
ADDED = Note("added", 1, "while there were three")
TABLES = [DISC, MEMORY, ONCE, SPREAD]


def store_of(one: ClusterEngine) -> EngineStore:
    return EngineStore(
        one.engine, TABLES, one.data_dir, clock=SystemClock(), emit=one.events.append
    )


async def scanned(rows: EngineRows[Note], *prefix: str) -> list[Stored[Note]]:
    return [stored async for stored in rows.scan(*prefix, deadline_s=PATIENT_S)]


async def facts_of(rows: EngineRows[Any], book: str) -> StreamFacts | None:
    place = rows.places[rows.table.fragment_of(book)]
    return await place.stream.facts(timeout_s=TIMEOUT_S)


async def until_kept_on(rows: EngineRows[Any], book: str, server_count: int) -> None:
    """What was made before all servers were heard of is soon on the others too."""
    while (facts := await facts_of(rows, book)) is None or facts.replica_count != server_count:
        await asyncio.sleep(POLL_S)


async def leader_of(rows: EngineRows[Any]) -> str:
    facts = await facts_of(rows, "")
    assert facts is not None
    return facts.leader


async def test_what_one_node_wrote_all_read_and_of_those_who_make_a_row_one_does(
    tmp_path: Path,
) -> None:
    async with cluster_of(tmp_path, addresses("a", "b", "c"), access()) as engines:
        for one in engines:
            await one.until("up")
        for table in TABLES:
            a, b, c = (store_of(one).rows(table) for one in engines)
            await a.put(Note("diary", 1, "Monday"), deadline_s=PATIENT_S)
            made = await asyncio.gather(
                *(rows.put(Note("made", 1), expects=ABSENT) for rows in (a, b, c)),
                return_exceptions=True,
            )
            assert sum(isinstance(one, Conflict) for one in made) == 2
            for number in range(30):
                # Whichever server answers, what was acknowledged elsewhere is there.
                await a.put(Note("diary", 1, str(number)))
                for rows in (b, c):
                    read = await rows.get(("diary", 1), linearizable=True)
                    assert read is not None
                    assert read.row.text == str(number)
                    assert [one.row.text for one in await scanned(rows, "diary")] == [str(number)]
            await b.batch([Put(Note("diary", page, "batch")) for page in range(1, 5)])
            assert [one.row.page for one in await scanned(c, "diary")] == [1, 2, 3, 4]
            await until_kept_on(a, "diary", min(table.replicas, 3))


@pytest.mark.parametrize("table", [DISC, MEMORY], ids=["disc", "memory"])
async def test_writers_wait_while_a_leader_that_was_killed_is_replaced_and_lose_nothing(
    tmp_path: Path, table: Table[Note]
) -> None:
    async with cluster_of(tmp_path, addresses("a", "b", "c"), access()) as engines:
        for one in engines:
            await one.until("up")
        rows = [store_of(one).rows(table) for one in engines]
        await rows[0].put(Note("first", 0), deadline_s=PATIENT_S)
        leader = await leader_of(rows[0])
        killed = next(one for one in engines if one.name == leader)
        acknowledged: list[Note] = []
        longest_s = 0.0

        async def write(number: int) -> None:
            """Make rows one after the other, each only where there is none."""
            nonlocal longest_s
            writer = rows[number % 3]
            for page in range(150):
                note = Note(f"writer {number}", page)
                began_s = time.monotonic()
                await writer.put(note, expects=ABSENT, deadline_s=PATIENT_S)
                longest_s = max(longest_s, time.monotonic() - began_s)
                acknowledged.append(note)

        async with asyncio.TaskGroup() as tasks:
            for number in range(6):
                tasks.create_task(write(number))
            await until(lambda: len(acknowledged) > 100)
            killed.kill()
        kept = {stored.row for stored in await scanned(rows[0])}
        assert kept == {Note("first", 0), *acknowledged}
        assert len(acknowledged) == 900
        print(f"the longest write took {longest_s:.1f} s")


async def until_more_than(count: int, acknowledged: Sequence[Note]) -> None:
    await until(lambda: len(acknowledged) > count)


async def stopped_and_back(one: ClusterEngine) -> None:
    """Its server was told to stop, and another runs in its place."""
    before = one.pid
    one.kill(signal.SIGTERM)
    await until(lambda: one.pid not in (None, before))


@pytest.mark.parametrize("seed", [1, 2])
async def test_leaders_that_are_told_to_stop_one_after_the_other_take_no_write_along(
    tmp_path: Path, seed: int
) -> None:
    random = Random(seed)
    async with cluster_of(tmp_path, addresses("a", "b", "c"), access()) as engines:
        for one in engines:
            await one.until("up")
        rows = [store_of(one).rows(DISC) for one in engines]
        await rows[0].put(Note("first", 0), deadline_s=PATIENT_S)
        acknowledged: list[Note] = []
        is_over = False

        async def write(number: int) -> None:
            """Rows and batches in turns, each only where there is none."""
            page, width = 0, 1
            while not is_over:
                notes = [Note(f"writer {number}", page + one) for one in range(width)]
                puts = [Put(note, expects=ABSENT) for note in notes]
                if width == 1:
                    await rows[number % 3].put(notes[0], expects=ABSENT, deadline_s=PATIENT_S)
                else:
                    await rows[number % 3].batch(puts, deadline_s=PATIENT_S)
                acknowledged.extend(notes)
                page, width = page + width, random.randint(1, 4)

        async with asyncio.TaskGroup() as tasks:
            for number in range(6):
                tasks.create_task(write(number))
            for _ in range(3):
                await until_more_than(len(acknowledged) + random.randint(50, 150), acknowledged)
                leader = await until_kept(lambda: leader_of(rows[0]))
                await stopped_and_back(next(one for one in engines if one.name == leader))
                for one in engines:
                    await one.until("up")
            is_over = True
        kept = [stored.row for stored in await scanned(rows[0])]
        assert len(kept) == len(acknowledged) + 1
        assert set(kept) == {Note("first", 0), *acknowledged}, f"seed {seed}"


async def test_without_a_quorum_callers_wait_for_a_while_and_then_are_refused_at_once(
    tmp_path: Path,
) -> None:
    async with cluster_of(tmp_path, addresses("a", "b", "c"), access()) as engines:
        a, b, c = engines
        for one in engines:
            await one.until("up")
        notes = store_of(a).rows(DISC)
        await notes.put(Note("diary", 1), deadline_s=PATIENT_S)
        for one in (b, c):
            one.engine.take_seat(Client(()))
        await a.until("no quorum")
        began_s = time.monotonic()
        with pytest.raises(StoreUnavailable, match="Nothing was written"):
            await notes.put(Note("diary", 2), deadline_s=0.5)
        assert time.monotonic() - began_s < CHOICE_S
        with pytest.raises(StoreUnavailable):
            await notes.put(Note("diary", 2), deadline_s=PATIENT_S)
        began_s = time.monotonic()
        for ask in (notes.put(Note("diary", 2)), notes.get(("diary", 1), linearizable=True)):
            with pytest.raises(StoreUnavailable, match="too few of the cluster's servers"):
                await ask
        assert time.monotonic() - began_s < 1.0, "they were not refused at once"


async def test_tables_on_disc_grow_into_a_cluster_and_come_home_with_every_row(
    tmp_path: Path,
) -> None:
    carriers = addresses("a", "b", "c")
    written = await filled_alone(tmp_path)
    engines = [ClusterEngine(name, tmp_path / name, access()) for name in "abc"]
    stores = [store_of(one) for one in engines]
    async with AsyncExitStack() as stack:
        for one in engines:
            await stack.enter_async_context(one.running(seat_of(one.name, carriers[:1])))
        await seated(engines, carriers)
        for store in stores:
            assert await contents(store) == written
            assert await scanned(store.rows(MEMORY)) == []
        assert await emptied(engines, stores) == 1
        for table in TABLES:
            rows = stores[1].rows(table)
            await rows.put(ADDED, deadline_s=PATIENT_S)
            await until_kept_on(rows, "added", min(3, table.replicas))
        await look(stores)
        await engines[0].engine.take_home()
        await seated(engines, carriers[:1])
        for store in stores:
            found = await contents(store)
            assert {name: rows[:-1] for name, rows in found.items()} == written
            assert {rows[-1].row for rows in found.values()} == {ADDED}
            assert await scanned(store.rows(MEMORY)) == []
        assert await emptied(engines, stores) == 2, "it was told again, by one node"


async def filled_alone(directory: Path) -> dict[str, list[Stored[Note]]]:
    """What a node that ran alone has on disc; it is stopped again."""
    alone = ClusterEngine("a", directory / "a", access())
    async with alone.running():
        store = store_of(alone)
        for table in TABLES:
            rows = store.rows(table)
            for number in range(40):
                await rows.put(Note(f"book {number % 7}", number % 30, str(number)))
            await rows.delete(("book 3", 3))
        await look([store])
        return await contents(store)


async def contents(store: EngineStore) -> dict[str, list[Stored[Note]]]:
    """Of the tables on disc; of one with fragments all are in one order."""
    found = {table.name: await scanned(store.rows(table)) for table in TABLES if table != MEMORY}
    found["spread"].sort(key=lambda stored: (stored.row == ADDED, stored.row.book, stored.row.page))
    return found


async def seated(engines: list[ClusterEngine], carriers: Sequence[CarrierAddress]) -> None:
    """All in their seats among these carriers, and up."""
    for one in engines:
        one.engine.take_seat(seat_of(one.name, carriers))
    for one in engines:
        await one.until("up")


async def look(stores: list[EngineStore]) -> None:
    """As the stores do when the engine turned."""
    for store in stores:
        [service] = store.services()
        assert isinstance(service, MemoryTables)
        await until_kept(service.look)


async def emptied(engines: list[ClusterEngine], stores: list[EngineStore]) -> int:
    """How often it was told, by all, that the table in memory is empty."""
    await look(stores)
    return sum(len(one.heard(TableEmptied)) for one in engines)


async def test_a_table_in_memory_comes_back_empty_from_a_stop_of_all_and_one_node_says_so(
    tmp_path: Path,
) -> None:
    carriers = addresses("a", "b", "c")
    async with cluster_of(tmp_path, carriers, access()) as engines:
        for one in engines:
            await one.until("up")
        stores = [store_of(one) for one in engines]
        async with running([service for store in stores for service in store.services()]):
            for table in (DISC, MEMORY):
                for page in range(20):
                    await stores[0].rows(table).put(Note("diary", page), deadline_s=PATIENT_S)
            identity = await facts_identity(stores[0])
            bucket = engines[0].engine.bucket("tables")
            # It looks again when the engine turns, or after a while.
            await look(stores)
            assert await bucket.get("T_blocks_0") is not None
            for one in engines:
                one.kill()
            await until(lambda: all(one.engine.status().state != "up" for one in engines))
            for one in engines:
                await one.until("up")
            await until(lambda: any(one.heard(TableEmptied) for one in engines))
            assert await scanned(stores[1].rows(MEMORY)) == []
            assert len(await scanned(stores[1].rows(DISC))) == 20
            assert await until_kept(lambda: facts_identity(stores[2])) != identity
        assert sum(len(one.heard(TableEmptied)) for one in engines) == 1


async def facts_identity(store: EngineStore) -> str:
    facts = await facts_of(store.rows(MEMORY), "")
    if facts is None:
        raise EngineUnavailable("it is not there yet")
    return facts.identity


async def test_a_table_in_memory_of_a_node_alone_is_empty_after_its_server_was_killed(
    tmp_path: Path,
) -> None:
    alone = ClusterEngine("a", tmp_path / "a", access())
    async with alone.running():
        store = store_of(alone)
        for table in (DISC, MEMORY):
            await store.rows(table).put(Note("diary", 1))
        assert await emptied([alone], [store]) == 0
        followed = store.rows(MEMORY).places[0].stream.follow(Position())
        async with aclosing(followed):
            first = await anext(followed)
            alone.kill()
            await until(lambda: alone.engine.status().state != "up")
            await alone.until("up")
            again = first
            while not isinstance(again, Began) or again is first:
                again = await anext(followed)
        assert isinstance(first, Began)
        assert again.position.identity != first.position.identity
        assert again.position.sequence == 0
        assert await emptied([alone], [store]) == 1
        assert await emptied([alone], [store]) == 1, "it was told again"
        assert await scanned(store.rows(MEMORY)) == []
        assert len(await scanned(store.rows(DISC))) == 1
