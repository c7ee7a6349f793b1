"""Rows held to a dictionary: whatever is done to both in whatever order, they say the same.

The store in memory in the fast tier, a real engine that is killed now and then in the other.
"""

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Protocol, cast

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from aiex.clock import SystemClock
from aiex.engine import Engine
from aiex.errors import Conflict
from aiex.settings import EngineSettings, Secret
from aiex.store import ABSENT, Delete, Key, Put, Rows, Stored, Table, Written
from aiex.store.engine_store import EngineStore
from aiex.testing.clock import FakeClock
from aiex.testing.engine_cluster import until
from aiex.testing.nats_process import PASSWORD, USER, NatsProcess
from aiex.testing.running import running
from aiex.testing.store_memory import MemoryStore

ANSWER_S = 30.0
LOOK_S = 0.05
# Beyond all sequences of an example: one of a deletion would do for a row that is gone.
ELSEWHERE = 1_000_000
TTL_S = 1


class Note(msgspec.Struct, frozen=True):
    book: str
    page: int
    text: str


NOTES = Table("notes", row=Note, key=("book", "page"), fragments=3)


class World(Protocol):
    """A store, and what can be done to it from outside."""

    rows: Rows[Note]

    def do[T](self, work: Coroutine[Any, Any, T]) -> T: ...

    async def until_gone(self, key: Key) -> None:
        """Let the time of a row that lives `TTL_S` pass."""

    async def restart(self) -> None:
        """Stop the store without a warning, and let it come back."""


