"""Views of tables in a real engine: all that is written comes, and survives what happens to it."""

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aiex.clock import SystemClock
from aiex.engine import Engine
from aiex.store import (
    Delete,
    EngineStore,
    Index,
    Put,
    Refreshed,
    RowDeleted,
    RowPut,
    Table,
    Written,
)
from aiex.store.view_events import ViewBeganAnew
from aiex.testing.engine_connected import connected
from aiex.testing.nats_process import NatsProcess
from aiex.testing.running import running
from aiex.testing.views import until_readable

pytestmark = pytest.mark.integration

# Some of these wait for the engine to be noticed gone and back.
PATIENCE_S = 20.0


class Note(msgspec.Struct, frozen=True):
    book: str
    page: int
    text: str = ""


def table_of(**more: Any) -> Table[Note]:
    return Table(
        f"notes_{secrets.token_hex(4)}",
        row=Note,
        key=("book", "page"),
        view="everywhere",
        indexes=(Index("by_text", ("text",)),),
        **more,
    )


@asynccontextmanager
async def viewed(
    engine: Engine, table: Table[Note], directory: Path, events: list[Any] | None = None
) -> AsyncIterator[EngineStore]:
    emit = (events if events is not None else []).append
    store = EngineStore(engine, [table], directory, clock=SystemClock(), emit=emit)
    async with running(store.services()):
        async with asyncio.timeout(PATIENCE_S):
            await until_readable(store.view(table))
        yield store


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        await asyncio.sleep(0.02)


async def test_what_is_written_is_viewed(engine: Engine, tmp_path: Path) -> None:
    table = table_of(fragments=3)
    async with viewed(engine, table, tmp_path) as store:
        rows, view = store.rows(table), store.view(table)
        for book in ("a.b", "*", "", "ü\0", "a"):
            await view.at_least(await rows.put(Note(book, -5, "there")))
        await view.at_least(await rows.put(Note("a", 2)))
        await view.at_least(await rows.delete(("*", -5)))
        expected = [("", -5), ("a", -5), ("a", 2), ("a.b", -5), ("ü\0", -5)]
        assert [table.key_of(stored.row) for stored in view.scan()] == expected
        assert len(view.find("by_text", "there")) == 4
        got = await rows.get(("a", 2))
        assert view.get(("a", 2)) == got
        assert (await store.views.verify(table.name)).is_sound


async def test_a_batch_is_viewed_at_once(engine: Engine, tmp_path: Path) -> None:
    table = table_of()
    async with viewed(engine, table, tmp_path) as store:
        rows, view = store.rows(table), store.view(table)
        await view.at_least(await rows.put(Note("diary", 0)))
        async with aclosing(view.changes()) as changes:
            assert await anext(changes) == Refreshed()
            await rows.batch([Delete(("diary", 0)), *(Put(Note("diary", n)) for n in range(1, 50))])
            first = await anext(changes)
            assert isinstance(first, RowDeleted)
            assert len(view.scan()) == 49, "all of it can be read once the first is told"


async def test_a_row_that_ends_by_its_time_is_gone_from_the_view(
    engine: Engine, tmp_path: Path
) -> None:
    table = table_of()
    async with viewed(engine, table, tmp_path) as store:
        view = store.view(table)
        async with aclosing(view.changes()) as changes:
            await anext(changes)
            await store.rows(table).put(Note("diary", 1), ttl_s=1)
            assert isinstance(await anext(changes), RowPut)
            assert isinstance(await anext(changes), RowDeleted)
        assert view.scan() == []


async def test_a_view_that_was_away_gets_what_it_missed(engine: Engine, tmp_path: Path) -> None:
    table, events = table_of(), list[Any]()
    async with viewed(engine, table, tmp_path) as store:
        rows = store.rows(table)
        for page in range(20):
            written = await rows.put(Note("diary", page))
        await store.view(table).at_least(written)
    for page in range(0, 20, 2):
        await rows.delete(("diary", page))
    written = await rows.put(Note("diary", 1, "changed"))
    async with viewed(engine, table, tmp_path, events) as store:
        view = store.view(table)
        await view.at_least(written)
        assert [stored.row.page for stored in view.scan()] == list(range(1, 20, 2))
        assert (await store.views.verify(table.name)).is_sound
    assert [event for event in events if isinstance(event, ViewBeganAnew)] == []


