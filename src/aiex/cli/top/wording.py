"""What stands around the table: the head, the panes, what is the matter, the keys. Pure."""

from collections.abc import Sequence

from aiex.cli.memory_text import size_text
from aiex.cli.status_text import duration_text
from aiex.cli.table import in_width, shown
from aiex.cli.top.pane import Picture, Seen, View
from aiex.cli.top.panes import NAMES, pane_of, way_of
from aiex.cli.top.watched import Watched

SUMMARY_LINES_MAX = 4
KEYS = "? help  ↵ more  s sort  b by  / filter  Space pause  p profile  t trace  q quit"
HELP = (
    ("1 … 7", "the panes; ← → and Tab go to the next one"),
    ("↑ ↓ PgUp PgDn", "choose a row"),
    ("Enter", "more: a task's await chain, a function's callers, …"),
    ("s", "sort by the next column that can be sorted by"),
    ("b", "rows by something else: by service, by route, …"),
    ("/", "only rows that have a text in their names; Esc: all"),
    ("+  -", "ask for more rows, or fewer"),
    ("Space", "pause, or go on; no node is asked while paused"),
    ("r", "ask now"),
    ("<  >", "ask more often, or less often"),
    ("p", "profile the node of the chosen row, into a file"),
    ("t", "trace calls of a function at that node, into a file"),
    ("x", "end the profile or trace that is running"),
    ("q", "quit"),
)


def head_text(seen: Sequence[Seen], watched: Watched, interval_s: float, is_paused: bool) -> str:
    """A node in a line; of several only how many there are."""
    look = watched.look
    pace = "PAUSED" if is_paused else f"every {interval_s:g} s"
    answer = f"{look.byte_count / 1000:.1f} kB in {look.took_s * 1000:.0f} ms"
    if len(seen) != 1:
        silent = f", {len(watched.silent)} silent" if watched.silent else ""
        return f"{len(seen)} nodes{silent}  {pace}  {answer}"
    head = seen[0].now.head
    return (
        f"{seen[0].node}  {pace}  up {duration_text(head.uptime_s)}  CPU {head.busy_ratio:.0%}  "
        f"{size_text(head.rss_bytes)}  {head.task_count:,} tasks  {head.in_flight:,} in flight  "
        f"{answer}  {head.version}"
    )


def panes_text(view: View) -> str:
    """The chosen one in brackets: it can be told without colours."""
    return " ".join(
        f"[{number} {name}]" if name == view.pane else f" {number} {name} "
        for number, name in enumerate(NAMES, 1)
    )


def summary_lines(picture: Picture, view: View, width: int) -> list[str]:
    """Of many nodes the first few, a line each; and how the rows are chosen."""
    lines = list(picture.summary)
    if len(lines) > 1:
        lines = [in_width(shown(line), width, "word").rstrip() for line in lines]
    if len(lines) > SUMMARY_LINES_MAX:
        more = len(lines) - SUMMARY_LINES_MAX + 1
        lines = [*lines[: SUMMARY_LINES_MAX - 1], f"… and {more} nodes more"]
    return [*lines, choice_text(picture, view)]


def choice_text(picture: Picture, view: View) -> str:
    """`tasks: 17, by task, sorted by cpu, with 'nats' in their names`."""
    count = len(picture.table.rows)
    parts = [f"{picture.is_about}: {count or 'none'}"]
    if len(pane_of(view).ways) > 1:
        parts.append(f"by {view.by}")
    if len(way_of(view).sorts) > 1:
        parts.append(f"sorted by {view.sort}")
    if view.fits:
        parts.append(f"with '{view.fits}' in their names")
    return ", ".join(parts)


def note_text(watched: Watched, now_s: float, said: str, job: str) -> str:
    """What is the matter comes first, then what was said last, then what is running."""
    if watched.trouble is not None:
        for_s = now_s - watched.trouble.since_s
        old = " This is what was seen last." if watched.seen else ""
        return f"NO ANSWER for {for_s:.0f} s: {watched.trouble.text}{old}"
    if watched.silent:
        return "; ".join(f"NO ANSWER of {node}: {why}" for node, why in watched.silent.items())
    return said or job


def help_lines() -> list[str]:
    return [f"{keys:<15} {what}" for keys, what in HELP]
