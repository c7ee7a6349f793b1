"""One task in full: how it came to wait, for what, and who holds that."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from aiex.performance.tasks.awaiters import above
from aiex.performance.tasks.chain import Link, is_whole
from aiex.performance.tasks.counting import Counting
from aiex.performance.tasks.holding import (
    has_at_hand,
    has_time_limit,
    held,
    lock_of,
    takes_by_hand,
)
from aiex.performance.tasks.look import (
    Look,
    at_text,
    line_of,
    look_at,
    row_of,
    things_text,
    waits_text,
)
from aiex.performance.tasks.needs import wanted_by
from aiex.performance.tasks.places import place_of
from aiex.performance.tasks.queues import (
    QueueBook,
    QueueLength,
    length_of,
    queues_at_hand,
    row_of_queues,
)
from aiex.performance.tasks.register import SeenTask, TaskRegister
from aiex.performance.tasks.requests import (
    ChainFrame,
    Deadlock,
    Holder,
    QueueRow,
    TaskDescription,
    TaskInfo,
    Waiting,
)
from aiex.performance.tasks.survey import TASKS_MAX, Survey
from aiex.performance.tasks.tree import parent_of
from aiex.performance.tasks.wording import task_name

HOLDERS_MAX = 20
# Of one coroutine's tasks: how many are searched for what they have at hand, and may set or put.
LIKE_MAX = 50

_BY_OTHERS: dict[Waiting, str] = {
    "event": "set it",
    "condition": "notify it",
    "queue get": "put something in",
    "queue put": "take something out",
    "queue join": "work it off",
    "barrier": "come to it",
}
_NOBODY: dict[Waiting, str] = {
    "ready": "It waits for nothing: its turn comes when the loop has done what came before.",
    "running": "It waits for nothing: it answers this request.",
    "sleep": "A timer ends it.",
    "stream": "The other side of the connection, or the kernel, ends it.",
    "thread": "A thread of an executor ends it; `aiex info` knows tasks only.",
    "future": "Nothing says who resolves the future: no task, gather or thread does.",
    "other": "It waits for something that asyncio does not know, so nobody can be told.",
}


class Holders:
    """Who may end the wait of one task: sought among all tasks as they are looked at."""

    def __init__(self, of: Look) -> None:
        self._of = of
        self._wanted = wanted_by(of)
        self._needed = {id(one): one for one in self._wanted.tasks}
        self._likes: Counter[int] = Counter()
        self._found: list[Holder] = []
        self.also_waiting = 0

    def add(self, look: Look) -> None:
        is_self = look.seen.task is self._of.seen.task
        thing = self._of.wait.thing
        is_like = thing is not None and look.wait.thing is thing
        if is_like and not is_self:
            self.also_waiting += 1
        certainty = self._certainty(
            look, thing, may_help=not is_self and not is_like and look.wait.kind != "running"
        )
        if certainty is not None and len(self._found) < HOLDERS_MAX:
            self._found.append(holder_of(look, certainty))

    def found(self) -> tuple[Holder, ...]:
        """Only those of the greatest certainty: where one is certain, the rest is no news."""
        for certainty in ("certain", "likely", "possible"):
            some = tuple(one for one in self._found if one.certainty == certainty)
            if some:
                return some
        return ()

    def text(self) -> str:
        """What is known of them, in a sentence."""
        kind = self._of.wait.kind
        found = self.found()
        if kind in ("lock", "semaphore"):
            return self._lock_text(found)
        if kind in _BY_OTHERS:
            if found:
                return f"Who is to {_BY_OTHERS[kind]} is not known; these have it at hand."
            return f"No other task has it at hand to {_BY_OTHERS[kind]}, as far as was looked."
        if found:
            return "One of these has to end." if self._wanted.any_of else "These have to end."
        return _NOBODY.get(kind, "None of what it waits for is left: its turn comes.")

    def _lock_text(self, found: Sequence[Holder]) -> str:
        if self._wanted.lock is None:
            return "It is free: the task's turn comes, or it was cancelled."
        if not found:
            return (
                "No living task is seen to hold it: it was taken by acquire() and not released, "
                "or by what is no task."
            )
        if found[0].certainty == "certain":
            return "Inside `async with` of it:"
        return "Nobody is inside `async with` of it; these take and release it by hand."

    def _certainty(self, look: Look, thing: Any, *, may_help: bool) -> Any:
        if id(look.seen.task) in self._needed:
            return "certain"
        lock = self._wanted.lock
        if lock is not None and any(lock_of(one) is lock for one in held(look.chain)):
            return "certain"
        if not may_help or thing is None or not self._is_new(look):
            return None
        if lock is not None:
            return "likely" if takes_by_hand(look.chain, lock) else None
        is_by_others = self._of.wait.kind in _BY_OTHERS
        return "possible" if is_by_others and has_at_hand(look.chain, thing) else None

    def _is_new(self, look: Look) -> bool:
        root = id(look.chain[0].code) if look.chain else 0
        self._likes[root] += 1
        return self._likes[root] <= LIKE_MAX


async def described(
    seen: SeenTask, register: TaskRegister, counting: Counting, book: QueueBook
) -> TaskDescription:
    """Everything but what others do is of one moment, the last."""
    name, one = task_name(seen.task), seen.ref
    current = asyncio.current_task()
    first = look_at(seen, current)
    holders, survey = Holders(first), Survey(register)
    del seen
    async for page in register.pages(TASKS_MAX):
        for other in page:
            look = look_at(other, current)
            holders.add(look)
            survey.add(look)
        del page, other, look
    deadlocks = await survey.deadlocks()
    task = one()
    if task is None or asyncio.Task.done(task):
        return TaskDescription(text=f"The task '{name}' ended while it was looked at.")
    now = look_at(register.seen(task), current)
    if now.wait.thing is not first.wait.thing or now.wait.kind != first.wait.kind:
        holders = Holders(now)  # it went on: what was found is of before
    own = (each for each in deadlocks if any(task.id == now.seen.id for task in each.tasks))
    return TaskDescription(found=_info(now, register, counting, book, holders, next(own, None)))


def _info(
    look: Look,
    register: TaskRegister,
    counting: Counting,
    book: QueueBook,
    holders: Holders,
    deadlock: Deadlock | None,
) -> TaskInfo:
    task = look.seen.task
    parent, relation = parent_of(look.seen, register, counting)
    own = look.chain[0].function if look.chain else None
    return TaskInfo(
        row_of(look, counting),
        own.file if own is not None else "",
        own.line if own is not None else 0,
        tuple(_frame(link) for link in look.chain),
        is_whole(look.chain),
        holders.found(),
        holders.text(),
        holders.also_waiting,
        tuple(things_text(thing, look.chain) for thing in held(look.chain)),
        tuple(_queues(look, book)),
        asyncio.Task.cancelling(task),
        bool(_MUST_CANCEL.__get__(task)),
        has_time_limit(look.chain),
        parent.id if parent is not None else 0,
        task_name(parent.task) if parent is not None else "",
        relation,
        tuple(register.seen(each.task).id for each in above(task)),
        look.seen.work.route,
        look.seen.work.model,
        counting.counted(task) is not None,
        deadlock,
    )


def holder_of(look: Look, certainty: Any) -> Holder:
    return Holder(
        look.seen.id,
        task_name(look.seen.task),
        look.coroutine,
        certainty,
        look.wait.kind,
        waits_text(look),
        at_text(look.chain),
        look.seen.age_s,
    )


def _frame(link: Link) -> ChainFrame:
    function = link.function
    return ChainFrame(function.function, function.file, line_of(link), link.kind)


def _queues(look: Look, book: QueueBook) -> list[QueueRow]:
    queues = {id(one): one for one in queues_at_hand(look.chain)}
    thing = look.wait.thing
    if look.wait.kind in ("queue get", "queue put", "queue join") and thing is not None:
        queues.setdefault(id(thing), thing)
    lengths: defaultdict[str, list[QueueLength]] = defaultdict(list)
    for one in queues.values():
        lengths[book.place(one) or place_of(one, look.chain)].append(length_of(one))
    return [row_of_queues(place, each) for place, each in lengths.items()]


_MUST_CANCEL: Any = asyncio.Task.__dict__["_must_cancel"]