async def test_a_stream_that_was_replaced_makes_the_view_anew(
    engine: Engine, tmp_path: Path
) -> None:
    table, events = table_of(), list[Any]()
    async with viewed(engine, table, tmp_path, events) as store:
        rows, view = store.rows(table), store.view(table)
        await view.at_least(await rows.put(Note("diary", 1)))
        async with aclosing(view.changes()) as changes:
            await anext(changes)
            await engine.connection.request(
                f"$JS.API.STREAM.DELETE.T_{table.name}_0", b"", timeout_s=5
            )
            await rows.put(Note("diary", 2))
            async with asyncio.timeout(PATIENCE_S):
                while [stored.row.page for stored in view.scan()] != [2]:
                    await anext(changes)
    assert [type(event) for event in events if isinstance(event, ViewBeganAnew)] == [ViewBeganAnew]


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_the_view_goes_on_when_the_engine_comes_back(tmp_path: Path, how: str) -> None:
    table = table_of()
    with NatsProcess.as_embedded(tmp_path / "nats") as server:
        async with connected(server) as engine, viewed(engine, table, tmp_path) as store:
            rows, view = store.rows(table), store.view(table)
            await view.at_least(await rows.put(Note("diary", 1)))
            assert server.process is not None
            if how == "killed":
                server.kill()
            else:
                server.process.send_signal(signal.SIGSTOP)
            async with asyncio.timeout(PATIENCE_S):
                await until(lambda: view.is_stale)
            assert [stored.row.page for stored in view.scan()] == [1]
            if how == "killed":
                server.start().ready()
            else:
                server.process.send_signal(signal.SIGCONT)
            async with asyncio.timeout(PATIENCE_S):
                written = await rows.put(Note("diary", 2), deadline_s=PATIENCE_S)
                await view.at_least(written, deadline_s=PATIENCE_S)
                await until(lambda: not view.is_stale)
            assert [stored.row.page for stored in view.scan()] == [1, 2]


async def test_verifying_while_rows_change_finds_nothing(engine: Engine, tmp_path: Path) -> None:
    table = table_of()
    async with viewed(engine, table, tmp_path) as store:
        rows, view = store.rows(table), store.view(table)
        for start in range(0, 400, 100):
            await rows.batch([Put(Note("diary", start + n)) for n in range(100)])
        written = Written(0, 400)
        await view.at_least(written)
        is_over = False

        async def write() -> None:
            number = 0
            while not is_over:
                number += 1
                await rows.put(Note("diary", number % 400, str(number)))
                if number % 7 == 0:
                    await rows.delete(("diary", number % 400))

        writing = asyncio.create_task(write())
        try:
            for _ in range(3):
                found = await store.views.verify(table.name)
                assert found.is_sound, found
                assert found.fragments[0].row_count > 100
        finally:
            is_over = True
            await writing


async def test_rows_that_are_overwritten_before_they_come_leave_no_state_that_never_was(
    engine: Engine, tmp_path: Path
) -> None:
    table = table_of()
    async with viewed(engine, table, tmp_path) as store:
        rows, view = store.rows(table), store.view(table)
        seen: list[tuple[str, ...]] = []
        has_skipped = False

        async def look() -> None:
            nonlocal has_skipped
            sequence = 0
            async for change in view.changes():
                if isinstance(change, RowPut):
                    has_skipped = has_skipped or change.stored.sequence > sequence + 1
                    sequence = change.stored.sequence
                seen.append(tuple(stored.row.text for stored in view.scan("turns")))

        looking = asyncio.create_task(look())
        for start in range(0, 2_000, 200):
            # On one connection, so one after the other: the first row is never behind the second.
            done = await asyncio.gather(
                *(
                    rows.put(Note("turns", page, f"{number:05}"))
                    for number in range(start, start + 200)
                    for page in (0, 1)
                )
            )
            await view.at_least(max(done))
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
        torn = [texts for texts in seen if len(texts) == 2 and texts[0] < texts[1]]
        assert torn == []
        assert seen[-1] == ("01999", "01999")
        assert has_skipped, "every row came: the test says nothing"
