"""The panes of a node's memory and of its garbage collector. Pure."""

from collections.abc import Sequence
from typing import Any

from aiex.cli.asked_nodes import NodeAnswer
from aiex.cli.gc import state_lines, tuning_lines
from aiex.cli.memory_text import holder_lines, size_text
from aiex.cli.memory_text import state_lines as memory_lines
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
from aiex.performance import DescribeGc, DescribeMemory, FindHolders, TuneGc, TypeRow
from aiex.performance.collector import GENERATION_NAMES, Generation
from aiex.performance.snapshot import TYPE_ORDER, in_order

HOLDERS_ASKED = 200


def type_picture(seen: Sequence[Seen], view: View) -> Picture:
    found = [(one, row) for one in seen if one.now.types for row in one.now.types.rows]
    order: Any = {sort: lambda row, most=most: most(row[1]) for sort, most in TYPE_ORDER.items()}
    columns = (
        Column("SIZE"),
        Column("GREW"),
        Column("COUNT"),
        Column("MORE"),
        Column("TYPE", "name"),
    )
    rows = tuple(
        Row(key_of(one.node, row.type), (*whose(seen, one), *_type_cells(one, row)))
        for one, row in in_order(found, view.sort, order, lambda row: row[1].type)
    )
    return Picture(
        summed_up(seen, _memory_line), Table(with_node(seen, columns), rows), "types of objects"
    )


def type_drill(seen: Seen, type_: str, _: View) -> Drill:
    def lines(node: str, answers: Sequence[Any]) -> list[str]:
        state, holders = answers
        own = tuple(row for row in holders.rows if row.type == type_)
        which = (
            [f"The longest of {type_}, and who has them:"]
            if own
            else [
                f"{type_} is no container, or none of the {HOLDERS_ASKED} longest. Who has the "
                "longest of all:"
            ]
        )
        rows = own or holders.rows[:20]
        shown = type(holders)(
            rows, holders.object_count, holders.is_whole, holders.seconds, holders.longest_stop_s
        )
        return [f"{node}:", *which, "", *holder_lines(shown), "", *memory_lines(state)]

    return Detail(type_, seen.node, (DescribeMemory(), FindHolders(HOLDERS_ASKED)), lines)


def gc_picture(seen: Sequence[Seen], _: View) -> Picture:
    columns = (
        Column("GENERATION", "word"),
        Column("RUNS/S"),
        Column("RUNS"),
        Column("PAUSES"),
        Column("LONGEST"),
        Column("FREED", rank=2),
        Column("UNCOLLECTABLE", rank=1),
    )
    rows = tuple(
        Row(key_of(one.node, name), (*whose(seen, one), name, *_generation_cells(one, place)))
        for one in seen
        if one.now.gc
        for place, name in enumerate(GENERATION_NAMES[: len(one.now.gc.generations)])
    )
    return Picture(
        summed_up(seen, _gc_line), Table(with_node(seen, columns), rows), "generations of objects"
    )


def gc_drill(seen: Seen, _: str, view: View) -> Drill:
    def lines(node: str, answers: Sequence[Any]) -> list[str]:
        state, tuning = (NodeAnswer(node, one) for one in answers)
        return [
            *state_lines(state),
            "",
            "What tuning would do (`aiex gc tune`):",
            *tuning_lines(tuning),
        ]

    requests = (DescribeGc(min(view.seconds, 900.0)), TuneGc(is_dry_run=True))
    return Detail("the collector", seen.node, requests, lines)


def _memory_line(one: Seen) -> str:
    state, types = one.now.memory, one.now.types
    if state is None:
        return one.now.untold.get("memory", "")
    limit = f" of {size_text(state.limit.bytes)}" if state.limit.bytes else ", no limit"
    allocators = state.allocators
    unused = (
        f"; {size_text(allocators.malloc_free_bytes)} spare in malloc"
        if allocators.is_malloc_known
        else ""
    )
    counted = f"; {types.object_count:,} objects" if types else ""
    leaks = ", ".join(leak.type for leak in state.leaks)
    suspected = f"; MAY LEAK: {leaks}" if leaks else "; no leak suspected"
    return f"{size_text(state.footprint.rss_bytes)}{limit}{suspected}{counted}{unused}"


def _type_cells(one: Seen, row: TypeRow) -> tuple[str, ...]:
    before = one.before.types.rows if one.before is not None and one.before.types else ()
    had = next((other for other in before if other.type == row.type), None)
    grew = row.bytes - had.bytes if had is not None else 0
    more = row.count - had.count if had is not None else 0
    sign = "-" if grew < 0 else "+"
    return (
        size_text(row.bytes),
        f"{sign}{size_text(abs(grew))}" if grew else "",
        f"{row.count:,}",
        f"{more:+,}" if more else "",
        row.type,
    )


def _gc_line(one: Seen) -> str:
    state = one.now.gc
    if state is None:
        return one.now.untold.get("gc", "")
    window = state.window
    return (
        f"{window.share:.2%} of the last {window.seconds:.0f} s; longest pause "
        f"{window.pause_max_ms:.1f} ms, p99 {window.pause_p99_ms:.1f} ms; "
        f"{state.frozen_objects:,} frozen"
    )


def _generation_cells(one: Seen, place: int) -> tuple[str, ...]:
    assert one.now.gc is not None
    now: Generation = one.now.gc.generations[place]
    rate = ""
    if one.before is not None and one.before.gc and one.apart_s > 0:
        runs = now.collections - one.before.gc.generations[place].collections
        rate = f"{runs / one.apart_s:.2f}"
    return (
        rate,
        f"{now.collections:,}",
        f"{now.pause_s * 1e3:,.1f} ms",
        f"{now.pause_max_s * 1e3:.1f} ms",
        f"{now.collected:,}",
        f"{now.uncollectable:,}",
    )


MEMORY = Pane(
    "memory",
    {"type": Way(("memory", "types"), ("size", "count", "name"), type_picture, type_drill)},
)
GC = Pane("gc", {"generation": Way(("gc",), ("",), gc_picture, gc_drill)})
