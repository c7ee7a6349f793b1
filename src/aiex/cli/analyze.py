"""`aiex analyze`: what is wrong with a node, in which function, and what to do about it."""

import time
from collections.abc import Iterator
from pathlib import Path, PurePath

import click
import msgspec

from aiex.cli.admin_client import AdminClient, AdminUnreachable
from aiex.cli.asked_nodes import Asked, Came, NodeAnswer, ask_nodes, on_option
from aiex.cli.duration import Duration
from aiex.cli.misplaced_options import refuse_misplaced_options
from aiex.cli.node_lookup import read_node
from aiex.cli.node_options import LookUp, look_up_options, node_options
from aiex.cli.output import Output, output_option, print_json_text
from aiex.cli.terminal_text import harmless
from aiex.cli.wrapped_text import wrapped
from aiex.performance import (
    SPARE_S,
    Analysis,
    Analyze,
    Finding,
    Recommend,
    Recommendations,
    TellDone,
    stuck_analysis,
)

FOUND = 1
# A loop that stands still for so long may as well do so for good; a liveness probe strikes soon.
STUCK_S = 6.0
LOOK_EVERY_S = 0.2


@click.group(invoke_without_command=True)
@click.option(
    "--seconds",
    type=Duration(60, 2),
    metavar="TIME",
    default="10s",
    show_default=True,
    help="How long to look.",
)
@on_option
@output_option
@look_up_options
@click.pass_context
def analyze(
    context: click.Context, seconds: float, nodes: str, output: Output, look_up: LookUp
) -> None:
    """Say what is wrong with a node, in which function, and what to do about it.

    It looks for a while at the loop, its tasks, memory, threads, garbage collector and requests,
    and names causes before what follows from them. Exit status 1 when something is wrong.

    \b
    Examples:
      aiex analyze
      aiex analyze --seconds 30 --on all
      aiex analyze -o json
      aiex analyze recommendations
      aiex analyze done gc-tune
    """
    if context.invoked_subcommand is not None:
        refuse_misplaced_options(context)
        return
    admin = look_up()
    came = (None if nodes else _of_stuck(admin)) or _asked(admin, seconds, nodes)
    if output == "json":
        print_json_text(came.document)
    else:
        for place, one in enumerate(came.asked.answers):
            for line in ["", *analysis_lines(one)] if place else analysis_lines(one):
                click.echo(harmless(line))
    if any(one.answer.findings for one in came.asked.answers):
        context.exit(FOUND)


def _asked(admin: AdminClient, seconds: float, nodes: str) -> Came[Analysis]:
    """What the nodes say; of one that fell silent meanwhile, what was seen from outside."""
    try:
        return ask_nodes(admin, Analyze(seconds), nodes, takes_s=seconds + SPARE_S)
    except AdminUnreachable:
        stuck = None if nodes else _of_stuck(admin, patience_s=0.0)
        if stuck is None:
            raise
        return stuck


def _of_stuck(admin: AdminClient, patience_s: float = STUCK_S) -> Came[Analysis] | None:
    """Of a node here whose loop does not turn; None as soon as it does.

    It is given a while to go on: what it can say itself is more than what is seen from outside.
    """
    directory = Path(admin.access.data_dir) if admin.access.data_dir else None
    node = read_node(directory) if directory is not None else None
    until_s = time.monotonic() + patience_s
    while directory is not None and node is not None:
        found = stuck_analysis(directory, node.pid)
        if found is None:
            return None
        if time.monotonic() >= until_s or found.seconds >= STUCK_S + patience_s:
            asked = Asked((NodeAnswer(node.name, found),))
            return Came(asked, msgspec.json.encode(asked))
        time.sleep(LOOK_EVERY_S)
    return None


@analyze.command()
@click.option(
    "--seconds",
    type=Duration(60, has_zero=True),
    metavar="TIME",
    default="10s",
    show_default=True,
    help="How long to look first; 0: tell what is known already.",
)
@on_option
@output_option
@node_options
def recommendations(seconds: float, nodes: str, output: Output, admin: AdminClient) -> None:
    """Say what would make a node better, and what came of what was recommended.

    Each has the command to type. What was carried out is measured over a load like before; what did
    not help is withdrawn.
    """
    _tell(admin, Recommend(seconds), nodes, output, takes_s=seconds + SPARE_S)


@analyze.command()
@click.argument("recommendation", metavar="ID")
@on_option
@output_option
@node_options
def done(recommendation: str, nodes: str, output: Output, admin: AdminClient) -> None:
    """Say that recommendation ID was carried out: the next look measures what it changed."""
    _tell(admin, TellDone(recommendation), nodes, output)


def _tell(
    admin: AdminClient,
    request: Recommend | TellDone,
    nodes: str,
    output: Output,
    *,
    takes_s: float = 0.0,
) -> None:
    came = ask_nodes(admin, request, nodes, takes_s=takes_s)
    if output == "json":
        print_json_text(came.document)
        return
    for place, one in enumerate(came.asked.answers):
        for line in ["", *recommendation_lines(one)] if place else recommendation_lines(one):
            click.echo(harmless(line))


def recommendation_lines(one: NodeAnswer[Recommendations]) -> Iterator[str]:
    """Open ones first, each with its command; of others what came of them."""
    yield from wrapped(f"{one.node}: ", one.answer.text)
    for each in one.answer.recommendations:
        yield ""
        yield f"{each.id} ({each.standing})"
        yield from wrapped("   ", each.text)
        for sentence in each.evidence:
            yield from wrapped("   seen      ", sentence)
        if each.standing in ("open", "trial"):
            yield from wrapped("   expected  ", each.expected)
            yield f"   do        {each.command}"
        if each.effect:
            yield from wrapped("   effect    ", each.effect)


def analysis_lines(one: NodeAnswer[Analysis]) -> Iterator[str]:
    """The worst first, each with what it rests on and what to do."""
    yield from wrapped(f"{one.node}: ", one.answer.text)
    for number, finding in enumerate(one.answer.findings, 1):
        yield ""
        yield from _finding_lines(number, finding)
    for sentence in one.answer.missing:
        yield from wrapped("Not looked at: ", sentence)


def _finding_lines(number: int, finding: Finding) -> Iterator[str]:
    yield f"{number}. {finding.cause.replace('_', ' ')} ({finding.confidence:.0%} sure)"
    yield from wrapped("   ", finding.text)
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
            yield from wrapped(f"   {name:<9} ", text)
    for command in finding.commands:
        if command:
            yield f"   next      {command}"
