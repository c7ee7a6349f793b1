"""`aiex memory`: how much a node has, of what types, who holds it, what leaks; and giving back."""

from collections.abc import Callable, Iterable, Iterator

import click

from aiex.cli.admin_client import AdminClient
from aiex.cli.asked_nodes import Came, ask_nodes, on_option
from aiex.cli.duration import Duration
from aiex.cli.memory_text import (
    growth_lines,
    holder_lines,
    state_lines,
    trimmed_lines,
    type_lines,
)
from aiex.cli.misplaced_options import refuse_misplaced_options
from aiex.cli.node_options import LookUp, look_up_options, node_options
from aiex.cli.output import Output, output_option, print_json_text
from aiex.cli.terminal_text import harmless
from aiex.performance import (
    CountTypes,
    DescribeMemory,
    FindGrowth,
    FindHolders,
    TrimMemory,
)

# Counting and walking leave the loop most of its time; on a large heap they take a while.
LOOKED_S = 60.0
TRIMMED_S = 30.0


@click.group(invoke_without_command=True)
@click.option("--types", is_flag=True, help="Objects by type.")
@click.option("--holders", is_flag=True, help="Long containers, who has them.")
@click.option(
    "--growth",
    "growth_s",
    metavar="TIME",
    type=Duration(120, 1),
    help="Look for so long at what only grows, with holder and site.",
)
@click.option(
    "-n",
    "count",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="How many rows.",
)
@on_option
@output_option
@look_up_options
@click.pass_context
def memory(
    context: click.Context,
    types: bool,
    holders: bool,
    growth_s: float | None,
    count: int,
    nodes: str,
    output: Output,
    look_up: LookUp,
) -> None:
    """Show a node's memory, its limit, and what may leak.

    Types, functions, attributes and sizes are shown, never what objects contain. Nothing is slowed
    down, but --growth may record allocations for up to two seconds for a site. Ends with status 1
    while something is suspected to leak.

    \b
    Examples:
      aiex memory
      aiex memory --types -n 10
      aiex memory --holders --on all
      aiex memory --growth 30
      aiex memory trim
      aiex memory -o json | jq '.answers[].answer.footprint.rss_bytes'
    """
    if context.invoked_subcommand is not None:
        refuse_misplaced_options(context)
        return
    if sum((growth_s is not None, types, holders)) > 1:
        raise click.UsageError("--types, --holders and --growth are three questions: ask one.")
    if growth_s is not None:
        asked = FindGrowth(growth_s, count)
        grown = ask_nodes(look_up(), asked, nodes, takes_s=growth_s + LOOKED_S)
        _show(grown, growth_lines, output)
        _end(any(one.answer.leaks for one in grown.asked.answers))
    elif types:
        counted = ask_nodes(look_up(), CountTypes(count), nodes, takes_s=LOOKED_S)
        _show(counted, type_lines, output)
    elif holders:
        held = ask_nodes(look_up(), FindHolders(count), nodes, takes_s=LOOKED_S)
        _show(held, holder_lines, output)
    else:
        state = ask_nodes(look_up(), DescribeMemory(), nodes)
        _show(state, state_lines, output)
        _end(any(one.answer.leaks for one in state.asked.answers))


@memory.command()
@on_option
@output_option
@node_options
def trim(nodes: str, output: Output, admin: AdminClient) -> None:
    """Have malloc give back what it keeps unused, and say what that changed.

    It takes about a millisecond for 10 MB. A node does it by itself when much has been free for
    minutes.
    """
    done = ask_nodes(admin, TrimMemory(), nodes, takes_s=TRIMMED_S)
    _show(done, trimmed_lines, output)


def _show[A](came: Came[A], lines: Callable[[A], Iterable[str]], output: Output) -> None:
    if output == "json":
        print_json_text(came.document)
    else:
        click.echo("\n".join(harmless(line) for line in _lines(came, lines)))


def _lines[A](came: Came[A], lines: Callable[[A], Iterable[str]]) -> Iterator[str]:
    """Each node under its name, where several were asked."""
    is_one = len(came.asked.answers) + len(came.asked.failures) == 1
    for place, one in enumerate(came.asked.answers):
        if not is_one:
            if place:
                yield ""
            yield f"{one.node}:"
        yield from lines(one.answer)


def _end(has_finding: bool) -> None:
    if has_finding:
        click.get_current_context().exit(1)
