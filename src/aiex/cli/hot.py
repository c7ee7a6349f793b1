"""`aiex hot`: what uses the CPU; below it, values that change on all nodes while they run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import click

from aiex.cli.admin_client import AdminClient, AdminRefused, decoded
from aiex.cli.answers.hot import Canary, HotHistory, HotList, HotValue, Spread
from aiex.cli.hot_canary import CanaryOptions, canary_options, see_through
from aiex.cli.hot_options import HotOptions, hot_options
from aiex.cli.hot_text import (
    canary_end_lines,
    canary_line,
    history_lines,
    list_lines,
    source_text,
    spread_lines,
    value_lines,
    value_text,
)
from aiex.cli.misplaced_options import refuse_misplaced_options
from aiex.cli.node_options import LookUp, look_up_options, node_options
from aiex.cli.on_option import on_option
from aiex.cli.output import Output, output_option, print_json, print_json_text
from aiex.cli.terminal_text import harmless

HOT_PATH = "/admin/v1/hot"
# Less than a client waits for an answer.
WATCH_S = 5.0
wait_option = click.option(
    "--wait",
    type=click.Choice(["all", "quorum", "none"]),
    default="all",
    show_default=True,
    help="For which nodes to wait before it is done.",
)


@click.group(invoke_without_command=True)
@hot_options
@on_option
@output_option
@look_up_options
@click.pass_context
def hot(
    context: click.Context,
    /,
    look_up: LookUp,
    nodes: str,
    output: Output,
    **options: Any,
) -> None:
    """Show what uses the CPU, or read and change hot values.

    On its own it ranks the functions that used the most CPU of the main thread lately, from the
    samples that every node always takes. SELF is a function's own lines, TOTAL all it called too.

    With --of it ranks anything else that is counted, now or by what it grows within a window:
    steps and CPU of tasks exactly, wall time, memory, allocations (a node is several times slower
    meanwhile), queues, ages, pauses, stalls.

    The subcommands are for hot values: in force on all nodes at once, and after restarts. The
    settings give the defaults; a hot value is in force until it is reset.

    \b
    Examples:
      aiex hot
      aiex hot --seconds 600 --by service
      aiex hot --on all -n 5
      aiex hot --of cpu --by thread --window 10
      aiex hot --of steps --by service --window 5
      aiex hot --of queue_len
      aiex hot list
      aiex hot set log_level=debug
      aiex hot set default_limits.requests_per_minute=600
      aiex hot set 'target_weights.smart={"openai/gpt-4o": 9, "azure/gpt-4o": 1}'
      aiex hot set log_level=debug --nodes 1 --for 60s --watch error_rate,p99 --auto-revert
      aiex hot history log_level
      aiex hot rollback log_level 41
      aiex hot reset log_level
    """
    if context.invoked_subcommand is None:
        # Loaded here: what the subcommands do needs nothing of it.
        from aiex.cli.hot_functions import show_hot

        show_hot(look_up, nodes, output, HotOptions(**options).checked())
        return
    refuse_misplaced_options(context)


@hot.command("list")
@output_option
@node_options
def list_values(output: Output, admin: AdminClient) -> None:
    """List all hot values, what is in force, and where it comes from."""
    document = admin.get(HOT_PATH)
    if output == "json":
        print_json_text(document)
    else:
        _echo(list_lines(decoded(document, HotList)))


@hot.command()
@click.argument("key")
@output_option
@node_options
def get(key: str, output: Output, admin: AdminClient) -> None:
    """Show the hot value KEY; its value alone goes to standard output."""
    document = admin.get(_path(key))
    if output == "json":
        print_json_text(document)
        return
    found = decoded(document, HotValue)
    click.echo(harmless(value_text(found.value, 1_000_000)))
    _echo(value_lines(found)[2:], to_stderr=True)


@hot.command("set")
@click.argument("assignment", metavar="KEY=VALUE")
@wait_option
@click.option(
    "--expects",
    metavar="REVISION",
    type=click.IntRange(min=0),
    help="Only if that is the newest revision of the key; 0: if it was never set.",
)
@canary_options
@output_option
@node_options
def set_value(
    assignment: str,
    wait: str,
    expects: int | None,
    canary: CanaryOptions | None,
    output: Output,
    admin: AdminClient,
) -> None:
    """Set a hot value on all nodes, and say which have it.

    VALUE is a word, a number, or JSON; KEY.PART=VALUE changes one part of a value. Ends with status
    1 when a node refuses the value or does not have it yet.

    With --nodes it is a canary: the value is in force on these nodes only, compared with the others
    on what is watched, and then kept, promoted (--promote) or reverted (--auto-revert). It ends by
    itself, whatever becomes of this command or of the node that is asked.
    """
    name, equals, text = assignment.partition("=")
    if not equals or not name:
        raise click.UsageError(f"'{assignment}' has no '='; write it as log_level=debug.")
    key, _, part = name.partition(".")
    asked: dict[str, Any] = {"text": text, "part": part}
    if canary is not None:
        if expects is not None or wait != "all":
            raise click.UsageError("--wait and --expects are not for a canary (--nodes).")
        ended = see_through(
            admin,
            f"{_path(key)}/canary",
            {**asked, **canary},
            tell=None if output == "json" else _tell_canary,
        )
        _end_canary(ended, output)
        return
    asked |= {"wait": wait, "expects": expects}
    with _told_when_unsure(key):
        document = admin.put(_path(key), asked)
    _changed(document, output, f"{name} is set", is_waited=wait == "all")


@hot.command()
@click.argument("key")
@output_option
@node_options
def history(key: str, output: Output, admin: AdminClient) -> None:
    """Show who changed KEY when, and to what; the last 64 changes are kept."""
    document = admin.get(f"{_path(key)}/history")
    if output == "json":
        print_json_text(document)
        return
    found = decoded(document, HotHistory)
    if found.versions:
        _echo(history_lines(found.versions))
    else:
        click.echo(f"{harmless(key)} was never changed: the settings are in force.")


@hot.command()
@click.argument("key")
@click.argument("revision", type=click.IntRange(min=1))
@wait_option
@output_option
@node_options
def rollback(key: str, revision: int, wait: str, output: Output, admin: AdminClient) -> None:
    """Set the value that KEY had at REVISION; `aiex hot history KEY` shows them."""
    with _told_when_unsure(key):
        document = admin.post(f"{_path(key)}/rollback", {"revision": revision, "wait": wait})
    what = f"{key} is what it was at revision {revision}"
    _changed(document, output, what, is_waited=wait == "all")


@hot.command()
@click.argument("key")
@output_option
@node_options
def reset(key: str, output: Output, admin: AdminClient) -> None:
    """Let the settings be in force again for KEY, on all nodes."""
    with _told_when_unsure(key):
        document = admin.delete(_path(key))
    _changed(document, output, f"{key} is what the settings say", is_waited=True)


@hot.command()
@click.argument("key")
@click.option("--promote", is_flag=True, help="Put the value that is tried in force everywhere.")
@click.option("--revert", is_flag=True, help="Put an end to it.")
@output_option
@node_options
def canary(key: str, promote: bool, revert: bool, output: Output, admin: AdminClient) -> None:
    """Show how the canary of KEY goes that the node asked began, or settle it from any node."""
    if promote and revert:
        raise click.UsageError("Choose one of --promote and --revert.")
    if promote or revert:
        document = admin.post(f"{_path(key)}/canary/settle", {"promote": promote})
        what = f"{key} is {'promoted' if promote else 'reverted'}"
        _changed(document, output, what, is_waited=True)
        return
    document = admin.get(f"{_path(key)}/canary")
    if output == "json":
        print_json_text(document)
        return
    found = decoded(document, Canary)
    _echo(list(canary_end_lines(found)) if found.outcome else [canary_line(found)])


@hot.command()
@output_option
@node_options
def watch(output: Output, admin: AdminClient) -> None:
    """Show each change of a hot value at the node asked, as it happens, until Ctrl-C."""
    tell = _tell_json if output == "json" else _tell_text
    try:
        follow(admin.get, tell)
    except KeyboardInterrupt:
        return


def follow(
    read: Callable[[str], bytes],
    tell: Callable[[HotValue], None],
    *,
    is_over: Callable[[], bool] = lambda: False,
) -> None:
    """Tell of every change after the first look; each look waits at the node for the next one."""
    found = decoded(read(HOT_PATH), HotList)
    known = {one.key: one for one in found.values}
    while not is_over():
        path = f"{HOT_PATH}?after={found.revision}&wait_s={WATCH_S:g}"
        found = decoded(read(path), HotList)
        for one in found.values:
            if one != known.get(one.key):
                tell(one)
        known = {one.key: one for one in found.values}


def _tell_text(one: HotValue) -> None:
    click.echo(harmless(f"{one.key} = {value_text(one.value)}  {source_text(one)}"))


def _tell_json(one: HotValue) -> None:
    print_json(one, indent=0)


def _tell_canary(found: Canary) -> None:
    click.echo(harmless(canary_line(found)), err=True)


def _end_canary(document: bytes, output: Output) -> None:
    found = decoded(document, Canary)
    if output == "json":
        print_json_text(document)
    else:
        _echo(list(canary_end_lines(found)))
    if found.verdict == "worse" or found.outcome in ("overtaken", "left"):
        click.get_current_context().exit(1)


@contextmanager
def _told_when_unsure(key: str) -> Iterator[None]:
    """An engine that does not answer may have kept the change all the same."""
    try:
        yield
    except AdminRefused as refused:
        if refused.status != HTTPStatus.SERVICE_UNAVAILABLE:
            raise
        text = f"{refused} It may have happened all the same: aiex hot history {key} tells."
        raise AdminRefused(text, refused.status) from refused


def _changed(document: bytes, output: Output, what: str, *, is_waited: bool) -> None:
    spread = decoded(document, Spread)
    if output == "json":
        print_json_text(document)
    else:
        _echo(spread_lines(spread, what))
    if spread.refused or (spread.behind and is_waited):
        click.get_current_context().exit(1)


def _echo(lines: list[str], *, to_stderr: bool = False) -> None:
    click.echo("\n".join(harmless(line) for line in lines), err=to_stderr)


def _path(key: str) -> str:
    return f"{HOT_PATH}/{quote(key, safe='')}"
