"""Which tasks do not go on: two looks at all of them, and what nobody is left to end.

A task that waits for the same future at both looks has waited all the time between. Where the first
in line of a lock or a queue is among those, nothing was given to anybody meanwhile. Then each such
wait asks who could end it: who holds the lock, who has the queue at hand and might take from it. A
wait is hopeless when all of those are in hopeless waits themselves, or there are none; that is the
fixpoint of `deadlock`, with one more node that stands for nobody.

Only waits that have work in hand are judged: for a lock, for room in a queue, for a queue to be
worked off, for a barrier, for other tasks. To wait for something to come (`Queue.get`, an event, a
condition, a future, a stream) is what an idle task does by design, so whoever does is free to help.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from aiex.performance.tasks.aside import aside
from aiex.performance.tasks.deadlock import Need, circles, stuck_tasks
from aiex.performance.tasks.description import holder_of
from aiex.performance.tasks.holding import at_hand, held, lock_of, may_call, takes_by_hand
from aiex.performance.tasks.look import Look, at_text, look_at, things_text, waits_text
from aiex.performance.tasks.needs import wanted_by
from aiex.performance.tasks.places import attributes
from aiex.performance.tasks.register import TaskRegister
from aiex.performance.tasks.requests import Holder, LongWait, LongWaits, Waiting
from aiex.performance.tasks.survey import TASKS_MAX
from aiex.performance.tasks.wording import task_name

# Stands for nobody in the graph: it waits for itself.
NOBODY = 0
# Things whose waits are followed: of many alike (a lock for each key) some say what all do.
THINGS_MAX = 200
# Of one coroutine's tasks: how many are searched for what they have at hand.
LIKE_MAX = 50
HELPERS_TOLD = 4
JUDGED: tuple[Waiting, ...] = ("lock", "semaphore", "queue put", "queue join", "barrier")
# What is called by whoever ends a wait; of locks the holder has to be inside of what took it.
_ENDED_BY: Mapping[Waiting, frozenset[str]] = {
    "queue put": frozenset({"get", "get_nowait"}),
    "queue join": frozenset({"task_done"}),
    "barrier": frozenset({"wait", "abort", "reset"}),
}
# Where the futures of those in line are.
_LINES: Mapping[Waiting, str] = {
    "lock": "_waiters",
    "semaphore": "_waiters",
    "queue put": "_putters",
    "queue get": "_getters",
}


class _Stood(NamedTuple):
    """A task that waited from the first look to the last."""

    look: Look
    future_id: int


class _Thing:
    """What some wait for, who of them stood, and who could end it."""

    def __init__(self, kind: Waiting, thing: Any) -> None:
        self.kind = kind
        self.thing = thing  # held, so that its id stays its own
        self.before = 0  # how many waited at the first look
        self.first: Look | None = None  # of those that wait now
        self.stood: list[_Stood] = []
        self.waiting: set[int] = set()  # ids of all tasks that wait for it now
        self.takers: set[int] = set()  # of those that wait to get from it, where it is a queue
        self.certain: dict[int, Look] = {}
        self.possible: dict[int, Look] = {}

    @property
    def helpers(self) -> dict[int, Look]:
        """Where somebody is certain to hold it the others are no news."""
        return self.certain or self.possible

    def needs(self, of_tasks: Mapping[int, Need]) -> Need:
        """Who has to go on for the first in line to do so; whoever is in line is no help.

        Nor is one that waits for these to end, such as who began them: it has nothing to do before.
        """
        ours = {one.look.seen.id for one in self.stood}
        helping = {
            id_
            for id_ in set(self.helpers) - self.waiting
            if id_ not in of_tasks or of_tasks[id_].any_of or ours.isdisjoint(of_tasks[id_].of)
        }
        if self.kind == "queue join" and length_of(self.thing) == 0:
            helping -= self.takers  # nothing is left for them to take
        if self.kind == "barrier" and len(helping) < _missing(self.thing, len(self.waiting)):
            helping = set()
        return Need(tuple(helping) or (NOBODY,), any_of=True)

    def is_still(self) -> bool:
        """Whether the first in line stood: nobody was served in between."""
        futures = _line(self.kind, self.thing)
        if futures is None:
            return True  # who waits for a barrier, or for a join, is served together with all
        first = next((one for one in futures if not asyncio.Future.done(one)), None)
        return any(id(first) == one.future_id for one in self.stood)

    def holder(self) -> Holder | None:
        """Whoever has it, and is not in line itself; of several the one that does so longest."""
        for certainty, found in (("certain", self.certain), ("likely", self.possible)):
            outside = [one for id_, one in found.items() if id_ not in self.waiting]
            if outside:
                return holder_of(max(outside, key=lambda one: one.seen.age_s), certainty)
        return None


class WaitLook:
    """The first look; `waits` is the second one."""

    def __init__(self, register: TaskRegister) -> None:
        self._register = register
        # By task. Kept, not only their ids: another future may come to lie where one was freed.
        self._futures: dict[int, Any] = {}
        self._lines: Counter[int] = Counter()

    async def begin(self) -> None:
        current = asyncio.current_task()
        async for page in self._register.pages(TASKS_MAX):
            for seen in page:
                look = look_at(seen, current)
                if look.wait.future is not None:
                    self._futures[seen.id] = look.wait.future
                if look.wait.kind in JUDGED:
                    self._lines[_key(look.wait.kind, look.wait.thing)] += 1
            del page, seen, look

    async def waits(self, n: int) -> LongWaits:
        """Those that cannot be ended, and the lines before locks, the longest first."""
        things, needs, looks = await self._things()
        await self._find_helpers(things)
        still = {key: one for key, one in things.items() if one.is_still()}
        needs = await self._needs(needs, looks, still)
        stuck = await aside(lambda: stuck_tasks(needs), len(needs))
        told = [_told(one, needs) for one in still.values() if _is_origin(one, needs, stuck)]
        told += [
            found
            for circle in await aside(lambda: circles(needs), len(needs))
            if circle.tasks != (NOBODY,)
            and (found := _circle(circle.tasks, circle.behind, still, looks)) is not None
        ]
        ids = {one.id for one in told}
        lines = [one for one in map(_line_told, things.values()) if one is not None]
        told += [one for one in lines if one.id not in ids]
        told.sort(key=lambda one: (one.because == "held", -one.count))
        return LongWaits(tuple(told[:n]), len(told), len(self._futures))

    async def _things(self) -> tuple[dict[int, _Thing], dict[int, Need], dict[int, Look]]:
        things: dict[int, _Thing] = {}
        needs: dict[int, Need] = {}
        looks: dict[int, Look] = {}
        current = asyncio.current_task()
        async for page in self._register.pages(TASKS_MAX):
            for seen in page:
                look = look_at(seen, current)
                future_id = id(look.wait.future)
                future = self._futures.get(seen.id)
                has_stood = future is not None and future is look.wait.future
                if look.wait.kind in (*JUDGED, "queue get"):
                    _add(things, look, future_id, has_stood=has_stood)
                elif has_stood and (wanted := wanted_by(look)).tasks:
                    of = tuple(self._register.seen(one).id for one in wanted.tasks)
                    needs[seen.id] = Need(of, wanted.any_of)
                    looks[seen.id] = look
            del page, seen, look
        judged = {key: one for key, one in things.items() if one.kind in JUDGED}
        for key, one in judged.items():
            one.before = self._lines[key]
            other = things.get(_key("queue get", one.thing))
            one.takers = other.waiting if other is not None else set()
        return judged, needs, looks

    async def _find_helpers(self, things: Mapping[int, _Thing]) -> None:
        if not things:
            return
        by_id: dict[int, list[_Thing]] = {}
        for one in things.values():
            by_id.setdefault(id(_taken(one)), []).append(one)
        likes: Counter[int] = Counter()
        current = asyncio.current_task()
        async for page in self._register.pages(TASKS_MAX):
            for seen in page:
                if seen.task is current:
                    continue
                look = look_at(seen, None)
                for lock in held(look.chain):
                    for thing in by_id.get(id(lock_of(lock)), ()):
                        thing.certain[seen.id] = look
                root = id(look.chain[0].code) if look.chain else 0
                likes[root] += 1
                if likes[root] <= LIKE_MAX:
                    _add_possible(by_id, look)
            del page, seen, look

    async def _needs(
        self, needs: dict[int, Need], looks: dict[int, Look], still: Mapping[int, _Thing]
    ) -> dict[int, Need]:
        """Those of asyncio's own tasks, and of what stands still."""
        found = {NOBODY: Need((NOBODY,)), **needs}
        for thing in still.values():
            need = thing.needs(needs)
            for one in thing.stood:
                found[one.look.seen.id] = need
                looks[one.look.seen.id] = one.look
        return found


