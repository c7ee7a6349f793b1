"""The options of `aiex hot` on its own, and what may be asked with them.

They know nothing of what a node is asked: reading a hot value must not wait for that to be loaded.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args

import click

from aiex.cli.duration import Duration

# As in `FindHot` and `Rank`.
BACK_S_MAX = 3600.0
WINDOW_S_MAX = 120.0
SHOWN_MAX = 1000
BACK_S = 60.0
WINDOW_S = 3.0

type RankedBy = Literal["function", "service", "coroutine", "route"]


class Metric(NamedTuple):
    """The first of `ways` is the usual one. One that is not `kept` is there within a window only.

    `grows`: it is counted from the node's start on. `has_total`: it makes sense to add it up.
    """

    unit: Literal["s", "bytes", ""]
    ways: tuple[str, ...]
    kept: bool = True
    grows: bool = False
    has_total: bool = True


# As a node lists them when it is asked for `measures`.
METRICS = {
    "cpu": Metric("s", ("function", "service", "coroutine", "route", "thread"), grows=True),
    "cpu_total": Metric("s", ("function",), grows=True),
    "cpu_counted": Metric("s", ("task", "coroutine", "service"), kept=False),
    "steps": Metric("", ("task", "coroutine", "service"), kept=False),
    "wall": Metric("s", ("function",), kept=False),
    "wall_total": Metric("s", ("function",), kept=False),
    "stall": Metric("s", ("function",), grows=True),
    "age": Metric("s", ("task",), has_total=False),
    "count": Metric("", ("coroutine", "service", "waiting")),
    "queue_len": Metric("", ("queue",)),
    "memory": Metric("bytes", ("type",)),
    "objects": Metric("", ("type",)),
    "allocations": Metric("bytes", ("function",), kept=False),
    "gc_pause": Metric("s", ("generation",), grows=True),
}
WAYS = tuple(dict.fromkeys(way for metric in METRICS.values() for way in metric.ways))
LOOKED_BACK: tuple[str, ...] = get_args(RankedBy.__value__)


class HotOptions(NamedTuple):
    """What was said; None is what was not."""

    of: str | None
    by: str | None
    n: int
    seconds: float | None
    window: float | None

    def way(self) -> str:
        """What to rank; raises `UsageError` when that is not known of the metric."""
        metric = METRICS[self.of] if self.of else None
        ways = metric.ways if metric else LOOKED_BACK
        if self.by is not None and self.by not in ways:
            whose = f"--of {self.of}" if self.of else "how far --seconds looks back"
            others = [f"--of {name}" for name, one in METRICS.items() if self.by in one.ways]
            raise click.UsageError(
                f"--by {self.by} is not known of {whose}, but --by {', '.join(ways)}. "
                f"It is of {', '.join(others)}."
            )
        return self.by or ways[0]

    def checked(self) -> "HotOptions":
        """Raises `UsageError` for options that say nothing together."""
        if self.of is None and self.window is not None:
            raise click.UsageError("--window is for --of; --seconds says how far to look back.")
        if self.of is not None and self.seconds is not None:
            raise click.UsageError("With --of there is no looking back: --window instead.")
        return self


def hot_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --of, --by, --window, --seconds and -n."""
    for option in (
        click.option(
            "--window",
            metavar="TIME",
            type=Duration(WINDOW_S_MAX),
            help="With --of: what grew the most from now on, for so long; up to two minutes.  "
            f"[default: now, or {WINDOW_S:g}s where it is not counted else]",
        ),
        click.option(
            "--of",
            metavar="METRIC",
            type=click.Choice(list(METRICS)),
            help=f"Rank this instead: {', '.join(METRICS)}.",
        ),
        click.option(
            "--by",
            type=click.Choice(WAYS),
            metavar="WHAT",
            help=f"What to rank: {', '.join(LOOKED_BACK)}; with --of what it is known by."
            "  [default: function]",
        ),
        click.option(
            "-n",
            "n",
            type=click.IntRange(1, SHOWN_MAX),
            default=15,
            show_default=True,
            help="How many to show.",
        ),
        click.option(
            "--seconds",
            metavar="TIME",
            type=Duration(BACK_S_MAX),
            help=f"How far to look back, up to an hour.  [default: {BACK_S:g}s]",
        ),
    ):
        command = option(command)
    return command
