"""The embedded server is killed in the middle of everything: what was acknowledged stays."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from aiex.clock import SystemClock
from aiex.engine import Bucket, Change, Deleted, Engine, EngineDown, EngineUp, Entry, Restarted
from aiex.engine.server import EngineServer
from aiex.engine.server_config import EngineFiles
from aiex.errors import Conflict, EngineUnavailable
from aiex.settings import EngineSettings
from aiex.testing.running import running

pytestmark = [pytest.mark.integration, pytest.mark.fault]

DEADLINE_S = 90.0
ROUNDS = 6
SEED = 20261123
WRITERS = 8
PATIENCE_S = 0.01


class Embedded:
    """An engine with its own server, and its ups and downs."""

    def __init__(self, data_dir: Path) -> None:
        self._events: asyncio.Queue[object] = asyncio.Queue()
        self.engine = Engine(
            EngineSettings(), data_dir, clock=SystemClock(), emit=self._events.put_nowait
        )
        server, *_ = self.engine.services()
        assert isinstance(server, EngineServer)
        self.server = server

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Embedded"]:
        async with running(self.engine.services()), asyncio.timeout(DEADLINE_S):
            yield self

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send the server a signal."""
        assert self.server.pid is not None, "no server runs"
        os.kill(self.server.pid, number)

    async def kill_and_come_back(self) -> None:
        """Kill the server; come back when the engine is up again."""
        while not self._events.empty():
            self._events.get_nowait()
        self.kill()
        await self.heard(EngineDown)
        await self.heard(EngineUp)

    async def heard(self, event_type: type) -> None:
        """Wait for the next event of that type."""
        while not isinstance(await self._events.get(), event_type):
            pass


class Writer:
    """Writes new keys one after the other; remembers those that were acknowledged."""

    def __init__(self, name: str, bucket: Bucket, acknowledged: dict[str, Entry]) -> None:
        self._name = name
        self._bucket = bucket
        self._acknowledged = acknowledged
        self.unknown_count = 0

    async def write(self) -> None:
        number = 0
        while True:
            number += 1
            key, value = f"{self._name}.{number}", os.urandom(40)
            try:
                revision = await self._bucket.create(key, value)
            except (EngineUnavailable, Conflict):
                # It may or may not have been written: nobody was promised anything.
                self.unknown_count += 1
                await asyncio.sleep(PATIENCE_S)
            else:
                self._acknowledged[key] = Entry(key, value, revision)


@asynccontextmanager
async def meanwhile(*works: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Runs the works until the block ends; what one of them raises fails the test."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in works]
        yield
        for task in tasks:
            task.cancel()


async def until(is_true: Callable[[], bool]) -> None:
    while not is_true():
        await asyncio.sleep(PATIENCE_S)


async def test_no_acknowledged_write_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    random = Random(SEED)
    acknowledged: dict[str, Entry] = {}
    embedded = Embedded(tmp_path)
    async with embedded.running():
        bucket = embedded.engine.bucket("kept")
        writers = [Writer(f"w{number}", bucket, acknowledged) for number in range(WRITERS)]
        async with meanwhile(*(writer.write() for writer in writers)):
            for _ in range(ROUNDS):
                wanted = len(acknowledged) + random.randint(50, 400)
                await until(lambda wanted=wanted: len(acknowledged) >= wanted)  # type: ignore[misc]
                await embedded.kill_and_come_back()
        found = {entry.key: entry for entry in await bucket.entries()}
    lost = {key: entry for key, entry in acknowledged.items() if found.get(key) != entry}
    assert lost == {}, f"seed {SEED}: {len(lost)} of {len(acknowledged)} lost"
    assert len(acknowledged) >= ROUNDS * 50
    # The kills hit writes under way, else this test has shown nothing.
    assert sum(writer.unknown_count for writer in writers) >= ROUNDS


async def test_everything_is_there_again_after_the_node_was_stopped(tmp_path: Path) -> None:
    before = Embedded(tmp_path)
    async with before.running():
        bucket = before.engine.bucket("kept")
        await bucket.put("a", b"1")
        await bucket.put("b", b"2")
        deletion = await bucket.delete("a")
        entries = await bucket.entries()
    after = Embedded(tmp_path)
    async with after.running():
        bucket = after.engine.bucket("kept")
        assert await bucket.entries() == entries
        assert await bucket.update("a", b"3", deletion) == deletion + 1


async def test_two_watches_go_on_over_kills_of_the_server(tmp_path: Path) -> None:
    embedded = Embedded(tmp_path)
    one: list[Change] = []
    other: list[Change] = []
    expected: list[Entry | Deleted] = []
    bucket = embedded.engine.bucket("followed")
    async with embedded.running(), meanwhile(follow(bucket, one), follow(bucket, other)):
        for number in range(ROUNDS):
            key = f"key-{number}"
            expected.append(Entry(key, b"before", await bucket.put(key, b"before")))
            await until(lambda: expected[-1] in one and expected[-1] in other)
            await embedded.kill_and_come_back()
            expected.append(Deleted(key, await bucket.delete(key)))
        await until(lambda: expected[-1] in one and expected[-1] in other)
    for seen in (one, other):
        assert [one for one in seen if isinstance(one, Entry | Deleted)] == expected
        assert Restarted() not in seen


async def test_a_watch_goes_on_after_the_server_was_frozen(tmp_path: Path) -> None:
    embedded = Embedded(tmp_path)
    seen: list[Change] = []
    bucket = embedded.engine.bucket("followed")
    async with embedded.running(), meanwhile(follow(bucket, seen)):
        before = Entry("key", b"before", await bucket.put("key", b"before"))
        await until(lambda: before in seen)
        embedded.kill(signal.SIGSTOP)
        await embedded.heard(EngineDown)
        with pytest.raises(EngineUnavailable):
            await bucket.put("key", b"meanwhile")
        embedded.kill(signal.SIGCONT)
        await embedded.heard(EngineUp)
        after = Entry("key", b"after", await bucket.put("key", b"after"))
        await until(lambda: after in seen)
    assert Restarted() not in seen


async def test_a_watch_is_told_when_the_store_was_lost(tmp_path: Path) -> None:
    embedded = Embedded(tmp_path)
    seen: list[Change] = []
    bucket = embedded.engine.bucket("followed")
    old, new = Entry("old", b"2", 2), Entry("new", b"3", 1)
    async with meanwhile(follow(bucket, seen)):
        async with embedded.running():
            await bucket.put("old", b"1")
            await bucket.put("old", b"2")
            await until(lambda: old in seen)
        shutil.rmtree(EngineFiles.below(tmp_path).store)
        async with embedded.running():
            await bucket.put("new", b"3")
            await until(lambda: new in seen)
    assert Restarted() in seen[seen.index(old) : seen.index(new)]


async def follow(bucket: Bucket, seen: list[Change]) -> None:
    watch = bucket.watch()
    assert isinstance(watch, AsyncGenerator)
    revision = 0
    async with aclosing(watch):
        async for change in watch:
            match change:
                case Entry() | Deleted():
                    assert change.revision > revision, "out of order, or given twice"
                    revision = change.revision
                case Restarted():
                    revision = 0
            seen.append(change)