def length_of(queue: Any) -> int:
    return len(items) if type(items := _inside(queue, "_queue")) in (deque, list) else 0


def _add(things: dict[int, _Thing], look: Look, future_id: int, *, has_stood: bool) -> None:
    thing = look.wait.thing
    if thing is None or asyncio.Task.cancelling(look.seen.task):
        return
    key = _key(look.wait.kind, thing)
    if key not in things and len(things) >= THINGS_MAX:
        return
    found = things.setdefault(key, _Thing(look.wait.kind, thing))
    found.waiting.add(look.seen.id)
    if found.first is None or look.seen.age_s > found.first.seen.age_s:
        found.first = look
    if has_stood:
        found.stood.append(_Stood(look, future_id))


def _key(kind: Waiting, thing: Any) -> int:
    """A queue may be waited for in three ways."""
    return hash((kind, id(thing)))


def _taken(one: _Thing) -> Any:
    return lock_of(one.thing) if one.kind in ("lock", "semaphore") else one.thing


def _add_possible(by_id: Mapping[int, Sequence[_Thing]], look: Look) -> None:
    found = {id(near): near for near in at_hand(look.chain) if id(near) in by_id}
    for key, near in found.items():
        for thing in by_id[key]:
            names = _ENDED_BY.get(thing.kind)
            is_able = (
                may_call(look.chain, names) if names else takes_by_hand(look.chain, lock_of(near))
            )
            if is_able:
                thing.possible[look.seen.id] = look


