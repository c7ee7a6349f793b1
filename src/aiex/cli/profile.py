"""`aiex profile`: where a node's time and memory go, as text, a flame graph or for other tools."""

import functools
import shlex
from collections.abc import Callable

import click
import msgspec

from aiex.cli.admin_client import AdminClient
from aiex.cli.asked_nodes import ask_nodes, on_option
from aiex.cli.countdown import countdown
from aiex.cli.duration import Duration
from aiex.cli.node_options import node_options
from aiex.cli.profile_files import convert, diff
from aiex.cli.profile_options import (
    COUNT,
    count_option,
    only_selected,
    selection_options,
)
from aiex.cli.profile_target import Target, target_of, target_options
from aiex.cli.profile_text import profile_lines
from aiex.cluster import Request
from aiex.errors import AiexError
from aiex.performance import Profile, merged
from aiex.performance.formats import Selection, labelled
from aiex.performance.memory import ProfileMemory
from aiex.performance.memory.requests import FRAMES_MAX, RECORD_S_MAX
from aiex.performance.sampling import KEPT_S, LOOK_S_MAX, TakeCpuProfile, TakeWallProfile

LOOK_S = 10.0
RECORD_S = 5.0


class NobodyAnswered(AiexError):
    """No node answered; `aiex cluster explain` says what is wrong."""


@click.group()
def profile() -> None:
    """Show where a node's time and memory go.

    Text on the terminal, or with -o a file: a flame graph in one page (.html), for speedscope
    (.speedscope.json), for `go tool pprof` (.pb.gz), collapsed stacks (.collapsed), or JSON that
    can be read again (.json). docs/guides/profiling.md says how to read them.

    \b
    Examples:
      aiex profile cpu --last 10m                    what the CPU did
      aiex profile cpu --seconds 30 -o cpu.html      from now on, as a flame graph
      aiex profile wall --on all -o wall.html        what all nodes wait for
      aiex profile memory -o memory.html             who makes what stays
      aiex profile diff before.json after.json -o changed.html
    """


class Asked(msgspec.Struct, frozen=True):
    """What all three kinds are told."""

    nodes: str
    selection: Selection
    target: Target
    count: int
    admin: AdminClient


