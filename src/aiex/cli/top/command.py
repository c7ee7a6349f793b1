"""`aiex top`: what a node does, pane by pane, on a terminal or once as text or JSON."""

import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import get_args

import click

from aiex.cli.asked_nodes import Asked, ask_nodes
from aiex.cli.duration import Duration
from aiex.cli.node_options import LookUp, look_up_options
from aiex.cli.on_option import on_option
from aiex.cli.output import Output, output_option, output_width, print_json_text
from aiex.cli.table import shown as fit_to_show
from aiex.cli.table import text_lines
from aiex.cli.top.feed import Feed
from aiex.cli.top.pane import Seen, View
from aiex.cli.top.panes import NAMES, PANES, ROWS_MAX, request, way_of
from aiex.cli.top.wording import choice_text
from aiex.performance import Snapshot, TakeSnapshot
from aiex.performance.snapshot import Section

ROWS = 20


@click.command()
@click.option("--pane", type=click.Choice(NAMES), help="The pane to begin with.  [default: tasks]")
@click.option(
    "--interval",
    "interval_s",
    type=Duration(60, 0.5),
    metavar="TIME",
    default="2s",
    show_default=True,
    help="How often to ask, up to once a minute; less often where answers take long.",
)
@click.option("--once", is_flag=True, help="Print one snapshot and end; needs no terminal.")
@click.option(
    "-n",
    type=click.IntRange(1, ROWS_MAX),
    default=ROWS,
    show_default=True,
    help="With --once: at most so many rows of each kind and node.",
)
@on_option
@output_option
@look_up_options
def top(
    pane: str | None,
    interval_s: float,
    once: bool,
    n: int,
    nodes: str,
    output: Output,
    look_up: LookUp,
) -> None:
    """Watch what nodes do: tasks, functions, memory, requests.

    Panes for tasks, functions, memory, garbage collection, the loop, requests and the engine. Keys
    sort, filter, look into a row, pause, and take a profile or a trace; ? lists them. Each refresh
    asks for what is on the screen and no more: a few kB. 80x24 is enough.

    \b
    Examples:
      aiex top
      aiex top --on all --pane requests
      aiex top --once --pane memory
      aiex top --once -o json | jq '.answers[].answer.head'
    """
    view = PANES[pane or NAMES[0]].first_view(n)
    if once:
        _show_once(look_up, nodes, output, [view] if pane else _all_views(n))
        return
    if output == "json":
        raise click.UsageError("-o json is for one snapshot: add --once.")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("A screen needs a terminal; --once prints a snapshot without one.")
    look_up()  # what is wrong with the choice of node is said before the screen is taken
    # Loaded here: only a screen needs it, and it takes a third of a second.
    from aiex.cli.top.app import TopApp

    TopApp(Feed(look_up, nodes), view, interval_s=interval_s).run(mouse=False)


def _all_views(n: int) -> list[View]:
    return [one.first_view(n) for one in PANES.values()]


def _show_once(look_up: LookUp, nodes: str, output: Output, views: Sequence[View]) -> None:
    asked = _request(views)
    came = ask_nodes(look_up(), asked, nodes, takes_s=asked.count_s)
    if output == "json":
        print_json_text(came.document)
        return
    for line in once_lines(came.asked, views, output_width()):
        click.echo(line)


def _request(views: Sequence[View]) -> TakeSnapshot:
    """One request for all of them; each section that has not this sort has its own first one."""
    if len(views) == 1:
        return request(views[0])
    sections: tuple[Section, ...] = get_args(Section.__value__)
    return TakeSnapshot(sections, views[0].n, views[0].sort)


def once_lines(asked: Asked[Snapshot], views: Sequence[View], width: int) -> Iterator[str]:
    """A heading, a summary and a table for each view."""
    seen = [Seen(one.node, one.answer) for one in asked.answers]
    for position, view in enumerate(views):
        picture = way_of(view).picture(seen, view)
        if position:
            yield ""
        yield f"{view.pane.upper()}: {choice_text(picture, view)}"
        for line in picture.summary:
            yield from textwrap.wrap(fit_to_show(line), width)
        if picture.table.rows:
            yield from text_lines(picture.table, width)
