"""The options of `aiex hot` on its own.

They know nothing of what a node is asked: reading a hot value must not wait for that to be loaded.
"""

from collections.abc import Callable
from typing import Any, Literal

import click

# As in `FindHot`.
BACK_S_MAX = 3600.0
SHOWN_MAX = 1000

type RankedBy = Literal["function", "service", "coroutine", "route"]


def hot_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --seconds, -n and --by."""
    for option in (
        click.option(
            "--by",
            type=click.Choice(["function", "service", "coroutine", "route"]),
            default="function",
            show_default=True,
            help="What to rank.",
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
            type=click.FloatRange(0, BACK_S_MAX, min_open=True),
            default=60.0,
            show_default=True,
            help="How far to look back, up to an hour.",
        ),
    ):
        command = option(command)
    return command
