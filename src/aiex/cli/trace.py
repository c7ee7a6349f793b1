"""`aiex trace`: what functions of running nodes receive and return, line by line as it happens."""

import os
import re
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from secrets import token_hex

import click
import msgspec

from aiex.cli.admin_client import AdminClient, AdminRefused, AdminUnreachable
from aiex.cli.asked_nodes import NodeAnswer, ask_nodes, on_option
from aiex.cli.duration import Duration
from aiex.cli.node_options import node_options
from aiex.cli.output import Output, output_option, print_json
from aiex.cli.stop_signals import sigterm_as_ctrl_c
from aiex.cli.terminal_text import harmless
from aiex.cli.trace_text import end_text, line_texts, start_texts
from aiex.errors import AiexError
from aiex.performance.tracer import (
    ConditionError,
    ReadTrace,
    Shown,
    StartTrace,
    StopTrace,
    TraceLine,
    TraceRead,
    TraceStarted,
    condition,
)

# How long a node may wait for a line before it answers; of several the slowest holds up the rest.
WAIT_S = 1.0
WAIT_OF_SEVERAL_S = 0.3
_RATE = re.compile(r"(\d+(?:\.\d+)?)(?:/(s|m|h))?")
_PER_S = {"s": 1.0, "m": 60.0, "h": 3600.0}


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="PKG.MOD:CLASS.METHOD…")
@click.option(
    "--max",
    "calls_max",
    type=click.IntRange(1, 10_000),
    default=100,
    show_default=True,
    help="How many calls are looked at, shown or not; then it ends.",
)
@click.option(
    "--max-each",
    "each_max",
    type=click.IntRange(1, 10_000),
    help="The same for each function; needed where a target has a *.",
)
@click.option(
    "--rate",
    "rate_text",
    metavar="N/s",
    default="10/s",
    show_default=True,
    help="How many are shown in a second (N/m: in a minute); the others are counted.",
)
@click.option(
    "--ttl",
    "ttl_s",
    type=Duration(3600),
    metavar="TIME",
    default="60s",
    show_default=True,
    help="When it ends in any case: 60s, 10m, 1h at most.",
)
@click.option(
    "--when", metavar="EXPR", default="", help="Only calls of which this holds: 'len(items) > 3'."
)
@click.option("--args", "shows", flag_value="args", help="Show names, types and lengths.")
@click.option(
    "--values", "shows", flag_value="values", help="Show values, but no secrets and no contents."
)
@click.option(
    "--returns", "has_returns", is_flag=True, help="Show how calls end, and how long they took."
)
@click.option("--stack", "has_stack", is_flag=True, help="Show who called.")
@on_option
@output_option
@node_options
def trace(
    targets: tuple[str, ...],
    calls_max: int,
    each_max: int | None,
    rate_text: str,
    ttl_s: float,
    when: str,
    shows: Shown | None,
    has_returns: bool,
    has_stack: bool,
    nodes: str,
    output: Output,
    admin: AdminClient,
) -> None:
    """Show calls of functions as they happen, until a limit.

    Nothing else becomes slower, and nothing stays behind: a node ends the trace when its limits are
    reached or nobody reads it any more. By default the types of arguments are shown. Secrets and
    what people write are never shown. A condition has arguments, attributes, comparisons, and, or,
    not, in, len(); with --returns also returned, raised, took_ms and ran_ms.

    \b
    Examples:
      aiex trace aiex.assistant.chat:Chat.respond
      aiex trace aiex.assistant.chat:Chat.respond --returns --when 'took_ms > 500'
      aiex trace 'aiex.assistant.targets:Targets.*' --max-each 10 --args --stack
      aiex trace aiex.assistant.catalogue:Catalogue.model --values --on all -o json
    """
    asked = StartTrace(
        targets=targets,
        id=token_hex(4),
        calls_max=calls_max,
        each_max=each_max or 0,
        rate_per_s=_rate_per_s(rate_text),
        ttl_s=max(1.0, ttl_s),
        when=_checked(when),
        shows=shows or "types",
        has_returns=has_returns,
        has_stack=has_stack,
        by=f"{os.environ.get('USER') or os.getuid()}@{socket.gethostname()}"[:128],
    )
    with sigterm_as_ctrl_c():
        started = ask_nodes(admin, asked, nodes).asked.answers
        if not started:
            raise click.ClickException("No node began the trace.")
        tell = TellJson() if output == "json" else TellText(len(started) > 1)
        tell.started(asked, started)
        if not Following(admin, asked.id, [one.node for one in started], tell).follow():
            raise SystemExit(1)


