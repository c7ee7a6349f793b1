"""What may be asked about the tasks of a node's loop.

Answers name functions, files, lines and types; the values of locals are never among them. A task
that ended while it was looked at is left out and counted in `gone`, and no error.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from aiex.cluster import Request, RequestKind

ROWS_MAX = 1000
HISTORY_LEN_MAX = 60
CHAIN_LEN_MAX = 64

# What a task waits for, by kind. `ready`: for nothing, its turn comes; `tasks`: `asyncio.wait`;
# `thread`: work given to an executor; `future`: one that something other than asyncio resolves.
type Waiting = Literal[
    "running",
    "ready",
    "sleep",
    "lock",
    "semaphore",
    "condition",
    "event",
    "barrier",
    "queue get",
    "queue put",
    "queue join",
    "stream",
    "thread",
    "task",
    "tasks",
    "gather",
    "task group",
    "future",
    "other",
]
type Count = Annotated[int, Meta(ge=0)]
type Rows = Annotated[int, Meta(ge=1, le=ROWS_MAX)]
type Pattern = Annotated[str, Meta(max_length=256)]


class TakeCensus(Request["Census"], frozen=True):
    """`by` says what the rows are of; the `n` with the most tasks are given, and `n` queues."""

    by: Literal["coroutine", "service", "waiting"] = "coroutine"
    n: Rows = 20


class CensusRow(msgspec.Struct, frozen=True):
    """Tasks that have `key` in common; of several nodes, counts add up.

    `counts` is one for each of `Census.seen_at_s`, oldest first, the newest included.
    """

    key: str  # `pkg.mod:Class.method`, a service as the supervisor calls it, or what is waited for
    count: Count
    oldest_age_s: float
    waiting: dict[str, Count]  # by `Waiting`
    coroutines: dict[str, Count]  # the most frequent ones; empty where `key` is a coroutine
    services: dict[str, Count]  # `(pkg.mod)` where no service said that it is its work
    counts: tuple[Count, ...] = ()
    growth_per_s: float = 0.0  # over the last minute; 0 while there are fewer than three counts


class QueueRow(msgspec.Struct, frozen=True):
    """The `asyncio.Queue`s that live at one place, such as `pkg.mod:Class._queue`."""

    place: str
    queue_count: Count
    length: Count  # of all together
    longest: Count
    room: Count  # of the one with the least room; 0 where all are without a bound
    is_bounded: bool
    getters: Count  # tasks that wait for something to come
    putters: Count  # tasks that wait for room
    lengths: tuple[Count, ...] = ()  # as `CensusRow.counts`
    growth_per_s: float = 0.0


class Census(msgspec.Struct, frozen=True):
    """Now, with the censuses that were taken before; `looked_at` are the tasks that were seen."""

    at_s: float  # wall clock
    task_count: Count
    looked_at: Count
    gone: Count
    rows: tuple[CensusRow, ...]
    row_count: Count  # of which `rows` are the first
    queues: tuple[QueueRow, ...]
    queue_count: Count  # places, of which `queues` are the first
    seen_at_s: tuple[float, ...] = ()  # wall clock, oldest first, this one last
    task_counts: tuple[Count, ...] = ()
    growth_per_s: float = 0.0  # of all tasks
    deadlock_count: Count = 0  # found by the last look for any; `FindDeadlocks` tells them


class ListTasks(Request["TaskList"], frozen=True):
    """The `n` first of those that fit. `coroutine` and `service` are beginnings, empty for any.

    `cpu` and `steps` are counted while somebody counts (`Rank` with a window), and 0 before.
    """

    sort: Literal["age", "newest", "cpu", "steps", "name", "coroutine"] = "age"
    n: Rows = 50
    coroutine: Pattern = ""
    service: Pattern = ""
    waiting: Waiting | None = None


class TaskRow(msgspec.Struct, frozen=True):
    """`id` is the node's own number for the task, never given again in this life of the node."""

    id: int
    name: str
    coroutine: str
    service: str
    age_s: float  # since it was first seen
    waiting: Waiting
    waits_for: str  # in words
    at: str = ""  # the innermost function and line that is not asyncio's: `pkg.mod:f, file.py:12`
    cpu_s: float = 0.0
    steps: Count = 0


class TaskList(msgspec.Struct, frozen=True):
    tasks: tuple[TaskRow, ...]
    fit_count: Count  # of which `tasks` are the first
    task_count: Count
    gone: Count = 0


class DrawTaskTree(Request["TaskTree"], frozen=True):
    """Tasks under those that wait for them or own them, at most `n`; like leaves are one."""

    n: Rows = 200
    service: Pattern = ""  # only of services that begin so


class TreeTask(msgspec.Struct, frozen=True):
    """`parent` is the id of the task above, 0 at the top. `count` > 1: so many like this one."""

    id: int
    parent: int
    relation: Literal["", "awaited", "task group", "gather", "tasks", "created"]
    name: str
    coroutine: str
    service: str
    age_s: float
    waiting: Waiting
    waits_for: str
    count: Count = 1


class TaskTree(msgspec.Struct, frozen=True):
    """Each task comes after its parent."""

    tasks: tuple[TreeTask, ...]
    task_count: Count
    left_out: Count = 0
    gone: Count = 0


class DescribeTask(Request["TaskDescription"], frozen=True):
    """`task` is an id, or a name or the beginning of one."""

    task: Annotated[str, Meta(min_length=1, max_length=256)]


class ChainFrame(msgspec.Struct, frozen=True):
    """One coroutine of a task that awaits the next; `line` is where it stands."""

    function: str
    file: str
    line: int
    kind: Literal["coroutine", "generator", "async generator", "other"] = "coroutine"


