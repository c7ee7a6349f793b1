"""A view of a table in a process of its own, to be killed while it catches up.

    python -m aiex.testing.view_process <plan as JSON>

It prints what it finds once it has caught up, by comparing it with the engine, and ends.
"""

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import msgspec

from aiex.clock import SystemClock
from aiex.engine import Engine
from aiex.settings import EngineSettings, Secret
from aiex.store import EngineStore, Index, Table, Verification, Written
from aiex.testing.nats_process import NatsProcess
from aiex.testing.running import running
from aiex.testing.views import until_readable

ASK_S = 5.0
CAUGHT_UP_S = 50.0


class Leaf(msgspec.Struct, frozen=True):
    book: str
    page: int
    text: str = ""


LEAVES = Table(
    "leaves",
    row=Leaf,
    key=("book", "page"),
    view="everywhere",
    fragments=2,
    indexes=(Index("by_text", ("text",)),),
)


class Plan(msgspec.Struct, frozen=True):
    url: str
    user: str
    password: str
    directory: str


def start_view(server: NatsProcess, directory: Path) -> "subprocess.Popen[bytes]":
    """The process; whoever started it ends it."""
    address = server.address
    plan = Plan(address.url, address.user, address.password, str(directory))
    command = [sys.executable, "-m", __name__, msgspec.json.encode(plan).decode()]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def applied_count(directory: Path) -> int:
    """How much of the table the view in this directory has, as others can see it."""
    path = directory / "views" / f"{LEAVES.name}.sqlite"
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            [total] = connection.execute("SELECT total(sequence) FROM _positions").fetchone()
    except sqlite3.Error:
        return 0  # it is not there yet, or not for somebody who only reads
    return int(total)


async def _run(plan: Plan) -> Verification:
    settings = EngineSettings(url=plan.url, user=plan.user, password=Secret(plan.password))
    clock = SystemClock()
    engine = Engine(settings, Path("/nowhere"), clock=clock, emit=lambda _: None)
    store = EngineStore(engine, [LEAVES], Path(plan.directory), clock=clock, emit=lambda _: None)
    async with running([*engine.services(), *store.services()]):
        view = store.view(LEAVES)
        await until_readable(view)
        # One that was complete before is readable at once; here it is to have caught up.
        await engine.connection.until_up()
        for place in store.rows(LEAVES).places:
            facts = await place.stream.facts(timeout_s=ASK_S)
            if facts is not None:
                written = Written(place.fragment.number, facts.last_sequence)
                await view.at_least(written, deadline_s=CAUGHT_UP_S)
        return await store.views.verify(LEAVES.name)


if __name__ == "__main__":
    found = asyncio.run(_run(msgspec.json.decode(sys.argv[1], type=Plan)))
    sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
