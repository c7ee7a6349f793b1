"""What a node answers about its tasks: who waits, for what, for whom, and in which circle."""

import asyncio
from collections.abc import Coroutine as AbstractCoroutine
from contextvars import copy_context
from typing import Any

import msgspec
import pytest

from aiex.performance.tasks import (
    Census,
    Deadlocks,
    DescribeTask,
    DrawTaskTree,
    FindDeadlocks,
    ListTasks,
    TakeCensus,
    TaskDescription,
    TaskInfo,
    TaskList,
    Tasks,
    TaskTree,
)
from aiex.testing.clock import FakeClock
from aiex.testing.planted_tasks import Planted
from aiex.work import Work, current_work

from .conftest import CALLER, Asked

MANY = 3000


class Desk:
    """Two locks that are taken in either order: the classic way to stand still."""

    def __init__(self) -> None:
        self._left = asyncio.Lock()
        self._right = asyncio.Lock()
        self._limit = asyncio.Semaphore(1)
        self._inbox: asyncio.Queue[int] = asyncio.Queue()

    async def left_first(self, go_on: asyncio.Event) -> None:
        async with self._left:
            await go_on.wait()
            async with self._right:
                pass

    async def right_first(self, go_on: asyncio.Event) -> None:
        async with self._right:
            await go_on.wait()
            async with self._left:
                pass

    async def only_left(self) -> None:
        async with self._left:
            pass

    async def read(self) -> int:
        return await self._inbox.get()

    async def late(self, event: asyncio.Event) -> None:
        await event.wait()
        await self._inbox.get()

    async def gathers_inside(self) -> None:
        async with self._limit:
            await asyncio.gather(self.needs_the_limit(), asyncio.sleep(0))

    async def needs_the_limit(self) -> None:
        async with self._limit:
            pass


