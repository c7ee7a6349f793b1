"""The pane of a node's loop: how busy and late it is, what stalled it, who uses the CPU. Pure."""

from collections.abc import Sequence
from typing import Any

from aiex.cli.asked_nodes import NodeAnswer
from aiex.cli.loop import clock_time, map_rows, stall_lines
from aiex.cli.table import Column, Row, Table
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
from aiex.performance import ListStalls, Stall

SPAN_COLUMNS = (
    Column("FROM", "word"),
    Column("SECONDS", rank=1),
    Column("BUSY"),
    Column("NO CPU"),
    Column("LATE"),
    Column("ON AVERAGE"),
)
STALL_COLUMNS = (
    Column("AT", "word"),
    Column("SECONDS"),
    Column("WHAT", "word"),
    Column("FUNCTION", "name"),
    Column("FOR", "word", rank=1),
)
THREAD_COLUMNS = (Column("CPU"), Column("THREAD", "name"))


def span_picture(seen: Sequence[Seen], _: View) -> Picture:
    """The newest second first."""
    rows = [
        Row(key_of(one.node, span.began_at_s), (*whose(seen, one), *map_rows([span])[0]))
        for one in seen
        if one.now.loop
        for span in reversed(one.now.loop.history)
    ]
    return _picture(seen, SPAN_COLUMNS, rows, "spans of time")


def stall_picture(seen: Sequence[Seen], _: View) -> Picture:
    rows = [
        Row(key_of(one.node, stall.began_at_s), (*whose(seen, one), *_stall_cells(stall)))
        for one in seen
        if one.now.stalls
        for stall in one.now.stalls.stalls
    ]
    return _picture(seen, STALL_COLUMNS, rows, "stalls that are kept")


def thread_picture(seen: Sequence[Seen], _: View) -> Picture:
    found = [(one, row) for one in seen if one.now.loop for row in one.now.loop.threads]
    rows = [
        Row(key_of(one.node, row.name), (*whose(seen, one), f"{row.cpu_ratio:.1%}", row.name))
        for one, row in sorted(found, key=lambda pair: -pair[1].cpu_ratio)
    ]
    return _picture(seen, THREAD_COLUMNS, rows, "threads")


def stall_drill(seen: Seen, began_at_s: str, view: View) -> Drill:
    """The chosen stall with its stack, then all others."""

    def lines(node: str, answers: Sequence[Any]) -> list[str]:
        listed = answers[0]
        chosen = tuple(
            one for one in listed.stalls if view.by == "stall" and str(one.began_at_s) == began_at_s
        )
        others = tuple(one for one in listed.stalls if one not in chosen)
        shown = type(listed)(
            (*chosen, *others), listed.stall_count, listed.stall_s, listed.earlier, listed.notes
        )
        return stall_lines(NodeAnswer(node, shown))

    return Detail("stalls", seen.node, (ListStalls(),), lines)


def _picture(
    seen: Sequence[Seen], columns: Sequence[Column], rows: Sequence[Row], is_about: str
) -> Picture:
    return Picture(
        summed_up(seen, _loop_line), Table(with_node(seen, columns), tuple(rows)), is_about
    )


def _loop_line(one: Seen) -> str:
    state = one.now.loop
    if state is None:
        return one.now.untold.get("loop", "")
    window = state.window
    stalls = (
        f"stalls: {state.stall_count:,}, {state.stall_s:.1f} s in all"
        if state.stall_count
        else "it never stood still"
    )
    return (
        f"busy {window.busy_ratio:.1%} of the last {window.seconds:.0f} s, "
        f"{state.lag_worst_s * 1e3:.1f} ms late at worst lately; {stalls}"
    )


def _stall_cells(stall: Stall) -> tuple[str, ...]:
    culprit = stall.culprit
    return (
        clock_time(stall.began_at_s),
        f"{stall.seconds:.2f}" + ("" if stall.is_over else "+"),
        stall.kind,
        culprit.function if culprit else "(nobody could read its stack)",
        " ".join(part for part in (stall.service, stall.route) if part),
    )


LOOP = Pane(
    "loop",
    {
        "second": Way(("loop",), ("",), span_picture, stall_drill),
        "stall": Way(("loop", "stalls"), ("",), stall_picture, stall_drill),
        "thread": Way(("loop",), ("",), thread_picture, stall_drill),
    },
)
