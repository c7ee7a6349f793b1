"""The `asyncio.Queue`s that tasks use: found once by a bounded search, then read where they are.

A queue that somebody waits for is found by the waiting task. One that only grows is had at hand by
the task that is late with it: as a variable, or as an attribute of its object. Which queues there
are is remembered by weak references, so that each census reads lengths and searches a little more.
Limit: a queue that no coroutine has within reach is not seen, nor one that is no `asyncio.Queue`.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any, NamedTuple
from weakref import ref

from aiex.performance.tasks.chain import Link
from aiex.performance.tasks.look import Look
from aiex.performance.tasks.places import Search, attributes, place_of
from aiex.performance.tasks.requests import QueueRow

QUEUES_MAX = 10_000
# Of one census: what its search may look at. An object takes two or three microseconds.
OBJECTS_MAX = 2000
# Of one census: tasks of the same coroutine whose frames are searched; the others have their like.
LIKE_MAX = 4
NO_PLACE = "(unknown)"

_OWN = (asyncio.Queue, asyncio.LifoQueue, asyncio.PriorityQueue)


class QueueLength(NamedTuple):
    length: int
    size_max: int  # 0: without a bound
    getters: int
    putters: int


class QueueBook:
    """Every queue that was found and lives, by where it lives."""

    def __init__(self) -> None:
        self._places: dict[int, tuple[ref[asyncio.Queue[Any]], str]] = {}
        self.searched_id = 0  # the youngest task whose frames were searched

    def add(self, queue: asyncio.Queue[Any], place: str) -> None:
        """The first place that is told stays, unless it was `NO_PLACE`."""
        if self.place(queue) or len(self._places) >= QUEUES_MAX:
            return

        def forget(_: object, key: int = id(queue)) -> None:
            self._places.pop(key, None)

        self._places[id(queue)] = (ref(queue, forget), place)

    def place(self, queue: asyncio.Queue[Any]) -> str:
        """Where it lives; empty while it is not known."""
        known = self._places.get(id(queue))
        return known[1] if known is not None and known[1] != NO_PLACE else ""

    def rows(self) -> list[QueueRow]:
        """One for each place."""
        grouped: defaultdict[str, list[QueueLength]] = defaultdict(list)
        for reference, place in list(self._places.values()):
            queue = reference()
            if queue is not None:
                grouped[place].append(length_of(queue))
        return [row_of_queues(place, lengths) for place, lengths in grouped.items()]


class QueueSearch:
    """One census's search; what it finds goes into the book.

    Those that tasks wait for are always found. What tasks have at hand is sought once for each
    task, and of all of them again when the search `is_full`.
    """

    def __init__(self, book: QueueBook, *, is_full: bool) -> None:
        self._book = book
        self._after_id = 0 if is_full else book.searched_id
        self._search = Search(is_queue, objects_max=OBJECTS_MAX)
        self._seen: defaultdict[int, int] = defaultdict(int)

    def add(self, look: Look) -> None:
        thing = look.wait.thing
        if thing is not None and is_queue(thing) and not self._book.place(thing):
            self._book.add(thing, place_of(thing, look.chain) or NO_PLACE)
        if look.seen.id <= self._after_id or self._search.is_over:
            return
        self._book.searched_id = max(self._book.searched_id, look.seen.id)
        root = id(look.chain[0].code) if look.chain else 0
        self._seen[root] += 1
        if self._seen[root] <= LIKE_MAX:
            for found in self._search.among(look.chain):
                self._book.add(found.thing, found.place)


def is_queue(one: Any) -> bool:
    return issubclass(type(one), asyncio.Queue)


def length_of(queue: asyncio.Queue[Any]) -> QueueLength:
    """Without running anything of a subclass."""
    if type(queue) in _OWN:
        of: Any = queue
        return _length(of._queue, of._maxsize, of._getters, of._putters)
    inside = dict(attributes(queue))
    return _length(*(inside.get(name) for name in ("_queue", "_maxsize", "_getters", "_putters")))


def queues_at_hand(chain: Sequence[Link]) -> list[asyncio.Queue[Any]]:
    """Those that one task waits for or has at hand."""
    found = {id(one.thing): one.thing for one in Search(is_queue, objects_max=256).among(chain)}
    return list(found.values())


def row_of_queues(place: str, lengths: Sequence[QueueLength]) -> QueueRow:
    rooms = [max(0, one.size_max - one.length) for one in lengths if one.size_max > 0]
    return QueueRow(
        place,
        len(lengths),
        sum(one.length for one in lengths),
        max((one.length for one in lengths), default=0),
        min(rooms, default=0),
        len(rooms) == len(lengths),
        sum(one.getters for one in lengths),
        sum(one.putters for one in lengths),
    )


def _length(items: Any, size_max: Any, getters: Any, putters: Any) -> QueueLength:
    length = len(items) if type(items) in (deque, list) else 0
    bound = max(0, size_max) if type(size_max) is int else 0
    return QueueLength(length, bound, _pending(getters), _pending(putters))


def _pending(waiters: Any) -> int:
    if type(waiters) is not deque:
        return 0
    futures = (one for one in waiters if issubclass(type(one), asyncio.Future))
    return sum(1 for one in futures if not asyncio.Future.done(one))