class TellText:
    """Lines on the standard output, what is said of the trace itself on the standard error."""

    def __init__(self, has_several: bool) -> None:
        self._has_several = has_several

    def started(self, asked: StartTrace, started: Iterable[NodeAnswer[TraceStarted]]) -> None:
        for text in start_texts(asked, [(one.node, one.answer) for one in started]):
            click.echo(harmless(text), err=True)

    def line(self, node: str, line: TraceLine) -> None:
        for text in line_texts(line, node if self._has_several else ""):
            click.echo(harmless(text))

    def ended(self, node: str, read: TraceRead) -> None:
        click.echo(harmless(end_text(node, read)), err=True)


class TellJson:
    """One object a line; `what` says which: started, line, ended."""

    def started(self, _: StartTrace, started: Iterable[NodeAnswer[TraceStarted]]) -> None:
        for one in started:
            self._print("started", one.node, one.answer)

    def line(self, node: str, line: TraceLine) -> None:
        self._print("line", node, line)

    def ended(self, node: str, read: TraceRead) -> None:
        counts = msgspec.structs.asdict(read.counts)
        print_json({"what": "ended", "node": node, "reason": read.ended, **counts}, indent=0)

    def _print(self, what: str, node: str, content: TraceStarted | TraceLine) -> None:
        print_json({"what": what, "node": node, **msgspec.structs.asdict(content)}, indent=0)


class Following:
    """Reads the trace of some nodes to its end, all of them at once, in the order of time."""

    def __init__(
        self, admin: AdminClient, id_: str, nodes: list[str], tell: TellText | TellJson
    ) -> None:
        self._admin = admin
        self._id = id_
        self._tell = tell
        self._running = nodes
        self._after: dict[str, int] = {}
        self._wait_s = WAIT_S if len(nodes) == 1 else WAIT_OF_SEVERAL_S
        self._lost_count = 0

    def follow(self) -> bool:
        """Whether all nodes were heard to the end; Ctrl-C and SIGTERM end it in good order."""
        try:
            while self._running:
                self._ask(lambda: ReadTrace(self._id, self._after, self._wait_s))
        except KeyboardInterrupt:
            self._stop()
        finally:
            # Whatever happened, a closed pipe say: better now than when the lease is over.
            with suppress(AiexError):
                if self._running:
                    ask_nodes(self._admin, StopTrace(self._id, self._after), self._names())
        return not self._lost_count

    def _stop(self) -> None:
        while self._running:
            self._ask(lambda: StopTrace(self._id, self._after))

    def _ask(self, request: Callable[[], ReadTrace | StopTrace]) -> None:
        try:
            asked = ask_nodes(self._admin, request(), self._names(), takes_s=self._wait_s).asked
        except AdminRefused as error:  # the only node left has none of it any more
            self._lose_all(str(error))
            return
        except AdminUnreachable as error:
            self._lose_all(f"{error} A node that ends, ends its traces; the lines above are all.")
            return
        for failure in asked.failures:
            self._lost_count += 1
            self._running.remove(failure.node)
        self._tell_of(asked.answers)

    def _lose_all(self, why: str) -> None:
        click.echo(harmless(f"{self._names()}: {why}"), err=True)
        self._lost_count += len(self._running)
        self._running = []

    def _tell_of(self, answers: Iterable[NodeAnswer[TraceRead]]) -> None:
        lines = [(line.at_s, one.node, line) for one in answers for line in one.answer.lines]
        for _, node, line in sorted(lines, key=lambda found: found[:2]):
            self._tell.line(node, line)
            self._after[node] = line.n
        for one in answers:
            if one.answer.ended:
                self._running.remove(one.node)
                self._tell.ended(one.node, one.answer)

    def _names(self) -> str:
        return ",".join(self._running)


def _rate_per_s(text: str) -> float:
    found = _RATE.fullmatch(text)
    rate_per_s = float(found[1]) / _PER_S[found[2] or "s"] if found else 0.0
    if not 0 < rate_per_s <= 1000:
        raise click.UsageError(f"'{text}' is no rate: --rate 10/s, 30/m, up to 1000/s.")
    return rate_per_s


def _checked(when: str) -> str:
    """The condition, if it is one; what only the node knows is refused there."""
    if when:
        try:
            condition(when)
        except ConditionError as error:
            raise click.UsageError(f"--when: {error.told()}") from None
    return when
