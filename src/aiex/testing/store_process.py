"""Clients of the tables of a cluster, in a process of their own that is no node.

    python -m aiex.testing.store_process <plan as JSON>

Every operation is a line of the plan's log as soon as it ended. At SIGTERM the clients stop, and
what they were told and saw beyond that follows. With `journals` in the plan there are no clients:
the journals are audited, and that is all.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import BinaryIO, Literal

import msgspec

from aiex.clock import SystemClock
from aiex.engine import CarrierAddress, Client, ClusterAccess, Engine
from aiex.errors import EngineUnavailable
from aiex.settings import EngineSettings
from aiex.store import Rows
from aiex.store.engine_store import EngineStore
from aiex.testing.history import REGISTERS, Operation, RecordedRegisters, Register
from aiex.testing.running import running
from aiex.testing.store_clients import (
    BOOKS,
    JOURNAL,
    Audit,
    BatchClient,
    Journal,
    JournalClient,
    Looks,
    RegisterClient,
    audit,
    view_looks,
)
from aiex.testing.store_mutants import EagerRows, StaleRows

AGAIN_S = 0.2
# So much longer than a write takes that somebody reads meanwhile.
EARLY_S = 0.05


class StorePlan(msgspec.Struct, frozen=True):
    """`number` tells this process from others. `pause_s` is between two operations of a client."""

    number: int
    directory: str
    log: str
    cluster: str
    secret: str
    carriers: tuple[CarrierAddress, ...]
    names: tuple[str, ...] = ("a", "b", "c", "d", "e")
    clients: int = 3
    seed: int = 0
    pause_s: float = 0.01
    spoiled: Literal["", "eager", "stale"] = ""
    journals: tuple[Journal, ...] = ()


type Line = Operation | Journal | Looks | Audit


@asynccontextmanager
async def _store(plan: StorePlan) -> AsyncIterator[EngineStore]:
    directory, clock = Path(plan.directory), SystemClock()
    directory.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - before anything runs
    engine = Engine(
        EngineSettings(),
        directory,
        access=ClusterAccess(plan.cluster, plan.secret),
        clock=clock,
        emit=lambda _: None,
    )
    engine.take_seat(Client(plan.carriers))
    store = EngineStore(
        engine, (REGISTERS, JOURNAL, BOOKS), directory, clock=clock, emit=lambda _: None
    )
    async with running([*engine.services(), *store.services()]):
        yield store


def _registers(plan: StorePlan, store: EngineStore, tasks: asyncio.TaskGroup) -> Rows[Register]:
    rows = store.rows(REGISTERS)
    match plan.spoiled:
        case "eager":
            return EagerRows(rows, tasks, EARLY_S)
        case "stale":
            return StaleRows(rows, store.view(REGISTERS).get)
        case _:
            return rows


async def _live(plan: StorePlan, note: Callable[[Line], None], stopped: asyncio.Event) -> None:
    """All clients at work until it is enough."""

    async def pause() -> None:
        await asyncio.sleep(plan.pause_s)

    first = plan.number * 10
    looks = Looks()
    async with _store(plan) as store, asyncio.TaskGroup() as tasks:
        rows = _registers(plan, store, tasks)
        registers = [
            RegisterClient(
                RecordedRegisters(client, rows, note),
                plan.names,
                Random(plan.seed * 1_000 + client),  # noqa: S311 - to be repeated, not secret
                pause,
            )
            for client in range(first + 1, first + 1 + plan.clients)
        ]
        journal = JournalClient(f"writer {plan.number}", store.rows(JOURNAL), pause)
        batches = BatchClient(first + 9, "book", store.rows(BOOKS), pause)
        works = [
            tasks.create_task(work)
            for work in (
                *(client.run() for client in registers),
                journal.run(),
                batches.run(),
                view_looks("book", store.view(BOOKS), looks, pause),
            )
        ]
        await stopped.wait()
        for work in works:
            work.cancel()
    note(journal.told)
    note(looks)


async def _audit(plan: StorePlan, note: Callable[[Line], None]) -> None:
    async with _store(plan) as store:
        while True:
            try:
                note(await audit(plan.journals, store.rows(JOURNAL), store.logs))
            except EngineUnavailable:
                await asyncio.sleep(AGAIN_S)
            else:
                return


async def _main(plan: StorePlan, log: BinaryIO) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)

    def note(line: Line) -> None:
        log.write(msgspec.json.encode(line) + b"\n")

    if plan.journals:
        await _audit(plan, note)
    else:
        await _live(plan, note, stopped)


if __name__ == "__main__":
    what = msgspec.json.decode(sys.argv[1], type=StorePlan)
    with Path(what.log).open("ab", buffering=0) as lines:
        asyncio.run(_main(what, lines))
