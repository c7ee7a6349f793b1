"""`aiex status`: how a running node is, once or again and again."""

import time
from collections.abc import Callable

import click

from aiex.cli import screen
from aiex.cli.admin_client import AdminClient, decoded
from aiex.cli.answers.node import Status, SupervisedService
from aiex.cli.node_options import node_options
from aiex.cli.output import Output, output_option, print_json_text
from aiex.cli.status_text import status_lines, tree_lines
from aiex.cli.terminal_text import harmless
from aiex.errors import AiexError

WATCH_EVERY_S = 2.0

type Lines = Callable[[bytes], list[str]]


@click.command()
@click.option("--tree", is_flag=True, help="The supervision tree instead: every service's state.")
@click.option("--watch", is_flag=True, help="Show it again every two seconds until Ctrl-C.")
@output_option
@node_options
def status(tree: bool, watch: bool, output: Output, admin: AdminClient) -> None:
    """Show how a running node is.

    Ends with status 1 when a check failed or no node answers; degraded is not failed.

    \b
    Examples:
      aiex status
      aiex status --tree
      aiex status -o json | jq .checks
    """
    path = "/admin/v1/supervision" if tree else "/admin/v1/status"
    lines: Lines = _tree_lines if tree else _status_lines
    if admin.access.chosen:
        lines = _with_name(admin.access.chosen, lines)
    if watch:
        watch_node(lambda: admin.get(path), lines, output, pause=time.sleep)
        return
    document = admin.get(path)
    if output == "json":
        print_json_text(document)
    else:
        click.echo("\n".join(lines(document)))
    if not tree and decoded(document, Status).has_failed:
        click.get_current_context().exit(1)


def watch_node(
    read: Callable[[], bytes], lines: Lines, output: Output, *, pause: Callable[[float], None]
) -> None:
    """Show what `read` gives until Ctrl-C; a node that does not answer is shown as that."""
    is_screen = output == "text" and screen.is_screen()
    try:
        if is_screen:
            screen.clear()
        while True:
            try:
                _show(read(), lines, output, is_screen=is_screen)
            except AiexError as error:
                _show_text([str(error)], is_screen=is_screen, to_stderr=output == "json")
            pause(WATCH_EVERY_S)
    except KeyboardInterrupt:
        return


def _show(document: bytes, lines: Lines, output: Output, *, is_screen: bool) -> None:
    if output == "json":
        print_json_text(document, indent=0)
    else:
        _show_text(lines(document), is_screen=is_screen)


def _show_text(lines: list[str], *, is_screen: bool, to_stderr: bool = False) -> None:
    if is_screen:
        screen.paint(lines)
    else:
        click.echo("\n".join([*lines, ""]), err=to_stderr)


def _with_name(name: str, lines: Lines) -> Lines:
    """The same below a line that says which of several nodes it is about."""
    return lambda document: [
        harmless(f"{name}, one of several nodes here; choose another with --node NAME"),
        "",
        *lines(document),
    ]


def _status_lines(document: bytes) -> list[str]:
    return status_lines(decoded(document, Status))


def _tree_lines(document: bytes) -> list[str]:
    return tree_lines(decoded(document, SupervisedService))