def _line(kind: Waiting, thing: Any) -> Iterable[Any] | None:
    name = _LINES.get(kind)
    if name is None:
        return None
    found = _inside(lock_of(thing), name)
    return [one for one in found if issubclass(type(one), asyncio.Future)] if found else []


def _inside(thing: Any, name: str) -> Any:
    """An attribute by the class's own descriptors: nothing of the program's runs."""
    return next((value for key, value in attributes(thing) if key == name), None)


def _missing(barrier: Any, waiting: int) -> int:
    parties = _inside(barrier, "_parties")
    return max(1, parties - waiting) if type(parties) is int else 1


def _is_origin(one: _Thing, needs: Mapping[int, Need], stuck: set[int]) -> bool:
    """Whether nobody at all is left to end it: the others only wait behind such a one."""
    return any(
        each.look.seen.id in stuck and needs[each.look.seen.id].of == (NOBODY,)
        for each in one.stood
    )


def _told(one: _Thing, needs: Mapping[int, Need]) -> LongWait:
    first = max((each.look for each in one.stood), key=lambda look: look.seen.age_s)
    coroutines = dict.fromkeys(look.coroutine for look in one.possible.values())
    return _row(
        one,
        first,
        because="nobody",
        at=_most(at_text(each.look.chain) for each in one.stood),
        text=_text(one, first),
        behind=_behind(one, needs),
        others=tuple(coroutines)[:HELPERS_TOLD],
    )


def _line_told(one: _Thing) -> LongWait | None:
    """A line before a lock, whoever has that."""
    if one.first is None or one.kind not in ("lock", "semaphore"):
        return None
    return _row(
        one,
        one.first,
        because="held",
        at=at_text(one.first.chain),
        holder=one.holder(),
        holder_count=len(one.certain),
    )


def _row(one: _Thing, first: Look, **facts: Any) -> LongWait:
    return LongWait(
        waiting=one.kind,
        waits_for=waits_text(first),
        coroutine=first.coroutine,
        service=first.service,
        before=one.before,
        count=len(one.waiting),
        stood=len(one.stood),
        age_s=first.seen.age_s,
        id=first.seen.id,
        **facts,
    )


def _text(one: _Thing, first: Look) -> str:
    match one.kind:
        case "lock" | "semaphore":
            kind = things_text(one.thing, first.chain)
            return f"{kind} was taken and not given back: no living task has it"
        case "queue put":
            return f"nobody takes from the queue, which is full with {length_of(one.thing):,}"
        case "queue join":
            left = _inside(one.thing, "_unfinished_tasks")
            return f"the queue is empty, and `task_done` is missing {left} times"
        case "barrier":
            missing = _missing(one.thing, len(one.waiting))
            return f"{len(one.waiting)} have come to the barrier, and {missing} never will"
    raise AssertionError(f"{one.kind} is not judged")


def _behind(one: _Thing, needs: Mapping[int, Need]) -> int:
    """Tasks that wait for one of these, and for nobody else."""
    ours = {each.look.seen.id for each in one.stood}
    return sum(1 for id_, need in needs.items() if id_ not in ours and ours & set(need.of))


def _circle(
    ids: Sequence[int], behind: int, still: Mapping[int, _Thing], looks: Mapping[int, Look]
) -> LongWait | None:
    """One of which some wait is not certain: asyncio itself tells the others."""
    things = {one.look.seen.id: thing for thing in still.values() for one in thing.stood}
    unsure = [id_ for id_ in ids if id_ in things and not things[id_].certain]
    if not unsure:
        return None
    round_ = [looks[id_] for id_ in (*ids[ids.index(unsure[0]) :], *ids[: ids.index(unsure[0])])]
    first = round_[0]
    functions = [at_text(one.chain).partition(",")[0] or one.coroutine for one in round_]
    parts = [
        f"{task_name(one.seen.task)} ({function}) waits for {waits_text(one)}"
        for one, function in zip(round_, functions, strict=True)
    ]
    return LongWait(
        waiting=first.wait.kind,
        because="circle",
        waits_for=waits_text(first),
        coroutine=first.coroutine,
        service=first.service,
        at=at_text(first.chain),
        before=len(ids),
        count=len(ids),
        stood=len(ids),
        age_s=min(one.seen.age_s for one in round_),
        id=first.seen.id,
        text="; ".join(parts),
        behind=behind,
        others=tuple(dict.fromkeys(functions[1:]))[:HELPERS_TOLD],
    )


def _most(places: Iterator[str]) -> str:
    return next((place for place, _ in Counter(places).most_common(1)), "")
