"""What `aiex hot` shows on its own: what uses the CPU, or has the most of something else."""

from collections.abc import Iterator
from pathlib import PurePath
from typing import cast

import click

from aiex.cli.asked_nodes import Asked, NodeAnswer, ask_nodes
from aiex.cli.hot_options import BACK_S, METRICS, WINDOW_S, HotOptions
from aiex.cli.node_options import LookUp
from aiex.cli.output import Output, fitted_lines, print_json_text
from aiex.cli.ranking_text import ranking_lines
from aiex.cli.table import Column
from aiex.cli.terminal_text import harmless
from aiex.performance import FindHot, HotBy, HotFound, Rank

WHERE = Column("WHERE", "word", rank=1)
VALUES_LINE = "For hot values: aiex hot list"


def show_hot(look_up: LookUp, nodes: str, output: Output, options: HotOptions) -> None:
    """Print what each node answers; raises what `ask_nodes` does."""
    way = options.way()
    if options.of is not None:
        _show_ranking(look_up, nodes, output, options, options.of, way)
        return
    by = cast("HotBy", way)
    came = ask_nodes(look_up(), FindHot(by, options.seconds or BACK_S, options.n), nodes)
    if output == "json":
        print_json_text(came.document)
        return
    for line in hot_lines(came.asked, by):
        click.echo(harmless(line))
    click.echo(VALUES_LINE, err=True)


def _show_ranking(
    look_up: LookUp, nodes: str, output: Output, options: HotOptions, metric: str, by: str
) -> None:
    # Recording allocations slows a node down, so for those a window has to be said.
    needs_one = not METRICS[metric].kept and metric != "allocations"
    seconds = options.window or (WINDOW_S if needs_one else 0.0)
    came = ask_nodes(look_up(), Rank(metric, by, options.n, seconds), nodes, takes_s=seconds)
    if output == "json":
        print_json_text(came.document)
        return
    told = [ranking_lines(one, metric, by, seconds) for one in came.asked.answers]
    click.echo("\n\n".join("\n".join(lines) for lines in told))


def hot_lines(asked: Asked[HotFound], by: HotBy) -> Iterator[str]:
    """A table for each node that answered."""
    for position, one in enumerate(asked.answers):
        if position:
            yield ""
        yield from _node_lines(one, by)


def _node_lines(one: NodeAnswer[HotFound], by: HotBy) -> Iterator[str]:
    found = one.answer
    busy = found.cpu_s / found.seconds if found.seconds else 0.0
    yield (
        f"{one.node}: {found.cpu_s:.2f} s of CPU on the main thread in {found.seconds:.0f} s, "
        f"{busy:.1%} of a CPU"
    )
    rows: list[tuple[str, ...]]
    if by == "function":
        columns = [*map(Column, ("SHARE", "SELF", "TOTAL")), Column("FUNCTION", "name"), WHERE]
        rows = [
            (
                f"{hot.share:.1%}",
                f"{hot.self_s:.2f} s",
                f"{hot.total_s:.2f} s",
                hot.key,
                _where(hot.file, hot.line),
            )
            for hot in found.hot
        ]
    else:
        columns = [Column("SHARE"), Column("CPU"), Column(by.upper(), "name")]
        rows = [(f"{hot.share:.1%}", f"{hot.self_s:.2f} s", hot.key) for hot in found.hot]
    yield from fitted_lines(columns, rows)
    yield from found.notes


def _where(file: str, line: int) -> str:
    """The module is told with the function; the whole path is in the JSON."""
    return f"{PurePath(file).name}:{line}" if file else ""
