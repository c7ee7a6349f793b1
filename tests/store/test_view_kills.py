"""A node that is killed while its view catches up goes on from there, and misses nothing."""

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest

from aiex.clock import SystemClock
from aiex.store import EngineStore, Put, Rows, Verification
from aiex.testing.engine_connected import connected
from aiex.testing.nats_process import NatsProcess
from aiex.testing.view_process import LEAVES, Leaf, applied_count, start_view

pytestmark = [pytest.mark.fault, pytest.mark.timeout(180)]

BOOKS, PAGES = 40, 250
KILLS = 5
PATIENCE_S = 60.0


class Applied:
    """Whether the view has so much."""

    def __init__(self, directory: Path, count: int) -> None:
        self._directory = directory
        self._count = count

    def __call__(self, _: int) -> bool:
        return applied_count(self._directory) >= self._count


class Opened:
    """Whether it is so long ago that a process opened the view's file."""

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._opened_at_s = float("inf")

    def __call__(self, pid: int) -> bool:
        if self._opened_at_s == float("inf") and _has_open(pid, f"{LEAVES.name}.sqlite-wal"):
            self._opened_at_s = time.monotonic()
        return time.monotonic() >= self._opened_at_s + self._after_s


def _has_open(pid: int, name: str) -> bool:
    with suppress(OSError):  # it closes files while we look
        return any(file.readlink().name == name for file in Path(f"/proc/{pid}/fd").iterdir())
    return False


async def write_all(rows: Rows[Leaf], text: str) -> None:
    for book in range(BOOKS):
        await rows.batch([Put(Leaf(f"book {book}", page, text)) for page in range(PAGES)])


async def change_for_ever(rows: Rows[Leaf], random_: random.Random) -> None:
    while True:
        book, page = f"book {random_.randrange(BOOKS)}", random_.randrange(PAGES)
        if random_.random() < 0.3:
            await rows.delete((book, page))
        else:
            await rows.put(Leaf(book, page, "changed"))


@asynccontextmanager
async def changing(rows: Rows[Leaf], random_: random.Random) -> AsyncIterator[None]:
    task = asyncio.create_task(change_for_ever(rows, random_))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def kill_once(server: NatsProcess, directory: Path, is_so: Callable[[int], bool]) -> bool:
    """Start the view, and kill it once that is so; whether it had not ended by itself before."""
    process = start_view(server, directory)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not is_so(process.pid) and process.poll() is None:
                await asyncio.sleep(0.002)
    finally:
        process.kill()
        await asyncio.to_thread(process.communicate)
    return process.returncode == -signal.SIGKILL


async def compared(server: NatsProcess, directory: Path) -> Verification:
    """What the view differs in, once it has been let alone."""
    process = start_view(server, directory)
    try:
        output, _ = await asyncio.to_thread(process.communicate, timeout=PATIENCE_S)
    finally:
        process.kill()
    return msgspec.json.decode(output, type=Verification)


async def test_killed_again_and_again_while_it_catches_up(tmp_path: Path) -> None:
    seed = 7
    random_ = random.Random(seed)
    with NatsProcess.as_embedded(tmp_path / "nats") as server:
        async with connected(server) as engine:
            clock = SystemClock()
            store = EngineStore(
                engine, [LEAVES], Path("/nowhere"), clock=clock, emit=lambda _: None
            )
            rows = store.rows(LEAVES)
            await write_all(rows, "first")
            async with changing(rows, random_):
                for number in range(1, KILLS + 1):
                    part = BOOKS * PAGES * number // (KILLS + 1)
                    assert await kill_once(server, tmp_path, Applied(tmp_path, part))
            found = await compared(server, tmp_path)
            assert found.is_sound, found
            assert sum(one.row_count for one in found.fragments) > BOOKS * PAGES / 2

            # Complete by now: what it missed waits in one transaction, which a kill undoes.
            await write_all(rows, "second")
            before = applied_count(tmp_path)
            async with changing(rows, random_):
                for _ in range(KILLS):
                    after_s = random_.uniform(0.0, 0.3)
                    await kill_once(server, tmp_path, Opened(after_s))
            found = await compared(server, tmp_path)
            assert found.is_sound, found
            assert applied_count(tmp_path) > before
