"""`aiex loop`: how busy and how late a node's loop is, and what it stood still in."""

import textwrap
import time
from collections.abc import Iterator, Sequence
from itertools import batched
from math import ceil

import click

from aiex.cli.admin_client import AdminClient
from aiex.cli.asked_nodes import NodeAnswer, ask_nodes, on_option
from aiex.cli.duration import Duration
from aiex.cli.node_options import node_options
from aiex.cli.output import Output, fitted_lines, output_option, output_width, print_json_text
from aiex.cli.table import Column, in_width, shown
from aiex.cli.terminal_text import harmless
from aiex.performance import (
    Frame,
    ListStalls,
    LoopSpan,
    LoopState,
    ShowLoop,
    Stall,
    StallList,
    as_one_span,
)

COLUMNS = tuple(map(Column, ("FROM", "SECONDS", "BUSY", "NO CPU", "LATE", "ON AVERAGE")))
ROWS_MAX = 12
PATH_WIDTH_MIN = 20
FRAMES_SHOWN = 8
WHAT = {
    "waits": "it waited, and let nothing else run on the loop",
    "runs": "it ran Python code all the time",
    "holds": "a C function kept the interpreter",
    "kept_out": "another thread kept the interpreter",
    "starved": "it had work and no CPU: the machine or the container's limit is too small",
    "paging": "it waited for memory: pages came from disc, or the kernel had to free some",
    "stopped": "the whole process was stopped from outside",
    "stood_still": "nothing in the process ran: a C function that waits, or a short stop",
}


@click.command()
@click.option(
    "--seconds",
    type=Duration(3600, 1),
    metavar="TIME",
    default="60s",
    show_default=True,
    help="How far back to look; an hour at most.",
)
@click.option("--stalls", is_flag=True, help="List what the loop stood still in, with stacks.")
@on_option
@output_option
@node_options
def loop(seconds: float, stalls: bool, nodes: str, output: Output, admin: AdminClient) -> None:
    """Show how busy and late a node's loop is, and its stalls.

    BUSY is the CPU of the loop's thread. LATE is how long a request had to wait for the loop: one
    that is blocked looks idle and is late. NO CPU is the time it had work and no CPU.

    \b
    Examples:
      aiex loop
      aiex loop --seconds 600 --on all
      aiex loop --stalls              the newest stalls, each with its stack
    """
    if stalls:
        listed = ask_nodes(admin, ListStalls(), nodes)
        if output == "json":
            print_json_text(listed.document)
        else:
            _print(stall_lines(one) for one in listed.asked.answers)
        return
    came = ask_nodes(admin, ShowLoop(seconds), nodes)
    if output == "json":
        print_json_text(came.document)
    else:
        _print(_state_lines(one) for one in came.asked.answers)


def _print(nodes: Iterator[list[str]]) -> None:
    click.echo("\n\n".join("\n".join(lines) for lines in nodes))


def _state_lines(one: NodeAnswer[LoopState]) -> list[str]:
    state, window = one.answer, one.answer.window
    size = max(1, ceil(len(state.history) / ROWS_MAX))
    spans = [as_one_span(chunk) for chunk in batched(state.history, size)]
    more = " (`aiex loop --stalls`)" if state.stall_count else ""
    lines = [
        f"{one.node}: busy {window.busy_ratio:.1%} of the last {window.seconds:.0f} s, "
        f"{_ms(window.lag_s_max)} late at worst; {_times(state.stall_count, state.stall_s)}{more}",
        *fitted_lines(COLUMNS, map_rows(spans)),
    ]
    if state.threads:
        used = ", ".join(f"{one.name} {one.cpu_ratio:.1%}" for one in state.threads)
        lines += textwrap.wrap(harmless(f"CPU by thread: {used}"), output_width())
    return [*lines, state.sentinel]


def map_rows(spans: Sequence[LoopSpan]) -> list[tuple[str, ...]]:
    return [
        (
            clock_time(one.began_at_s),
            f"{one.seconds:.0f}",
            f"{one.busy_ratio:.1%}",
            f"{one.starved_ratio:.1%}",
            _ms(one.lag_s_max),
            _ms(one.lag_s_mean),
        )
        for one in spans
    ]


def stall_lines(one: NodeAnswer[StallList]) -> list[str]:
    listed = one.answer
    lines = [f"{one.node}: {_times(listed.stall_count, listed.stall_s)}"]
    if listed.earlier is not None:
        lines += ["", "In its last life, and it did not come back:", *_stall_text(listed.earlier)]
    for stall in listed.stalls:
        lines += ["", *_stall_text(stall)]
    return lines if listed.stalls or listed.earlier else [*lines, *listed.notes]


def _stall_text(stall: Stall) -> list[str]:
    over = "" if stall.is_over else " or more"
    thread = f"; thread {stall.thread}" if stall.thread else ""
    whose = " ".join(part for part in (stall.service, stall.route, stall.model) if part)
    lines = [
        f"{clock_time(stall.began_at_s)}  {stall.seconds:.2f} s{over}  {stall.kind}: "
        f"{WHAT.get(stall.kind, '')}{thread}"
    ]
    if whose:
        lines.append(f"    for {whose}")
    blamed = stall.culprit
    hidden_count = max(0, len(stall.stack) - FRAMES_SHOWN)
    if hidden_count:
        lines.append(f"      … {hidden_count} calls before")
    lines += [_frame_line(frame, frame is blamed) for frame in stall.stack[hidden_count:]]
    return [harmless(line) for line in [*lines, *([f"    {stall.detail}"] if stall.detail else [])]]


def _frame_line(frame: Frame, is_blamed: bool) -> str:
    """Of a long path the end is kept; the function is told whole."""
    head = f"    {'>' if is_blamed else ' '} {frame.function}  "
    where = f"{frame.file}:{frame.line}"
    room = max(output_width() - len(head), PATH_WIDTH_MIN)
    return head + in_width(shown(where), min(len(where), room), "name")


def _times(count: int, seconds: float) -> str:
    if count == 0:
        return "it never stood still"
    return f"it stood still {count} time{'s' if count > 1 else ''} since its start, {seconds:.1f} s"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def clock_time(at_s: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at_s))
