"""The panes of what a node does: its tasks, and the functions that use its CPU. Pure."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from aiex.cli.asked_nodes import NodeAnswer
from aiex.cli.table import Column, Row, Table
from aiex.cli.task_text import age_text, description_lines
from aiex.cli.top.pane import (
    Detail,
    Drill,
    Pane,
    Picture,
    Seen,
    View,
    Way,
    key_of,
    summed_up,
    whose,
    with_node,
)
from aiex.performance import CensusRow, DescribeTask, Hot, TaskRow
from aiex.performance.snapshot import (
    CENSUS_ORDER,
    HOT_ORDER,
    TASK_ORDER,
    CallersFound,
    FindCallers,
    Neighbour,
    in_order,
)

SHARES_MAX = 2


def task_picture(seen: Sequence[Seen], view: View) -> Picture:
    rows = [(one, task) for one in seen if one.now.tasks for task in one.now.tasks.tasks]
    ordered = in_order(rows, view.sort, _of_each(TASK_ORDER), lambda row: row[1].name)
    is_counted = any(one.now.counted_s for one in seen)
    columns = (
        Column("ID"),
        *((Column("CPU"), Column("STEPS/S", rank=2)) if is_counted else ()),
        Column("AGE"),
        Column("WAITS FOR", "word", rank=1),
        Column("COROUTINE", "name"),
        Column("SERVICE", "word", rank=3),
    )
    return Picture(
        summed_up(seen, _tasks_line),
        Table(
            with_node(seen, columns),
            tuple(
                Row(
                    key_of(one.node, task.id),
                    (*whose(seen, one), *_task_cells(one, task, is_counted)),
                )
                for one, task in ordered
            ),
        ),
        "tasks",
    )


def census_picture(seen: Sequence[Seen], view: View) -> Picture:
    rows = [(one, row) for one in seen if one.now.census for row in one.now.census.rows]
    ordered = in_order(rows, view.sort, _of_each(CENSUS_ORDER), lambda row: row[1].key)
    columns = (
        Column("TASKS"),
        Column("GROWTH/S", rank=2),
        Column("OLDEST"),
        Column(view.by.upper(), "name"),
        Column("WAITING FOR", "word", rank=1),
    )
    return Picture(
        summed_up(seen, _census_line),
        Table(
            with_node(seen, columns),
            tuple(
                Row(key_of(one.node, row.key), (*whose(seen, one), *_census_cells(row)))
                for one, row in ordered
            ),
        ),
        "kinds of tasks",
    )


def task_drill(seen: Seen, id_: str, _: View) -> Drill:
    return Detail(f"task {id_}", seen.node, (DescribeTask(id_),), _described)


def census_drill(_: Seen, name: str, view: View) -> Drill:
    """The tasks of that kind; what no service owns is named by its module, in brackets."""
    return view._replace(by="task", sort="cpu", fits=name.strip("()"))


def hot_picture(seen: Sequence[Seen], view: View) -> Picture:
    rows = [(one, row) for one in seen if one.now.functions for row in one.now.functions.hot]
    ordered = in_order(rows, view.sort, _of_each(HOT_ORDER), lambda row: row[1].key)
    is_function = view.by == "function"
    columns = (
        Column("SHARE"),
        Column("SELF"),
        *((Column("TOTAL"),) if is_function else ()),
        Column(view.by.upper(), "name"),
        *((Column("WHERE", "name", rank=1),) if is_function else ()),
    )
    return Picture(
        summed_up(seen, _hot_line),
        Table(
            with_node(seen, columns),
            tuple(
                Row(key_of(one.node, row.key), (*whose(seen, one), *_hot_cells(row, is_function)))
                for one, row in ordered
            ),
        ),
        "users of CPU",
    )


def function_drill(seen: Seen, function: str, view: View) -> Drill:
    request = FindCallers(function[:512], view.seconds)
    return Detail(function, seen.node, (request,), _called)


def hot_drill(_: Seen, name: str, view: View) -> Drill:
    if view.by == "coroutine":
        return View("tasks", "task", "cpu", fits=name, n=view.n)
    return f"`aiex profile cpu --last 1m --{view.by} {name}` shows what it uses the CPU for."


def _of_each(order: Any) -> Any:
    """An order of rows that come with their node."""
    return {sort: lambda row, most=most: most(row[1]) for sort, most in order.items()}


def _tasks_line(one: Seen) -> str:
    found = one.now.tasks
    if found is None:
        return one.now.untold.get("tasks", "")
    counted_s = one.now.counted_s
    counted = f"; CPU and steps of {counted_s:.1f} s" if counted_s else ""
    return f"{found.task_count:,} tasks, {found.fit_count:,} that fit{counted}"


def _task_cells(one: Seen, task: TaskRow, is_counted: bool) -> tuple[str, ...]:
    counted_s = one.now.counted_s
    counted = (
        (
            f"{task.cpu_s / counted_s:.1%}" if counted_s else "",
            f"{task.steps / counted_s:,.0f}" if counted_s else "",
        )
        if is_counted
        else ()
    )
    return (
        f"{task.id}",
        *counted,
        age_text(task.age_s),
        task.waiting,
        task.coroutine,
        task.service,
    )


def _census_line(one: Seen) -> str:
    found = one.now.census
    if found is None:
        return one.now.untold.get("census", "")
    growth = f"{found.growth_per_s:+.2f} a second" if found.growth_per_s else "steady"
    deadlocks = f"; {found.deadlock_count} deadlocks" if found.deadlock_count else ""
    return f"{found.task_count:,} tasks of {found.row_count:,} kinds, {growth}{deadlocks}"


def _census_cells(row: CensusRow) -> tuple[str, ...]:
    waiting = sorted(row.waiting.items(), key=lambda item: -item[1])[:SHARES_MAX]
    return (
        f"{row.count:,}",
        f"{row.growth_per_s:+.2f}" if row.growth_per_s else "0",
        age_text(row.oldest_age_s),
        row.key,
        ", ".join(f"{what} {count:,}" for what, count in waiting),
    )


def _hot_line(one: Seen) -> str:
    found = one.now.functions
    if found is None:
        return one.now.untold.get("functions", "")
    busy = found.cpu_s / found.seconds if found.seconds else 0.0
    return f"{found.cpu_s:.2f} s of CPU on the main thread in {found.seconds:.0f} s ({busy:.0%})"


def _hot_cells(row: Hot, is_function: bool) -> tuple[str, ...]:
    where = f"{PurePath(row.file).name}:{row.line}" if row.file else ""
    total = (f"{row.total_s:.2f} s",) if is_function else ()
    return (
        f"{row.share:.1%}",
        f"{row.self_s:.2f} s",
        *total,
        row.key,
        *((where,) if is_function else ()),
    )


def _described(node: str, answers: Sequence[Any]) -> list[str]:
    return description_lines(NodeAnswer(node, answers[0]))


def _called(node: str, answers: Sequence[Any]) -> list[str]:
    found: CallersFound = answers[0]
    if not found.total_s:
        return [f"{node}: {found.function} was not seen in the last {found.seconds:.0f} s."]
    lines = [
        f"{node}: {found.self_s:.2f} s in its own lines, {found.total_s:.2f} s with what it calls, "
        f"of {found.seconds:.0f} s",
        "",
        "Called by",
        *_neighbours(found.callers),
        "",
        "Calls",
        *(_neighbours(found.callees) or ["   nothing that was seen"]),
    ]
    for path in found.paths:
        lines += ["", f"{path.cpu_s:.2f} s by way of"]
        lines += [f"   {function}" for function in path.functions]
    return [*lines, "", *found.notes]


def _neighbours(found: Sequence[Neighbour]) -> list[str]:
    return [f"   {one.share:6.1%}  {one.cpu_s:.2f} s  {one.function}" for one in found]


_CENSUS = Way(("census",), ("count", "growth", "age", "name"), census_picture, census_drill)
TASKS = Pane(
    "tasks",
    {
        "task": Way(
            ("tasks",), ("cpu", "steps", "age", "newest", "name"), task_picture, task_drill
        ),
        "coroutine": _CENSUS,
        "service": _CENSUS,
        "waiting": _CENSUS,
    },
)
_HOT = Way(("functions",), ("self", "name"), hot_picture, hot_drill)
FUNCTIONS = Pane(
    "functions",
    {
        "function": Way(("functions",), ("self", "total", "name"), hot_picture, function_drill),
        "service": _HOT,
        "coroutine": _HOT,
        "route": _HOT,
    },
)