def _asking(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options of all three kinds; the command gets `asked`."""

    @on_option
    @selection_options
    @count_option
    @target_options
    @node_options
    @functools.wraps(command)
    def with_asked(
        nodes: str,
        selection: Selection,
        count: int,
        output: str,
        format_name: str | None,
        admin: AdminClient,
        **others: object,
    ) -> None:
        target = target_of(output, format_name)
        command(asked=Asked(nodes, selection, target, count, admin), **others)

    return with_asked


@profile.command()
@click.option(
    "--seconds",
    type=Duration(LOOK_S_MAX),
    metavar="TIME",
    help=f"Look from now on, for so long.  [default: {LOOK_S:g}s]",
)
@click.option(
    "--last", type=Duration(KEPT_S), metavar="TIME", help="Of the last hour: so much, no waiting."
)
@click.option(
    "--ago",
    type=Duration(KEPT_S),
    metavar="TIME",
    help="Of the last hour: what ended so long ago.",
)
@_asking
def cpu(asked: Asked, seconds: float | None, last: float | None, ago: float | None) -> None:
    """Show what the CPU was used for.

    By function, service, route and model. It is always being counted, so the last hour can be
    asked for after something went wrong.

    \b
    Examples:
      aiex profile cpu
      aiex profile cpu --last 10m -o cpu.html
      aiex profile cpu --last 5m --ago 40m --on all -o then.json
      aiex profile cpu --last 1h --route /v1/chat/completions
    """
    if last is not None and seconds is not None:
        raise click.UsageError("--last and --seconds both say how much: choose one.")
    span_s = last or seconds or LOOK_S
    if last is None and ago is None:
        _show(asked, TakeCpuProfile(span_s, ahead=True), takes_s=span_s)
    else:
        _show(asked, TakeCpuProfile(span_s, ago or 0.0))


def _without_past(command: Callable[..., None]) -> Callable[..., None]:
    """Has a word for who asks for what is kept of the CPU only."""

    def refuse(_: click.Context, __: click.Parameter, value: str | None) -> None:
        if value is not None:
            raise click.UsageError(
                "Only what the CPU did is kept for an hour: `aiex profile cpu --last 10m`. This "
                "looks from now on, for as long as --seconds says."
            )

    for name in ("--last", "--ago"):
        command = click.option(
            name, metavar="TIME", hidden=True, expose_value=False, callback=refuse
        )(command)
    return command


@profile.command()
@click.option(
    "--seconds",
    type=Duration(LOOK_S_MAX),
    metavar="TIME",
    default=LOOK_S,
    help=f"For so long.  [default: {LOOK_S:g}s]",
)
@_without_past
@_asking
def wall(asked: Asked, seconds: float) -> None:
    """Show where tasks and threads are, working or waiting.

    Every task counts with all of its time: a hundred tasks that wait for ten seconds are a
    thousand seconds. Stacks follow what a task awaits.

    \b
    Examples:
      aiex profile wall
      aiex profile wall --seconds 30 --service http.api -o wall.html
    """
    _show(asked, TakeWallProfile(seconds), takes_s=seconds)


@profile.command()
@click.option(
    "--seconds",
    type=Duration(RECORD_S_MAX),
    metavar="TIME",
    default=RECORD_S,
    help=f"For so long.  [default: {RECORD_S:g}s]",
)
@click.option(
    "--frames",
    type=click.IntRange(1, FRAMES_MAX),
    default=4,
    show_default=True,
    help="How many callers of each allocation; more slow the node more.",
)
@_without_past
@_asking
def memory(asked: Asked, seconds: float, frames: int) -> None:
    """Show which functions made what stays in memory.

    Allocations are recorded, and what is still there at the end is shown. What allocates takes
    tens of times as long meanwhile: keep it short under load. For what a node has in all, and
    what leaks, see `aiex memory`.

    \b
    Examples:
      aiex profile memory
      aiex profile memory --seconds 10 --frames 8 -o memory.html
    """
    _show(asked, ProfileMemory(seconds, frames), takes_s=seconds)


profile.add_command(diff)
profile.add_command(convert)


def _show(asked: Asked, request: Request[Profile], *, takes_s: float = 0.0) -> None:
    """Ask, and put what came where it is wanted."""
    what = "looking" if takes_s else "asking"
    with countdown(what, takes_s):
        came = ask_nodes(asked.admin, request, asked.nodes, takes_s=takes_s).asked
    if not came.answers:
        raise NobodyAnswered
    whole = merged([labelled(one.answer, node=one.node) for one in came.answers])
    seen = only_selected(whole, asked.selection)
    if asked.target.format is not None:
        asked.target.put(asked.target.format.write(seen))
        return
    click.echo("\n".join(profile_lines(seen, asked.count)))
    if seen.samples and asked.count == COUNT:
        click.echo(f"\nAs a flame graph: {_again(request, asked)} -o profile.html", err=True)


def _again(request: Request[Profile], asked: Asked) -> str:
    """The command that asks the same once more."""
    match request:
        case TakeCpuProfile(ahead=False):
            words = ["cpu", f"--last {request.seconds:g}s"]
            words += [f"--ago {request.ago_s:g}s"] if request.ago_s else []
        case TakeCpuProfile():
            words = ["cpu", *_for_so_long(request.seconds, LOOK_S)]
        case TakeWallProfile():
            words = ["wall", *_for_so_long(request.seconds, LOOK_S)]
        case ProfileMemory():
            words = ["memory", *_for_so_long(request.seconds, RECORD_S)]
        case _:
            raise AssertionError("there are three kinds of profiles")
    chosen = {**msgspec.structs.asdict(asked.selection), "on": asked.nodes}
    words += [f"--{name} {shlex.quote(value)}" for name, value in chosen.items() if value]
    return f"aiex profile {' '.join(words)}"


def _for_so_long(seconds: float, usual_s: float) -> list[str]:
    return [] if seconds == usual_s else [f"--seconds {seconds:g}s"]
