"""What a node does with its tables, in a process of its own: one task, its result in a file.

    python store_member.py <plan file>

Tasks: `writes` as `rig.single_writes` measures them; `fill` a table in batches; `view` of that
table: made anew, asked, and followed; `gap` writes one row after the other until SIGTERM.
"""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, Literal

import msgspec
import uvloop

from aiex.clock import SystemClock
from aiex.cluster import meeting_secret
from aiex.engine import CarrierAddress, Client, ClusterAccess, Engine
from aiex.errors import StoreUnavailable
from aiex.settings import EngineSettings
from aiex.store import Index, Put, Table, View
from aiex.store.engine_store import EngineStore
from aiex.store.fragment import Fragment
from aiex.testing.running import running
from rig.core_wait import CoreWait
from rig.single_writes import key_of, measure_writes, put_down, row_of

CLUSTER = "aiex"
BATCH_ROWS = 500
BATCHES_IN_FLIGHT = 4
SHELF_ROWS = 10
QUERIES = 5_000
LOOK_S = 0.002
DEADLINE_S = 30.0
FILLED_S = 600.0


class Note(msgspec.Struct, frozen=True):
    key: str
    shelf: int
    text: str


NOTES = Table("bench_notes", row=Note, key=("key",))
SEEN = Table(
    "bench_seen",
    row=Note,
    key=("key",),
    view="everywhere",
    indexes=(Index("shelf", ("shelf", "key")),),
)


# The same to whoever fills it, who has no use for a view.
UNSEEN = replace(SEEN, view="none", indexes=())


class StorePlan(msgspec.Struct, frozen=True):
    """`rows` to fill in or to wait for; `per_s` and `seconds` are of what is followed."""

    task: Literal["writes", "fill", "view", "gap"]
    directory: str
    result: str
    carriers: tuple[CarrierAddress, ...]
    meeting: str
    alone: int = 0
    in_flight: int = 0
    seconds: float = 0.0
    rows: int = 0
    per_s: int = 0


@asynccontextmanager
async def store_at(
    plan: StorePlan, tables: Sequence[Table[Any]], avoided: str = ""
) -> AsyncIterator[tuple[Engine, EngineStore]]:
    """The tables by way of any carrier but the avoided one; each time with a new directory."""
    directory = Path(plan.directory) / f"{time.monotonic_ns()}"
    directory.mkdir(parents=True)
    clock = SystemClock()
    engine = Engine(
        EngineSettings(),
        directory,
        access=ClusterAccess(CLUSTER, meeting_secret(Path(plan.meeting))),
        clock=clock,
        emit=lambda _: None,
    )
    engine.take_seat(Client(tuple(one for one in plan.carriers if one.name != avoided)))
    store = EngineStore(engine, tables, directory, clock=clock, emit=lambda _: None)
    async with running([*engine.services(), *store.services()]):
        yield engine, store


async def writes(plan: StorePlan) -> dict[str, Any]:
    async with store_at(plan, [NOTES]) as (_, store):
        rows = store.rows(NOTES)

        async def write(number: int) -> None:
            await rows.put(Note(key_of(number), 0, row_of(number)), deadline_s=DEADLINE_S)

        return await measure_writes(
            write, alone=plan.alone, in_flight=plan.in_flight, seconds=plan.seconds
        )


