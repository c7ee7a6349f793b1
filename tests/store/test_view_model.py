"""A view equals a model whatever is done to it: writes, restarts, crashes, streams replaced.

Two rows are only ever written together, by batches, and two one after the other. No reader may see
the first two differ, or the second ones in an order that they never had, at any time.
"""

import asyncio
import contextlib
import shutil
import tempfile
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from aiex.store import Delete, Index, Put, Table
from aiex.store.view_verify import Verification
from aiex.store.views import Views
from aiex.testing.views import ViewsAtHand

# Far more turns of the loop than it takes the thread to apply what a few steps have written.
TURNS_MAX = 200_000
VERIFICATIONS_MAX = 100


class Note(msgspec.Struct, frozen=True):
    book: str
    page: int
    text: str = ""


TABLE = Table(
    "notes",
    row=Note,
    key=("book", "page"),
    view="everywhere",
    fragments=2,
    indexes=(Index("by_text", ("text",)),),
)
BOOKS = st.sampled_from(["a", "b", "c", ""])
PAGES = st.integers(-1, 3)
TEXTS = st.sampled_from(["", "x", "y"])
PAIR, TURNS = "pair", "turns"


class ViewModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.directory = Path(tempfile.mkdtemp())
        self.crash_count = 0
        self.hand = ViewsAtHand([TABLE], self.directory / "0")
        self.feed = self.hand.feeds["notes"]
        self.stamp = 0
        self.running: AbstractAsyncContextManager[Views] | None = None
        self.start()

    @rule(book=BOOKS, page=PAGES, text=TEXTS)
    def put(self, book: str, page: int, text: str) -> None:
        self.feed.put(Note(book, page, text))

    @rule(book=BOOKS, page=PAGES)
    def delete(self, book: str, page: int) -> None:
        self.feed.delete((book, page))

    @rule(book=BOOKS, pages=st.sets(PAGES, min_size=2), text=TEXTS)
    def batch(self, book: str, pages: set[int], text: str) -> None:
        first, *others = pages
        self.feed.batch([Delete((book, first)), *(Put(Note(book, page, text)) for page in others)])

    @rule()
    def write_pair(self) -> None:
        self.stamp += 1
        text = str(self.stamp)
        self.feed.batch([Put(Note(PAIR, 0, text)), Put(Note(PAIR, 1, text))])

    @rule(is_both=st.booleans())
    def write_in_turn(self, is_both: bool) -> None:
        self.stamp += 1
        for page in (0, 1) if is_both else (0,):
            self.feed.put(Note(TURNS, page, f"{self.stamp:06}"))

    @rule()
    def hold(self) -> None:
        self.feed.hold()

    @rule()
    def flow(self) -> None:
        self.feed.flow()

    @rule()
    def beat(self) -> None:
        self.feed.beat()

    @rule(turns=st.integers(1, 40))
    def go_on(self, turns: int) -> None:
        self.runner.run(self._turns(turns))

    @rule(fragment=st.integers(0, 1), is_empty=st.booleans())
    def replace_stream(self, fragment: int, is_empty: bool) -> None:
        self.feed.replace(fragment, is_empty=is_empty)

    @rule()
    def restart(self) -> None:
        self.stop()
        self.hand.rebuild()
        self.start()

    @rule()
    def be_away_for_long(self) -> None:
        self.stop()
        self.hand.clock.jump(4_000)
        self.feed.forget_deletions()
        self.hand.rebuild()
        self.start()

    @rule()
    def crash(self) -> None:
        """What a killed node leaves on its disc: all that was written, committed or not."""
        self.crash_count += 1
        left = self.directory / str(self.crash_count)
        (left / "views").mkdir(parents=True)
        for suffix in ("", "-wal"):
            file = self.directory / str(self.crash_count - 1) / "views" / f"notes.sqlite{suffix}"
            with contextlib.suppress(FileNotFoundError):  # not made yet
                shutil.copy(file, left / "views" / file.name)
        self.stop()
        self.hand.move(left)
        self.start()

    @rule()
    def catch_up(self) -> None:
        self.feed.flow()
        self.runner.run(self._until_equal())

    @rule(
        writes=st.lists(st.integers(0, 2), min_size=2, max_size=6),
        turns_between=st.sampled_from([0, 20, 100]),
    )
    def fall_behind(self, writes: list[int], turns_between: int) -> None:
        """Rows are overwritten before they came, and come one by one."""
        self.feed.turns_between = turns_between
        self.feed.hold()
        for write in writes:
            if write == 0:
                self.write_pair()
            else:
                self.write_in_turn(write == 1)
        self.feed.flow()
        self.go_on(200)

    @invariant()
    def no_state_is_shown_that_never_was(self) -> None:
        view = self.hand.views.view(TABLE)
        if not view.is_complete:
            return
        texts = {stored.row.text for stored in view.scan(PAIR)}
        assert len(texts) <= 1, "a batch is torn"
        # In one read: between two of them the view may go on.
        in_turn = {stored.row.page: stored.row.text for stored in view.scan(TURNS)}
        if 1 in in_turn:
            assert in_turn.get(0, "") >= in_turn[1], "the second row is ahead of the first"

    def start(self) -> None:
        self.running = self.hand.running()
        self.runner.run(self.running.__aenter__())

    def stop(self) -> None:
        assert self.running is not None
        self.runner.run(self.running.__aexit__(None, None, None))

    def teardown(self) -> None:
        try:
            self.catch_up()
            found = self.runner.run(self._verified())
            assert found.is_sound, found
        finally:
            self.stop()
            self.runner.close()
            shutil.rmtree(self.directory)

    async def _turns(self, count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)
            self.no_state_is_shown_that_never_was()

    async def _until_equal(self) -> None:
        view = self.hand.views.view(TABLE)
        for _ in range(TURNS_MAX):
            if view.is_complete and self._viewed() == self.feed.rows():
                break
            await self._turns(1)
        assert self._viewed() == self.feed.rows()
        assert len(view.find("by_text")) == len(self.feed.rows())

    async def _verified(self) -> Verification:
        """A view that is equal may yet be a copy of a stream that is no more."""
        found = await self.hand.views.verify("notes")
        for _ in range(VERIFICATIONS_MAX):
            if found.is_sound:
                break
            await self._turns(100)
            found = await self.hand.views.verify("notes")
        return found

    def _viewed(self) -> dict[tuple[str | int, ...], tuple[int, bytes]]:
        return {
            TABLE.key_of(stored.row): (stored.sequence, msgspec.json.encode(stored.row))
            for stored in self.hand.views.view(TABLE).scan()
        }


TestViewModel = pytest.mark.timeout(60)(ViewModel.TestCase)
TestViewModel.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