class MemoryWorld:
    def __init__(self) -> None:
        self._clock = FakeClock()
        self.rows: Rows[Note] = MemoryStore(self._clock).rows(NOTES)
        self._runner = asyncio.Runner()

    def do[T](self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    async def until_gone(self, key: Key) -> None:
        await self._clock.advance(TTL_S)

    async def restart(self) -> None:
        """A store in memory has nothing to come back from."""

    def close(self) -> None:
        self._runner.close()


class EngineWorld:
    """A store in an engine of its own; its loop is a thread's, so that it never stands still."""

    def __init__(self, directory: Path) -> None:
        self._server = NatsProcess.as_embedded(directory)
        self._engine = Engine(
            EngineSettings(url=self._server.url, user=USER, password=Secret(PASSWORD)),
            directory,
            clock=SystemClock(),
            emit=lambda _: None,
        )
        store = EngineStore(
            self._engine, [NOTES], directory, clock=SystemClock(), emit=lambda _: None
        )
        self.rows: Rows[Note] = store.rows(NOTES)
        self._loop = asyncio.new_event_loop()

    @contextmanager
    def running(self) -> Iterator["EngineWorld"]:
        thread = threading.Thread(target=self._loop.run_forever, name="engine world")
        thread.start()
        services = running(self._engine.services())
        try:
            with self._server:
                self.do(services.__aenter__())
                try:
                    self.do(until(self._is_up))
                    yield self
                finally:
                    self.do(services.__aexit__(None, None, None))
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    def do[T](self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_S)

    async def until_gone(self, key: Key) -> None:
        while await self.rows.get(key) is not None:
            await asyncio.sleep(LOOK_S)

    async def restart(self) -> None:
        self._server.kill()
        await until(lambda: not self._is_up())
        self._server.start().ready()
        await until(self._is_up)

    def _is_up(self) -> bool:
        return self._engine.status().state == "up"


class Kept(msgspec.Struct, frozen=True):
    """What the dictionary knows of a row."""

    note: Note
    sequence: int


EXAMPLES = count(1)
BOOKS = st.sampled_from("abc")
PAGES = st.integers(1, 3)
TEXTS = st.text(max_size=5)


class RowMachine(RuleBasedStateMachine):
    """Each example has books of its own, so that many can share one engine."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self._example = next(EXAMPLES)
        self._rows = world.rows
        self._kept: dict[Key, Kept] = {}  # the last written comes last
        self._sequences: dict[int, int] = {}

    def _note(self, book: str, page: int, text: str = "") -> Note:
        return Note(f"{self._example} {book}", page, text)

    def _at(self, note: Note) -> int:
        kept = self._kept.get(NOTES.key_of(note))
        return kept.sequence if kept else ABSENT

    def _learn(self, note: Note, written: Written) -> None:
        self._forget(NOTES.key_of(note), written)
        self._kept[NOTES.key_of(note)] = Kept(note, written.sequence)

    def _forget(self, key: Key, written: Written | None = None) -> None:
        self._kept.pop(key, None)
        if written is not None:
            assert written.fragment == NOTES.fragment_of(key[0])
            assert written.sequence > self._sequences.get(written.fragment, 0)
            self._sequences[written.fragment] = written.sequence

    def _do[T](self, work: Coroutine[Any, Any, T]) -> T:
        return self._world.do(work)

    @rule(book=BOOKS, page=PAGES, text=TEXTS)
    def put(self, book: str, page: int, text: str) -> None:
        note = self._note(book, page, text)
        self._learn(note, self._do(self._rows.put(note)))

    @rule(book=BOOKS, page=PAGES, text=TEXTS)
    def put_where_it_was_read(self, book: str, page: int, text: str) -> None:
        note = self._note(book, page, text)
        self._learn(note, self._do(self._rows.put(note, expects=self._at(note))))

    @rule(book=BOOKS, page=PAGES)
    def put_where_it_is_not(self, book: str, page: int) -> None:
        note = self._note(book, page, "never")
        with pytest.raises(Conflict):
            self._do(self._rows.put(note, expects=self._at(note) + ELSEWHERE))

    @rule(book=BOOKS, page=PAGES)
    def delete(self, book: str, page: int) -> None:
        key = NOTES.key_of(self._note(book, page))
        written = self._do(self._rows.delete(key))
        self._forget(key, written if key in self._kept else None)

    @rule(book=BOOKS, page=PAGES, is_right=st.booleans())
    def delete_where_it_was_read(self, book: str, page: int, is_right: bool) -> None:
        note = self._note(book, page)
        key, at = NOTES.key_of(note), self._at(note)
        if is_right:
            written = self._do(self._rows.delete(key, expects=at))
            self._forget(key, written if key in self._kept else None)
        else:
            with pytest.raises(Conflict):
                self._do(self._rows.delete(key, expects=at + ELSEWHERE))

    @rule(
        book=BOOKS,
        puts=st.dictionaries(PAGES, TEXTS, min_size=1),
        more=st.sampled_from(["nothing", "delete", "conflict"]),
    )
    def batch(self, book: str, puts: dict[int, str], more: str) -> None:
        notes = [self._note(book, page, text) for page, text in puts.items()]
        last = self._note(book, 9, "last")
        changes: list[Put[Note] | Delete] = [Put(note) for note in notes]
        if more == "delete":
            changes.append(Delete(NOTES.key_of(last)))
        if more == "conflict":
            changes.append(Put(last, expects=self._at(last) + ELSEWHERE))
            with pytest.raises(Conflict):
                self._do(self._rows.batch(changes))
            return
        written = self._do(self._rows.batch(changes))
        for note in notes:
            self._kept.pop(NOTES.key_of(note), None)
            stored = self._do(self._rows.get(NOTES.key_of(note)))
            assert stored is not None
            assert written.sequence - len(changes) < stored.sequence <= written.sequence
            self._learn(note, Written(written.fragment, stored.sequence))
        if more == "delete":
            self._forget(NOTES.key_of(last), written)

    @rule(book=BOOKS, page=PAGES)
    def put_for_a_while(self, book: str, page: int) -> None:
        note = self._note(book, page, "for a while")
        written = self._do(self._rows.put(note, ttl_s=TTL_S))
        self._do(self._world.until_gone(NOTES.key_of(note)))
        self._forget(NOTES.key_of(note), written)

    @rule()
    def restart(self) -> None:
        self._do(self._world.restart())

    @rule(book=BOOKS, page=PAGES, linearizable=st.booleans())
    def get(self, book: str, page: int, linearizable: bool) -> None:
        key = NOTES.key_of(self._note(book, page))
        stored = self._do(self._rows.get(key, linearizable=linearizable))
        kept = self._kept.get(key)
        assert (stored and Kept(stored.row, stored.sequence)) == kept

    @rule(book=BOOKS)
    def scan(self, book: str) -> None:
        name = self._note(book, 0).book
        kept = [one.note for key, one in self._kept.items() if key[0] == name]
        assert [stored.row for stored in self._scanned(name)] == kept

    def teardown(self) -> None:
        own = [one for one in self._scanned() if one.row.book.startswith(f"{self._example} ")]
        found = {NOTES.key_of(one.row): Kept(one.row, one.sequence) for one in own}
        assert found == self._kept

    def _scanned(self, *prefix: str) -> Sequence[Stored[Note]]:
        async def scan() -> Sequence[Stored[Note]]:
            return [stored async for stored in self._rows.scan(*prefix)]

        return self._do(scan())


def machines(world: World) -> type[RuleBasedStateMachine]:
    """What makes one for each example."""
    return cast("type[RuleBasedStateMachine]", partial(RowMachine, world))


def test_the_store_in_memory_does_what_a_dictionary_does() -> None:
    world = MemoryWorld()
    try:
        run_state_machine_as_test(
            machines(world), settings=settings(max_examples=60, deadline=None)
        )
    finally:
        world.close()


@pytest.mark.integration
def test_the_store_in_an_engine_does_what_a_dictionary_does(tmp_path: Path) -> None:
    few = settings(
        max_examples=6,
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    with EngineWorld(tmp_path).running() as world:
        run_state_machine_as_test(machines(world), settings=few)