class Holder(msgspec.Struct, frozen=True):
    """A task that another one waits for.

    `certainty`: `certain` where the interpreter shows it (it is inside `async with`, or it is the
    awaited task itself); `likely` where the code takes and releases it by hand; `possible` where
    the task merely has it at hand and may be the one that sets, puts or gets.
    """

    id: int
    name: str
    coroutine: str
    certainty: Literal["certain", "likely", "possible"]
    waiting: Waiting
    waits_for: str
    at: str = ""
    age_s: float = 0.0


class TaskDescription(msgspec.Struct, frozen=True):
    """`found` is none where no task, or more than one, is called so: `matches` are those."""

    found: "TaskInfo | None" = None
    matches: tuple[TaskRow, ...] = ()
    match_count: Count = 0
    text: str = ""  # why there is none


class TaskInfo(msgspec.Struct, frozen=True):
    """`chain` is outermost first. `parent_id` 0: not known, or it is gone."""

    task: TaskRow
    file: str
    line: int  # where its coroutine is defined
    chain: tuple[ChainFrame, ...]
    is_chain_whole: bool
    holders: tuple[Holder, ...]
    holder_text: str  # what is known of who holds it, and what is not
    also_waiting: Count  # other tasks that wait for the very same thing
    holds: tuple[str, ...]  # locks, semaphores and conditions it is inside of, in words
    queues: tuple[QueueRow, ...]  # it waits for, or has at hand
    cancel_requests: Count
    is_cancelled_soon: bool  # the cancellation was asked for and not delivered yet
    ends_by_timeout: bool  # what it waits for is inside an `asyncio.timeout` or `wait_for`
    parent_id: int = 0
    parent_name: str = ""
    parent_relation: str = ""  # as in `TreeTask.relation`
    awaited_by: tuple[int, ...] = ()
    route: str = ""
    model: str = ""
    is_counted: bool = False  # `cpu_s` and `steps` are of the time since counting began
    deadlock: "Deadlock | None" = None  # in which it takes part


class FindDeadlocks(Request["Deadlocks"], frozen=True):
    pass


class DeadlockedTask(msgspec.Struct, frozen=True):
    """Waits for `waits_for`, which the next one of the circle holds, and the first for the last."""

    id: int
    name: str
    coroutine: str
    service: str
    age_s: float
    waits_for: str
    at: str
    holds: str  # what the one before it waits for


class Deadlock(msgspec.Struct, frozen=True):
    """A circle of tasks each of which waits for the next. `behind`: tasks that wait for them."""

    tasks: tuple[DeadlockedTask, ...]
    behind: Count = 0
    ends_by_timeout: bool = False  # some wait of the circle has a time limit
    text: str = ""  # the whole circle in a sentence


class Deadlocks(msgspec.Struct, frozen=True):
    """Circles among locks, semaphores, conditions, tasks, gathers and task groups.

    Not seen: one that goes through a queue, an event, a future, or a lock that was taken by
    `acquire()` outside of `async with`, since nothing says who will put, set or release.
    """

    deadlocks: tuple[Deadlock, ...]
    looked_at: Count
    is_complete: bool = True  # no: there were more tasks than are looked at in one go
    gone: Count = 0


class WatchWaits(Request["LongWaits"], frozen=True):
    """Looks at all tasks twice, `seconds` apart: who stands in line, and who for ever."""

    seconds: Annotated[float, Meta(gt=0, le=60)] = 5.0
    n: Rows = 20


class LongWait(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks that wait for one thing. The names are of the one that has been there the longest.

    `because`: `held` is a line before a lock or semaphore that moves, or whose holder is known. Of
    the others nobody got anything between the two looks: `nobody` is left that could end it, as far
    as is seen; `circle`: whoever could waits for these in turn.
    """

    waiting: Waiting
    because: Literal["held", "nobody", "circle"]
    waits_for: str  # in words
    coroutine: str
    service: str
    at: str  # where most of them wait: `pkg.mod:f, file.py:12`
    before: Count  # tasks that waited for it at the first look
    count: Count  # and at the second
    stood: Count  # of these, all the time between
    age_s: float
    id: int
    text: str = ""  # what nobody does, or the whole circle
    behind: Count = 0  # tasks that wait for these
    others: tuple[str, ...] = ()  # functions of the circle; else coroutines that have it at hand
    holder: Holder | None = None
    holder_count: Count = 0


class LongWaits(msgspec.Struct, frozen=True):
    """Not seen: who waits for an event, a condition, a future or something from a queue for ever,
    since idle tasks do that by design.
    """

    waits: tuple[LongWait, ...]
    wait_count: Count  # of which `waits` are the first
    looked_at: Count


TASK_REQUESTS = (
    RequestKind(
        "census",
        TakeCensus,
        Census,
        "The node's tasks by coroutine, service or what they wait for; its queues; their growth.",
    ),
    RequestKind("tasks", ListTasks, TaskList, "The node's tasks, one by one: the first few."),
    RequestKind("task_tree", DrawTaskTree, TaskTree, "Which task waits for which, or owns it."),
    RequestKind(
        "describe_task",
        DescribeTask,
        TaskDescription,
        "One task: its await chain, what it waits for, who holds that, its owner and age.",
    ),
    RequestKind(
        "deadlocks", FindDeadlocks, Deadlocks, "Circles of tasks that wait for one another."
    ),
    RequestKind(
        "long_waits",
        WatchWaits,
        LongWaits,
        "Lines before locks, and tasks that wait for what nobody is left to do: two looks at all.",
    ),
)