async def fill(plan: StorePlan) -> dict[str, Any]:
    """So many rows, in batches; on a shelf are few, so that an index has something to find."""
    async with store_at(plan, [UNSEEN]) as (_, store):
        rows = store.rows(UNSEEN)
        batches = iter(range(0, plan.rows, BATCH_ROWS))

        async def write_on() -> None:
            for first in batches:
                numbers = range(first, min(first + BATCH_ROWS, plan.rows))
                notes = [Note(key_of(at), at // SHELF_ROWS, row_of(at)) for at in numbers]
                await rows.batch([Put(note) for note in notes], deadline_s=DEADLINE_S)

        began_s = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(BATCHES_IN_FLIGHT):
                tasks.create_task(write_on())
        return {"rows": plan.rows, "per_s": plan.rows / (time.perf_counter() - began_s)}


async def view(plan: StorePlan) -> dict[str, Any]:
    began_s = time.perf_counter()
    async with store_at(plan, [SEEN]) as (_, store):
        seen = store.view(SEEN)
        with CoreWait() as applying:
            await _until_filled(seen, plan.rows)
        applied_s = time.perf_counter() - began_s
        with CoreWait() as asking:
            took_us = query_us(seen, plan.rows)
        with CoreWait() as following:
            took_ms = await lag_ms(store, plan)
    return {
        "applied_s": applied_s,
        "applied_wait_ratio": applying.ratio,
        "query_us": took_us,
        "query_wait_ratio": asking.ratio,
        "lag_ms": took_ms,
        "lag_wait_ratio": following.ratio,
    }


async def _until_filled(seen: View[Note], rows: int) -> None:
    """Until the view gives anything, and the row that was written last."""
    async with asyncio.timeout(FILLED_S):
        while True:
            try:
                if seen.get((key_of(rows - 1),)) is not None:
                    return
            except StoreUnavailable:
                pass
            await asyncio.sleep(LOOK_S)


def query_us(seen: View[Note], rows: int) -> list[float]:
    """By index: the rows of a shelf."""
    random = Random(rows)
    took_us = []
    for _ in range(QUERIES):
        shelf = random.randrange(rows // SHELF_ROWS)
        began_s = time.perf_counter()
        found = seen.find("shelf", shelf)
        took_us.append((time.perf_counter() - began_s) * 1e6)
        assert len(found) == SHELF_ROWS, f"{len(found)} rows on a shelf of {SHELF_ROWS}"
    return took_us


async def lag_ms(store: EngineStore, plan: StorePlan) -> list[float]:
    """From a write's acknowledgement until the view has it; writes come on a schedule."""
    rows, seen = store.rows(SEEN), store.view(SEEN)
    found: list[float] = []

    async def write(number: int) -> None:
        at = plan.rows + number
        written = await rows.put(Note(key_of(at), -1, row_of(at)), deadline_s=DEADLINE_S)
        told_s = time.perf_counter()
        await seen.at_least(written, deadline_s=DEADLINE_S)
        found.append((time.perf_counter() - told_s) * 1000)

    began_s = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(int(plan.per_s * plan.seconds)):
            await asyncio.sleep(max(0.0, began_s + number / plan.per_s - time.perf_counter()))
            tasks.create_task(write(number))
    return found


async def gap(plan: StorePlan) -> dict[str, Any]:
    """The longest time between two acknowledgements, until SIGTERM.

    By way of a server that does not lead the table, whose name is written to `<result>.leader`.
    """
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with store_at(plan, [NOTES]) as (engine, store):
        await store.rows(NOTES).put(Note("first", 0, ""), deadline_s=DEADLINE_S)
        leader = await leader_of(engine, NOTES.name)
    async with store_at(plan, [NOTES], avoided=leader) as (_, store):
        rows = store.rows(NOTES)
        await rows.put(Note("second", 0, ""), deadline_s=DEADLINE_S)
        put_down(Path(f"{plan.result}.leader"), {"leader": leader})
        longest_s, number, last_s = 0.0, 0, time.perf_counter()
        while not stopped.is_set():
            number += 1
            await rows.put(Note("gap", number, ""), deadline_s=DEADLINE_S)
            now_s = time.perf_counter()
            longest_s, last_s = max(longest_s, now_s - last_s), now_s
        return {"gap_s": longest_s, "writes": number}


async def leader_of(engine: Engine, table: str) -> str:
    """The server that leads the stream of a table of one fragment."""
    answer = await engine.connection.request(
        f"$JS.API.STREAM.INFO.{Fragment(table, 0).stream}", timeout_s=DEADLINE_S
    )
    return str(msgspec.json.decode(answer.data)["cluster"]["leader"])


TASKS = {"writes": writes, "fill": fill, "view": view, "gap": gap}


def main() -> None:
    plan = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=StorePlan)
    put_down(Path(plan.result), uvloop.run(TASKS[plan.task](plan)))


if __name__ == "__main__":
    main()
