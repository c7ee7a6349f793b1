"""A key's limits on the command line: the options that set them, and how they are shown."""

import functools
from collections.abc import Callable
from typing import Any

import click

from aiex.cli.answers.keys import Limits
from aiex.money import NANO_PER_MICRO, micro_of, short_usd_text

type LimitFields = dict[str, int | list[str] | None]


def _limit(number: Callable[[str], int]) -> Callable[[str], int | None]:
    """A number, or in words: `none` lifts the limit, `default` takes that of the settings."""

    def converted(text: str) -> int | None:
        if text in ("none", "default"):
            return 0 if text == "none" else None
        try:
            limit = number(text)
        except ValueError as error:
            raise click.BadParameter(f"{error}; or say 'none' or 'default'.") from None
        if not limit:
            raise click.BadParameter("nothing could be used then; 'none' lifts the limit.")
        return limit

    return converted


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 12:
        raise ValueError(f"'{text}' is not a whole number")
    return int(text)


_COUNT = _limit(_count)
_USD = _limit(micro_of)


def limit_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds an option for each limit; the command gets `limits`, those given as the API's fields."""

    @click.option("--requests-per-minute", metavar="N", type=_COUNT, help="Requests a minute.")
    @click.option("--tokens-per-minute", metavar="N", type=_COUNT, help="Tokens a minute.")
    @click.option("--concurrency", metavar="N", type=_COUNT, help="Requests in progress.")
    @click.option(
        "--models",
        metavar="A,B*",
        help="Models it may ask for: names or 'prefix*', with commas; '*' allows all.",
    )
    @click.option(
        "--budget",
        "budget_micro_usd",
        metavar="USD",
        type=_USD,
        help="Dollars a calendar month (UTC). Every limit also takes 'none' or 'default'.",
    )
    @click.pass_context
    @functools.wraps(command)
    def with_limits(ctx: click.Context, /, *args: object, **others: Any) -> None:
        given = {name: others.pop(name) for name in _FIELDS}
        # None may have been said ("default") or not: only click knows.
        limits: LimitFields = {
            name: value
            for name, value in given.items()
            if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        }
        if (models := given["models"]) is not None:
            limits["models"] = _models(models)
        command(*args, limits=limits, **others)

    return with_limits


def limits_text(limits: Limits, spent_nano_usd: int) -> str:
    """In one line what a key may use, and what of its budget is spent."""
    parts = [
        f"{number:,} {what}"
        for number, what in (
            (limits.requests_per_minute, "requests/min"),
            (limits.tokens_per_minute, "tokens/min"),
            (limits.concurrency, "at once"),
        )
        if number
    ]
    if limits.models:
        parts.append(f"models {', '.join(limits.models)}")
    if limits.budget_micro_usd:
        budget = short_usd_text(limits.budget_micro_usd * NANO_PER_MICRO)
        parts.append(f"{short_usd_text(spent_nano_usd)} of {budget} USD this month")
    return "; ".join(parts) or "none"


_FIELDS = (
    "requests_per_minute",
    "tokens_per_minute",
    "concurrency",
    "models",
    "budget_micro_usd",
)


def _models(text: str) -> list[str] | None:
    if text == "default":
        return None
    if text == "none":
        return ["*"]
    if not (names := [name.strip() for name in text.split(",") if name.strip()]):
        raise click.UsageError("--models names none; 'none' lifts the limit, 'default' resets it.")
    return names
