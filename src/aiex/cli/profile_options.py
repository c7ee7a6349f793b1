"""Options that several commands of `aiex profile` have."""

import functools
from collections.abc import Callable

import click

from aiex.errors import AiexError
from aiex.performance import Profile
from aiex.performance.formats import Selection, label_weights, selected

COUNT = 20
_LISTED_MAX = 8

count_option = click.option(
    "-n",
    "--top",
    "count",
    type=click.IntRange(1, 1000),
    default=COUNT,
    show_default=True,
    help="How many functions the text has.",
)


class NothingSelected(AiexError):
    """No sample is of what was asked for."""


def selection_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds --service, --route, --model and --thread; the command gets `selection`."""

    @click.option("--service", metavar="NAME", default="", help="Only this service, or below it.")
    @click.option("--route", metavar="PATH", default="", help="Only requests of this route.")
    @click.option("--model", metavar="NAME", default="", help="Only requests for this model.")
    @click.option("--thread", metavar="NAME", default="", help="Only this thread.")
    @functools.wraps(command)
    def with_selection(service: str, route: str, model: str, thread: str, **others: object) -> None:
        command(selection=Selection(service, route, model, thread), **others)

    return with_selection


def only_selected(profile: Profile, selection: Selection) -> Profile:
    """The samples meant; raises `NothingSelected` with what there is, when there are none."""
    seen = selected(profile, selection)
    if seen.samples or selection.is_everything or not profile.samples:
        return seen
    told = []
    for name in ("service", "route", "model", "thread"):
        wanted = getattr(selection, name)
        known = sorted(filter(None, label_weights(profile, name)))
        if wanted and not any(one == wanted for one in known):
            listed = ", ".join(known[:_LISTED_MAX])
            there = f"there is no {name} '{wanted}'; seen were {listed}"
            told.append(there if known else f"none says its {name}")
    why = "; ".join(told) or "each is there, but never together"
    raise NothingSelected(f"No sample is of what was asked for: {why}.")
