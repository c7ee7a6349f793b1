"""`aiex cluster watch`: what happens in the cluster, as it happens."""

import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

import click
import msgspec

from aiex.cli import screen
from aiex.cli.admin_client import AdminClient, decoded
from aiex.cli.answers.cluster import SeenCluster
from aiex.cli.answers.node import Status
from aiex.cli.cluster_look import NOTHING, Change, Look, changes
from aiex.cli.cluster_text import CLUSTER_PATH, member_lines, status_lines
from aiex.cli.node_options import LookUp, look_up_options
from aiex.cli.output import Output, output_option, print_json
from aiex.cli.terminal_text import harmless
from aiex.errors import AiexError

# Members say twice a second how they are.
LOOK_EVERY_S = 0.5
SHOWN_MAX = 12


@click.command()
@output_option
@look_up_options
def watch(output: Output, look_up: LookUp) -> None:
    """Show the members and what happens to them, until Ctrl-C.

    On a terminal the cluster and the last events; piped, a line an event; with `-o json` one JSON
    object a line. When the node asked is lost, that is said, and the watch goes on: at that node
    once it is back or, if none was named, at another one of this machine.

    \b
    Examples:
      aiex cluster watch
      aiex cluster watch --node n2 | tee cluster.log
      aiex cluster watch -o json | jq -r 'select(.what == "member") | .text'
    """
    is_screen = output == "text" and screen.is_screen()
    if is_screen:
        screen.clear()
    tell = _print_json if output == "json" else _print_text
    watched = Watch(look_up, Screen() if is_screen else tell)
    try:
        while True:
            watched.look()
            time.sleep(LOOK_EVERY_S)
    except KeyboardInterrupt:
        return


# With the last look, the name of whoever was asked, what happened, and why none answers now.
type Tell = Callable[[Look, str, list[Change], str], None]


class Watch:
    """Compares each look with the one before."""

    def __init__(self, look_up: LookUp, tell: Tell) -> None:
        self._look_up = look_up
        self._tell = tell
        self._admin: AdminClient | None = None
        self._asked = ""
        self._last = NOTHING
        self._lost = ""

    def look(self) -> None:
        """One look; a node that does not answer is an event like others."""
        try:
            found = self._looked()
        except AiexError as error:
            self._note_lost(str(error))
            return
        happened = changes(self._last, found)
        asked = next((one.name for one in found.cluster.members if one.is_self), "")
        if self._lost or asked != self._asked:
            happened.insert(0, Change("watch", "", "", f"asks {asked or 'a node'}"))
        self._last, self._asked, self._lost = found, asked, ""
        self._tell(found, asked, happened, "")

    def _looked(self) -> Look:
        if self._admin is None:
            self._admin = self._look_up()
        cluster = decoded(self._admin.get(CLUSTER_PATH), SeenCluster)
        status = decoded(self._admin.get("/admin/v1/status"), Status)
        return Look(cluster, status.engine)

    def _note_lost(self, why: str) -> None:
        self._admin = None  # it may come back elsewhere, or another one of the cluster is here
        happened = [] if self._lost else [Change("watch", self._asked, "", "lost", why)]
        self._lost = why
        self._tell(self._last, self._asked, happened, why)


class Screen:
    """The cluster, then the last events."""

    def __init__(self) -> None:
        self._shown: deque[str] = deque(maxlen=SHOWN_MAX)

    def __call__(self, found: Look, _: str, happened: list[Change], lost: str) -> None:
        self._shown += [f"{_now()}  {change.text}" for change in happened]
        lines = [
            *([f"no answer: {lost}", "what was seen last:", ""] if lost else []),
            *status_lines(found.cluster, found.engine),
            "",
            *member_lines(found.cluster),
            "",
            *self._shown,
        ]
        screen.paint([harmless(line) for line in lines])


def _print_text(_: Look, __: str, happened: list[Change], ___: str) -> None:
    for change in happened:
        click.echo(harmless(f"{_now()}  {change.text}"))


def _print_json(_: Look, asked: str, happened: list[Change], __: str) -> None:
    for change in happened:
        print_json(
            {"at": _now(), "asked": asked, **msgspec.structs.asdict(change), "text": change.text},
            indent=0,
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
