"""What code is seen to do with what it calls by a name."""

import asyncio
import io
from collections import OrderedDict, deque
from logging.handlers import MemoryHandler
from typing import Any

import pytest

from aiex.performance.memory.sites import is_emptied
from aiex.performance.memory.uses import EMPTIES, KEEPS_BELOW, REMAKES, STORES_ITEM, uses

CAP = 100


class Store:
    def __init__(self) -> None:
        self._pages: OrderedDict[int, bytes] = OrderedDict()
        self._rows: list[int] = []
        self._by_day: dict[int, list[int]] = {}
        self._counts: dict[int, int] = {}
        self._text = io.StringIO()
        self._facts: dict[int, int] = {}
        self._links: deque[int] = deque()
        self._buffer: list[int] = []
        self._pending: dict[int, int] = {}
        self._keys: dict[int, Any] = {}

    def keep_page(self, number: int) -> None:
        self._pages[number * 3 + number % 7] = bytes(number)
        while len(self._pages) > CAP:
            self._pages.popitem(last=False)

    def note_row(self, day: int) -> None:
        self._by_day[day + 1].append(day)

    def count(self, key: int) -> None:
        self._counts[key] = self._counts.get(key, 0) + 1

    def write_line(self) -> None:
        self._text.write("line")

    def set_fact(self, key: int) -> None:
        self._facts = {**self._facts, key: key}

    def open_link(self) -> None:
        if len(self._links) < CAP:
            self._links.append(1)

    def keep(self, row: int) -> None:
        self._buffer.append(row)
        self.flush()

    def flush(self) -> None:
        self._buffer = []

    def ask(self, key: int) -> None:
        self._pending[key] = key

    def give_up(self, key: int) -> None:
        self._pending.pop(key)

    def read(self, key: int) -> Any:
        print(len(self._keys))
        return [self._keys[key], key > CAP]


@pytest.mark.parametrize(
    ("function", "name", "verbs"),
    [
        (Store.keep_page, "_pages", [STORES_ITEM, "popitem"]),
        (Store.note_row, "_by_day", ["append"]),
        (Store.count, "_counts", [STORES_ITEM]),
        (Store.write_line, "_text", ["write"]),
        (Store.set_fact, "_facts", [REMAKES]),
        (Store.open_link, "_links", [KEEPS_BELOW, "append"]),
        (Store.flush, "_buffer", [EMPTIES]),
        (Store.read, "_keys", []),
        (Store.read, "_pages", []),
    ],
)
def test_what_is_done_is_read_off_the_code(function: Any, name: str, verbs: list[str]) -> None:
    assert [use.verb for use in uses(function.__code__, name)] == verbs


async def test_who_fills_and_empties_keeps_a_bound() -> None:
    assert is_emptied("_pages", __name__)  # in the same function
    assert is_emptied("_links", __name__)  # filled below a length
    assert is_emptied("_buffer", __name__)  # by a function that it names
    assert not is_emptied("_by_day", __name__)
    assert not is_emptied("_facts", __name__)


async def test_of_an_attribute_its_own_class_is_asked_first() -> None:
    assert not is_emptied("handlers", "logging", "Logger")
    assert is_emptied("handlers", "logging")  # `basicConfig(force=True)` removes them
    assert is_emptied("buffer", MemoryHandler.__module__, "MemoryHandler")  # in a class above


async def test_what_nobody_calls_empties_nothing() -> None:
    assert not is_emptied("_pending", __name__)


async def test_a_task_that_runs_may_empty_it() -> None:

    store = Store()

    async def sweep() -> None:
        while True:
            await asyncio.sleep(60)
            store.give_up(1)

    task = asyncio.create_task(sweep())
    await asyncio.sleep(0)
    try:
        assert is_emptied("_pending", __name__)
    finally:
        task.cancel()
