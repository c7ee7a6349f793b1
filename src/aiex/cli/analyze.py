"""`aiex analyze`: what is wrong with a node, in which function, and what to do about it."""

import textwrap
from collections.abc import Iterator
from pathlib import PurePath

import click

from aiex.cli.admin_client import AdminClient
from aiex.cli.asked_nodes import NodeAnswer, ask_nodes, on_option
from aiex.cli.node_options import node_options
from aiex.cli.output import Output, output_option, print_json_text
from aiex.cli.terminal_text import harmless
from aiex.performance import SPARE_S, Analysis, Analyze, Finding

WIDTH = 80
FOUND = 1


@click.command()
@click.option(
    "--seconds",
    type=click.FloatRange(2, 60),
    default=10.0,
    show_default=True,
    help="How long to look.",
)
@on_option
@output_option
@node_options
@click.pass_context
def analyze(
    context: click.Context, seconds: float, nodes: str, output: Output, admin: AdminClient
) -> None:
    """Say what is wrong with a node, in which function, and what to do about it.

    It looks for a while at the loop, its tasks, memory, threads, garbage collector and requests,
    and names causes before what follows from them. Exit status 1 when something is wrong.

    \b
    Examples:
      aiex analyze
      aiex analyze --seconds 30 --on all
      aiex analyze -o json
    """
    came = ask_nodes(admin, Analyze(seconds), nodes, takes_s=seconds + SPARE_S)
    if output == "json":
        print_json_text(came.document)
    else:
        for place, one in enumerate(came.asked.answers):
            for line in ["", *analysis_lines(one)] if place else analysis_lines(one):
                click.echo(harmless(line))
    if any(one.answer.findings for one in came.asked.answers):
        context.exit(FOUND)


def analysis_lines(one: NodeAnswer[Analysis]) -> Iterator[str]:
    """The worst first, each with what it rests on and what to do."""
    yield from _wrapped(f"{one.node}: ", one.answer.text)
    for number, finding in enumerate(one.answer.findings, 1):
        yield ""
        yield from _finding_lines(number, finding)
    for sentence in one.answer.missing:
        yield from _wrapped("Not looked at: ", sentence)


def _finding_lines(number: int, finding: Finding) -> Iterator[str]:
    yield f"{number}. {finding.cause.replace('_', ' ')} ({finding.confidence:.0%} sure)"
    yield from _wrapped("   ", finding.text)
    if finding.file:
        yield f"   at        {PurePath(finding.file).name}:{finding.line}"
    rows = (
        ("service", finding.service),
        ("from", ", ".join(finding.also)),
        ("costs", finding.cost),
        ("follows", finding.follows_from and f"most likely from {finding.follows_from}"),
        *(("seen", sentence) for sentence in finding.evidence),
        ("advice", finding.advice),
    )
    for name, text in rows:
        if text:
            yield from _wrapped(f"   {name:<9} ", text)
    for command in finding.commands:
        if command:
            yield f"   next      {command}"


def _wrapped(head: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head) if len(head) <= 13 else "  ",
        break_long_words=False,
        break_on_hyphens=False,
    ) or [head.rstrip()]
