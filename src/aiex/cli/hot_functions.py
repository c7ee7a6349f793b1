"""What `aiex hot` shows on its own: the functions, services or coroutines that use the CPU."""

from collections.abc import Iterator
from pathlib import PurePath

import click

from aiex.cli.asked_nodes import Asked, NodeAnswer, ask_nodes
from aiex.cli.node_options import LookUp
from aiex.cli.output import Output, fitted_lines, print_json_text
from aiex.cli.table import Column
from aiex.cli.terminal_text import harmless
from aiex.performance import FindHot, HotBy, HotFound

WHERE = Column("WHERE", "word", rank=1)
VALUES_LINE = "For hot values: aiex hot list"


def show_hot(
    look_up: LookUp, nodes: str, output: Output, *, by: HotBy, n: int, seconds: float
) -> None:
    """Print what each node answers; raises what `ask_nodes` does."""
    came = ask_nodes(look_up(), FindHot(by, seconds, n), nodes)
    if output == "json":
        print_json_text(came.document)
        return
    for line in hot_lines(came.asked, by):
        click.echo(harmless(line))
    click.echo(VALUES_LINE, err=True)


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
