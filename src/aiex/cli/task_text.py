"""What is said of tasks, in text for people. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from aiex.cli.asked_nodes import NodeAnswer
from aiex.cli.output import fitted_lines
from aiex.cli.table import Column
from aiex.cli.terminal_text import harmless
from aiex.performance import (
    Census,
    CensusRow,
    Deadlock,
    Deadlocks,
    Holder,
    QueueRow,
    TaskDescription,
    TaskInfo,
    TaskList,
    TaskRow,
    TaskTree,
    TreeTask,
)

SHARES_MAX = 3
INDENT = "   "


def census_lines(one: NodeAnswer[Census]) -> list[str]:
    census = one.answer
    growth = _growth(census.growth_per_s, census.task_counts)
    lines = [f"{one.node}: {_tasks(census.task_count)}{growth}"]
    if census.deadlock_count:
        lines.append(
            f"{_number(census.deadlock_count, 'deadlock')}: `aiex tasks --deadlocks` shows who "
            "waits for whom."
        )
    lines += fitted_lines(_CENSUS_COLUMNS, [_census_cells(row) for row in census.rows])
    lines += _left_out(len(census.rows), census.row_count, "kinds")
    if census.queues:
        lines += ["", *fitted_lines(_QUEUE_COLUMNS, [_queue_cells(row) for row in census.queues])]
        lines += _left_out(len(census.queues), census.queue_count, "places of queues")
    return lines


def list_lines(one: NodeAnswer[TaskList]) -> list[str]:
    answer = one.answer
    if not answer.tasks:
        return [f"{one.node}: none of {_tasks(answer.task_count)} is like that."]
    return [
        f"{one.node}: {answer.fit_count:,} of {_tasks(answer.task_count)}",
        *fitted_lines(_TASK_COLUMNS, [_task_cells(task) for task in answer.tasks]),
        *_left_out(len(answer.tasks), answer.fit_count, "tasks"),
    ]


def tree_lines(one: NodeAnswer[TaskTree]) -> list[str]:
    """As `tree` draws it; tasks that nobody waits for are under their service."""
    answer = one.answer
    below: defaultdict[int, list[TreeTask]] = defaultdict(list)
    for task in answer.tasks:
        below[task.parent].append(task)
    lines = [f"{one.node}: {_tasks(answer.task_count)}"]
    service = None
    for task in below[0]:
        if task.service != service:
            service = task.service
            lines.append(harmless(service))
        lines.extend(_branch(task, below))
    if answer.left_out:
        lines.append(f"{answer.left_out:,} more; `-n` draws more.")
    return lines


def deadlock_lines(one: NodeAnswer[Deadlocks]) -> list[str]:
    answer = one.answer
    looked = _tasks(answer.looked_at) + ("" if answer.is_complete else ", and there are more")
    if not answer.deadlocks:
        return [f"{one.node}: no deadlock among {looked}."]
    lines = [f"{one.node}: {_number(len(answer.deadlocks), 'deadlock')} among {looked}"]
    for deadlock in answer.deadlocks:
        lines += ["", *_circle(deadlock)]
    return lines


def description_lines(one: NodeAnswer[TaskDescription]) -> list[str]:
    answer = one.answer
    if answer.found is not None:
        return list(_info(one.node, answer.found))
    lines = [harmless(f"{one.node}: {answer.text}")]
    if answer.matches:
        lines += fitted_lines(_TASK_COLUMNS, [_task_cells(task) for task in answer.matches])
        lines += _left_out(len(answer.matches), answer.match_count, "tasks")
    return lines


def age_text(age_s: float) -> str:
    """`3 s`, `12 min`, `5 h`, `3 d`."""
    for size_s, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if age_s >= size_s:
            return f"{age_s / size_s:.0f} {unit}"
    return f"{age_s:.1f} s" if age_s < 10 else f"{age_s:.0f} s"


_CENSUS_COLUMNS = (
    Column("TASKS"),
    Column("GROWTH"),
    Column("OLDEST"),
    Column("OF", "name"),
    Column("WAITING FOR", "word", rank=1),
)
_QUEUE_COLUMNS = (
    Column("QUEUED"),
    Column("GROWTH"),
    Column("LONGEST", rank=3),
    Column("QUEUES", rank=2),
    Column("BOUND", "word", rank=1),
    Column("WAITING", "word", rank=4),
    Column("QUEUE", "name"),
)
_TASK_COLUMNS = (
    Column("ID"),
    Column("NAME", "name"),
    Column("AGE"),
    Column("SERVICE", "word", rank=3),
    Column("COROUTINE", "name", rank=2),
    Column("WAITS FOR", "word", rank=1),
    Column("AT", "name", rank=4),
)


def _census_cells(row: CensusRow) -> tuple[str, ...]:
    return (
        f"{row.count:,}",
        _growth(row.growth_per_s, row.counts).removeprefix(", "),
        age_text(row.oldest_age_s),
        row.key,
        _shares(row.waiting),
    )


def _queue_cells(row: QueueRow) -> tuple[str, ...]:
    waiting = [
        f"{count:,} to {what}"
        for count, what in ((row.getters, "get"), (row.putters, "put"))
        if count
    ]
    return (
        f"{row.length:,}",
        _growth(row.growth_per_s, row.lengths).removeprefix(", "),
        f"{row.longest:,}",
        f"{row.queue_count:,}",
        f"room for {row.room:,}" if row.is_bounded else "none",
        ", ".join(waiting),
        row.place,
    )


def _task_cells(task: TaskRow) -> tuple[str, ...]:
    return (
        str(task.id),
        task.name,
        age_text(task.age_s),
        task.service,
        task.coroutine,
        task.waits_for,
        task.at.rpartition(", ")[2],
    )


def _shares(counts: Mapping[str, int]) -> str:
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    if len(most) == 1:
        return most[0][0]
    told = [f"{name} {count:,}" for name, count in most[:SHARES_MAX]]
    return ", ".join(told) + (", …" if len(most) > SHARES_MAX else "")


def _growth(per_s: float, counts: Sequence[int]) -> str:
    """Only what would be seen within a minute."""
    if len(counts) < 3 or abs(per_s) * 60 < 1:
        return ""
    return f", {per_s * 60:+,.0f}/min"


def _branch(
    task: TreeTask, below: Mapping[int, Sequence[TreeTask]], depth: int = 1
) -> Iterator[str]:
    """Without recursion deeper than a chain of tasks is drawn: see `drawn`."""
    left = [(task, depth)]
    while left:
        one, level = left.pop()
        many = f" x{one.count:,}" if one.count > 1 else ""
        name = f"{one.id} {one.name}" if one.count == 1 else one.coroutine
        of = f" {one.coroutine}" if one.count == 1 else ""
        how = f" [{one.relation}]" if one.relation else ""
        waits = f", waits for {one.waits_for}" if one.waits_for else ""
        yield harmless(f"{INDENT * level}{name}{many}{how}{of} ({age_text(one.age_s)}){waits}")
        left.extend((child, level + 1) for child in reversed(below.get(one.id, ())))


def _circle(deadlock: Deadlock) -> Iterator[str]:
    names = [f"{task.id} {task.name}" for task in deadlock.tasks]
    for task, name, following in zip(deadlock.tasks, names, [*names[1:], names[0]], strict=True):
        yield harmless(f"{INDENT}{name}  {task.coroutine} ({task.service}, {age_text(task.age_s)})")
        yield harmless(f"{INDENT * 2}waits for {task.waits_for}, held by {following}")
        if task.at:
            yield harmless(f"{INDENT * 2}at {task.at}")
    if deadlock.behind:
        yield f"{INDENT}{_number(deadlock.behind, 'more task')} wait for these."
    if deadlock.ends_by_timeout:
        yield f"{INDENT}A time limit around one of them will end it."


def _info(node: str, info: TaskInfo) -> Iterator[str]:
    task = info.task
    yield harmless(f"{node}: task {task.id} {task.name}, {age_text(task.age_s)} old")
    yield harmless(f"coroutine   {task.coroutine}, {info.file}:{info.line}")
    request = [("route", info.route), ("model", info.model)]
    whose = [task.service, *(f"{what} {name}" for what, name in request if name)]
    yield harmless(f"service     {', '.join(whose)}")
    if info.parent_id:
        yield harmless(f"below       {info.parent_id} {info.parent_name} [{info.parent_relation}]")
    if info.is_counted:
        yield f"used        {task.cpu_s * 1e3:,.2f} ms of CPU in {task.steps:,} steps"
    if info.cancel_requests or info.is_cancelled_soon:
        soon = ", not yet told" if info.is_cancelled_soon else ""
        yield f"cancelled   {_number(info.cancel_requests, 'time')}{soon}"
    yield from _wait(info)
    yield from _chain(info)
    if info.deadlock is not None:
        yield "deadlock: each of these waits for the next, the last one for the first"
        yield from _circle(info.deadlock)


def _wait(info: TaskInfo) -> Iterator[str]:
    for thing in info.holds:
        yield harmless(f"holds       {thing}")
    limit = ", with a time limit" if info.ends_by_timeout else ""
    yield harmless(f"waits for   {info.task.waits_for}{limit}")
    if info.also_waiting:
        yield f"            and with it {_number(info.also_waiting, 'other task')}"
    yield harmless(f"            {info.holder_text}")
    for holder in info.holders:
        yield harmless(f"            {_holder(holder)}")
    for queue in info.queues:
        bound = f"room for {queue.room:,}" if queue.is_bounded else "no bound"
        place = queue.place or "of no known place"
        yield harmless(f"queue       {place}: {queue.length:,} in it, {bound}")


def _chain(info: TaskInfo) -> Iterator[str]:
    yield "await chain, outermost first"
    for frame in info.chain:
        kind = "" if frame.kind == "coroutine" else f" ({frame.kind})"
        where = f", {frame.file}:{frame.line}" if frame.file else ""
        yield harmless(f"{INDENT}{frame.function}{kind}{where}")
    if not info.is_chain_whole:
        yield f"{INDENT}… and deeper"


def _holder(holder: Holder) -> str:
    at = f" at {holder.at.rpartition(', ')[2]}" if holder.at else ""
    return f"{holder.id} {holder.name} ({holder.coroutine}){at}, which waits for {holder.waits_for}"


def _left_out(shown: int, count: int, what: str) -> list[str]:
    return [f"{count - shown:,} more {what}; `-n` shows more."] if count > shown else []


def _tasks(count: int) -> str:
    return _number(count, "task")


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