async def grouped(event: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as tasks:
        for number in range(2):
            tasks.create_task(event.wait(), name=f"member {number}")


async def in_circle(planted: Planted, limit_s: float | None = None) -> Desk:
    desk, go_on = Desk(), asyncio.Event()

    async def limited() -> None:
        async with asyncio.timeout(limit_s):
            await desk.left_first(go_on)

    planted.plant(limited() if limit_s else desk.left_first(go_on), "one")
    planted.plant(desk.right_first(go_on), "two")
    await planted.settle()
    go_on.set()
    await planted.settle()
    return desk


async def found(node: Asked, called: str) -> TaskInfo:
    description: TaskDescription = await node.ask(DescribeTask(called))
    assert description.found is not None, description.text
    return description.found


async def deadlocks(node: Asked) -> Deadlocks:
    answer = await node.ask(FindDeadlocks())
    assert isinstance(answer, Deadlocks)
    # It must get to whoever asked.
    assert msgspec.json.decode(msgspec.json.encode(answer), type=Deadlocks) == answer
    return answer


async def test_two_that_took_two_locks_in_either_order_are_told_whole(
    node: Asked, planted: Planted
) -> None:
    desk = await in_circle(planted)
    planted.plant(desk.only_left(), "behind")
    await planted.settle()
    (deadlock,) = (await deadlocks(node)).deadlocks
    assert {task.name for task in deadlock.tasks} == {"one", "two"}
    assert (deadlock.behind, deadlock.ends_by_timeout) == (1, False)
    assert all("Desk._" in task.waits_for and "Desk._" in task.holds for task in deadlock.tasks)
    assert all("test_tasks.py:" in task.at for task in deadlock.tasks)
    assert deadlock.text.count("which") == 2


async def test_three_in_a_circle_are_told_in_order(node: Asked, planted: Planted) -> None:
    locks = [asyncio.Lock() for _ in range(3)]
    go_on = asyncio.Event()

    async def takes(first: int) -> None:
        async with locks[first]:
            await go_on.wait()
            async with locks[(first + 1) % 3]:
                pass

    for number in range(3):
        planted.plant(takes(number), f"takes {number}")
    await planted.settle()
    go_on.set()
    await planted.settle()
    (deadlock,) = (await deadlocks(node)).deadlocks
    names = [task.name for task in deadlock.tasks]
    start = names.index("takes 0")
    assert names[start:] + names[:start] == ["takes 0", "takes 1", "takes 2"]


async def test_a_circle_through_a_gather_and_a_semaphore_is_found(
    node: Asked, planted: Planted
) -> None:
    planted.plant(Desk().gathers_inside(), "gathers")
    await planted.settle()
    (deadlock,) = (await deadlocks(node)).deadlocks
    assert len(deadlock.tasks) == 2
    assert "gathers" in {task.name for task in deadlock.tasks}


async def test_one_that_takes_its_own_lock_again_waits_for_itself(
    node: Asked, planted: Planted
) -> None:
    lock = asyncio.Lock()

    async def twice() -> None:
        async with lock, lock:
            pass

    planted.plant(twice(), "twice")
    await planted.settle()
    (deadlock,) = (await deadlocks(node)).deadlocks
    assert [task.name for task in deadlock.tasks] == ["twice"]
    assert "which it holds itself" in deadlock.text


async def test_a_circle_that_a_time_limit_ends_says_so(node: Asked, planted: Planted) -> None:
    await in_circle(planted, limit_s=600.0)
    (deadlock,) = (await deadlocks(node)).deadlocks
    assert deadlock.ends_by_timeout


async def test_a_busy_lock_is_no_deadlock(node: Asked, planted: Planted) -> None:
    desk, go_on = Desk(), asyncio.Event()
    planted.plant(desk.left_first(go_on), "holder")
    for _ in range(5):
        planted.plant(desk.only_left())
    planted.plant(grouped(asyncio.Event()))
    await planted.settle()
    answer = await deadlocks(node)
    assert (answer.deadlocks, answer.is_complete) == ((), True)
    assert answer.looked_at >= 9


async def test_who_waits_for_a_lock_is_told_who_is_inside(node: Asked, planted: Planted) -> None:
    desk, event = Desk(), asyncio.Event()
    planted.plant(desk.left_first(event), "holder")
    await planted.settle()
    planted.plant(desk.only_left(), "waiter")
    planted.plant(desk.only_left(), "another")
    await planted.settle()
    info = await found(node, "waiter")
    assert (info.task.waiting, info.also_waiting) == ("lock", 1)
    assert info.task.waits_for.endswith("Desk._left)")
    assert [(one.name, one.certainty, one.waiting) for one in info.holders] == [
        ("holder", "certain", "event")
    ]
    assert [frame.function.rpartition(":")[2] for frame in info.chain] == [
        "Desk.only_left",
        "_ContextManagerMixin.__aenter__",
        "Lock.acquire",
    ]
    assert all(frame.line > 0 and frame.file.endswith(".py") for frame in info.chain)
    holder = await found(node, "holder")
    assert [one.endswith("Desk._left)") for one in holder.holds] == [True]


async def test_a_lock_that_was_taken_by_hand_has_likely_holders_or_none(
    node: Asked, planted: Planted
) -> None:
    lock, event = asyncio.Lock(), asyncio.Event()

    async def by_hand() -> None:
        await lock.acquire()
        await event.wait()
        lock.release()

    planted.plant(by_hand(), "by hand")
    await planted.settle()
    planted.plant(lock.acquire(), "waiter")
    await planted.settle()
    info = await found(node, "waiter")
    assert [(one.name, one.certainty) for one in info.holders] == [("by hand", "likely")]
    assert "by hand" in info.holder_text

    lost = asyncio.Lock()
    await lost.acquire()
    planted.plant(lost.acquire(), "waits in vain")
    await planted.settle()
    info = await found(node, "waits in vain")
    assert info.holders == ()
    assert "not released" in info.holder_text


async def test_who_waits_for_tasks_is_told_which(node: Asked, planted: Planted) -> None:
    event = asyncio.Event()
    planted.plant(grouped(event), "group")
    awaited = planted.plant(event.wait(), "awaited")

    async def awaits() -> None:
        await awaited

    planted.plant(awaits(), "awaits")
    await planted.settle()
    group = await found(node, "group")
    assert {one.name for one in group.holders} == {"member 0", "member 1"}
    assert (await found(node, "awaits")).holders[0].name == "awaited"
    member = await found(node, "member 0")
    assert (member.parent_name, member.parent_relation) == ("group", "task group")
    assert (await found(node, "awaited")).awaited_by == ((await found(node, "awaits")).task.id,)


async def test_who_waits_at_a_queue_is_told_who_has_it_at_hand(
    node: Asked, planted: Planted
) -> None:
    desk = Desk()
    planted.plant(desk.read(), "reads")
    planted.plant(desk.late(asyncio.Event()), "late")
    await planted.settle()
    info = await found(node, "reads")
    assert [(one.name, one.certainty) for one in info.holders] == [("late", "possible")]
    assert "not known" in info.holder_text
    (queue,) = info.queues
    assert (queue.place.endswith("Desk._inbox"), queue.length, queue.getters) == (True, 0, 1)


async def test_the_owner_is_who_the_work_is_done_for(node: Asked, planted: Planted) -> None:
    context = copy_context()
    context.run(current_work.set, Work("http.api", "/v1/chat/completions", "gpt"))
    task = asyncio.get_running_loop().create_task(asyncio.sleep(60), name="owned", context=context)
    planted.plant(asyncio.sleep(60), "nobody's")
    await planted.settle()
    info = await found(node, "owned")
    assert (info.task.service, info.route, info.model) == (
        "http.api",
        "/v1/chat/completions",
        "gpt",
    )
    assert (await found(node, "nobody's")).task.service == "(asyncio.tasks)"
    census: Census = await node.ask(TakeCensus("service"))
    assert {"http.api": 1, "(asyncio.tasks)": 1}.items() <= {
        row.key: row.count for row in census.rows
    }.items()
    task.cancel()
    await asyncio.wait([task])


async def test_a_cancellation_that_is_on_its_way_shows(node: Asked, planted: Planted) -> None:
    async def stubborn() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if is_over:
                    raise

    is_over = False
    task = planted.plant(stubborn(), "stubborn")
    await planted.settle()
    task.cancel()
    await planted.settle()
    info = await found(node, "stubborn")
    assert (info.cancel_requests, info.is_cancelled_soon) == (1, False)
    is_over = True


async def test_a_storm_is_counted_and_a_census_names_what_it_waits_for(
    node: Asked, planted: Planted
) -> None:
    desk = Desk()
    await desk._left.acquire()
    for _ in range(MANY):
        planted.plant(desk.only_left())
    await planted.settle()
    census: Census = await node.ask(TakeCensus(n=1))
    (row,) = census.rows
    assert (row.key.endswith("Desk.only_left"), row.count) == (True, MANY)
    assert row.waiting == {"lock": MANY}
    assert census.row_count >= 2
    by_waiting: Census = await node.ask(TakeCensus("waiting"))
    assert by_waiting.rows[0].key == "lock"
    assert list(by_waiting.rows[0].coroutines.values()) == [MANY]


async def test_the_oldest_come_first_and_filters_leave_out_the_rest(
    node: Asked, planted: Planted
) -> None:
    planted.plant(asyncio.sleep(60), "old")
    await planted.settle()
    await node.ask(ListTasks())
    node.clock.jump(30.0)
    planted.plant(asyncio.sleep(60), "new")
    planted.plant(asyncio.Event().wait(), "event")
    await planted.settle()
    oldest: TaskList = await node.ask(ListTasks(waiting="sleep", n=1))
    assert [(one.name, one.age_s) for one in oldest.tasks] == [("old", 30.0)]
    assert (oldest.fit_count, oldest.task_count) == (2, 4)
    newest: TaskList = await node.ask(ListTasks("newest", coroutine="asyncio.locks:"))
    assert [one.name for one in newest.tasks] == ["event"]
    named: TaskList = await node.ask(ListTasks("name", service="(asyncio."))
    assert [one.name for one in named.tasks] == ["event", "new", "old"]


async def test_tasks_are_found_by_id_name_and_beginning(node: Asked, planted: Planted) -> None:
    for name in ("engine", "engine.server", "engine.state", "http"):
        planted.plant(asyncio.sleep(60), name)
    await planted.settle()
    by_name = await found(node, "engine")
    assert by_name.task.name == "engine"
    assert (await found(node, str(by_name.task.id))).task == by_name.task
    assert (await found(node, "ht")).task.name == "http"
    several: TaskDescription = await node.ask(DescribeTask("engine."))
    assert several.found is None
    assert [one.name for one in several.matches] == ["engine.server", "engine.state"]
    none: TaskDescription = await node.ask(DescribeTask("nothing"))
    assert (none.found, none.matches) == (None, ())
    assert "no task with the id or name 'nothing'" in none.text


async def test_a_tree_has_groups_gathers_and_awaited_tasks_below_who_waits(
    node: Asked, planted: Planted
) -> None:
    event = asyncio.Event()
    many = [event.wait() for _ in range(10)]

    async def gathers() -> None:
        await asyncio.gather(*many)

    async def shields() -> None:
        await asyncio.shield(shielded)

    async def waits() -> None:
        await asyncio.wait([planted.plant(shields(), "shields")])

    shielded = planted.plant(event.wait(), "shielded")
    planted.plant(grouped(event), "group")
    planted.plant(gathers(), "gathers")
    planted.plant(waits(), "waits")
    await planted.settle()
    tree: TaskTree = await node.ask(DrawTaskTree())
    above = {one.id: one for one in tree.tasks}
    relations = {
        (above[one.parent].name, one.relation, one.name if one.count == 1 else one.count)
        for one in tree.tasks
        if one.parent
    }
    assert relations >= {
        ("group", "task group", "member 0"),
        ("group", "task group", "member 1"),
        ("gathers", "gather", 10),
        ("waits", "tasks", "shields"),
        ("shields", "awaited", "shielded"),
    }
    assert sum(one.count for one in tree.tasks) == tree.task_count
    small: TaskTree = await node.ask(DrawTaskTree(n=2))
    assert len(small.tasks) == 2
    assert small.left_out == small.task_count - sum(one.count for one in small.tasks)


async def test_a_tree_of_one_service_begins_at_its_tasks_wherever_these_are(
    node: Asked, planted: Planted
) -> None:
    async def serves() -> None:
        current_work.set(Work("desk"))
        await grouped(asyncio.Event())

    async def supervises() -> None:
        await asyncio.wait([planted.plant(serves(), "serves")])

    planted.plant(supervises(), "supervises")
    await planted.settle()
    tree: TaskTree = await node.ask(DrawTaskTree(service="desk"))
    first, *members = [(one.name, one.relation) for one in tree.tasks]
    assert first == ("serves", "")
    assert sorted(members) == [("member 0", "task group"), ("member 1", "task group")]
    assert tree.left_out == 0


async def test_a_task_that_ends_while_it_is_described_is_told_as_gone(
    node: Asked, planted: Planted
) -> None:
    task = planted.plant(asyncio.sleep(60), "short-lived")
    await planted.settle()
    asking = asyncio.create_task(node.ask(DescribeTask("short-lived")))
    await asyncio.sleep(0)  # it has seen the first page
    task.cancel()
    await planted.settle()
    answer: TaskDescription = await asking
    assert answer.found is None
    assert "ended" in answer.text


class BadText(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__

    def startswith(self, *_: Any) -> bool:
        raise RuntimeError("no beginning")


class BadTask(asyncio.Task[Any]):
    def get_name(self) -> str:
        raise RuntimeError("no name")

    def get_coro(self) -> Any:
        raise RuntimeError("no coroutine")

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    done = get_loop = get_context = __repr__  # type: ignore[assignment]


class BadCoroutine:
    """A coroutine of no known make, every look at which raises."""

    def __init__(self, event: asyncio.Event) -> None:
        self._coroutine = event.wait()

    def send(self, value: Any) -> Any:
        return object.__getattribute__(self, "_coroutine").send(value)

    def throw(self, *error: Any) -> Any:
        return object.__getattribute__(self, "_coroutine").throw(*error)

    def close(self) -> None:
        object.__getattribute__(self, "_coroutine").close()

    def __await__(self) -> Any:
        raise RuntimeError("no await")

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    __hash__ = None  # type: ignore[assignment]


class BadLocal:
    """Had at hand by a task; whatever asks it anything gets an exception."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(f"no {name}")

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
async def test_hostile_names_tasks_and_coroutines_are_only_data(
    node: Asked, planted: Planted
) -> None:
    loop = asyncio.get_running_loop()
    event = asyncio.Event()

    async def has_bad_local(bad: BadLocal) -> None:
        await event.wait()
        del bad

    tasks = [
        asyncio.Task(event.wait(), loop=loop, name="half \ud800 a pair"),
        asyncio.Task(event.wait(), loop=loop, name="x" * 100_000),
        asyncio.Task(event.wait(), loop=loop, name="\x1b[31m\x00"),
        asyncio.Task(has_bad_local(BadLocal()), loop=loop, name="bad local"),
    ]
    AbstractCoroutine.register(BadCoroutine)
    tasks.append(asyncio.Task(BadCoroutine(event), loop=loop, name="bad coroutine"))
    tasks.append(BadTask(event.wait(), loop=loop, name="bad task"))
    await planted.settle()
    for request in (
        TakeCensus("coroutine", 1000),
        ListTasks("name", 1000),
        DrawTaskTree(1000),
        FindDeadlocks(),
        DescribeTask("bad coroutine"),
        DescribeTask("bad task"),
        DescribeTask("bad local"),
        DescribeTask("half"),
    ):
        answer = await node.ask(request)
        assert msgspec.json.encode(answer)
        if isinstance(answer, TaskDescription):
            assert answer.found is not None
    names = [one.name for one in (await node.ask(ListTasks("name", 1000))).tasks]
    assert "half \\ud800 a pair" in names
    assert max(map(len, names)) == 200
    kinds = [row.key for row in (await node.ask(TakeCensus(n=1000))).rows]
    assert any(kind.endswith(":BadCoroutine") for kind in kinds)
    event.set()
    await planted.settle()
    assert all(asyncio.Task.done(task) for task in tasks)


async def test_who_keeps_count_of_requests_is_asked_whose_work_a_task_does(
    planted: Planted,
) -> None:
    task = planted.plant(asyncio.sleep(60), "request")
    other = planted.plant(asyncio.sleep(60), "other")
    work = Work("http.api", "/v1/models", "gpt")
    tasks = Tasks(
        clock=FakeClock(),
        emit=lambda _: None,
        work_of=lambda one: work if one is task else None,
    )
    await planted.settle()
    answer = await tasks.description(DescribeTask("request"), CALLER)
    assert answer.found is not None
    assert (answer.found.task.service, answer.found.route, answer.found.model) == (
        "http.api",
        "/v1/models",
        "gpt",
    )
    found = await tasks.description(DescribeTask("other"), CALLER)
    assert found.found is not None
    assert found.found.task.service == "(asyncio.tasks)"
    other.cancel()
