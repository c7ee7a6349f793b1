"""A canary on the command line: the options that make a change one, and seeing it through."""

import functools
import time
from collections.abc import Callable
from typing import Any

import click

from aiex.cli.admin_client import AdminClient, decoded
from aiex.cli.answers.hot import Canary

type CanaryOptions = dict[str, Any]

LOOK_EVERY_S = 1.0
_UNITS = {"s": 1, "m": 60, "h": 3600}


def canary_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds --nodes, --for, …; the command gets `canary`, their fields, or None without --nodes."""

    @click.option(
        "--nodes",
        metavar="N|NAME,…",
        help="Try it on so many nodes only, or on these: a canary.",
    )
    @click.option("--for", "for_text", metavar="TIME", help="How long it is tried: 60s, 10m, 1h.")
    @click.option(
        "--watch", metavar="WHAT", help="What is compared: error_rate, p99, or both with a comma."
    )
    @click.option(
        "--auto-revert", is_flag=True, help="Undo it at once when it does harm, or nobody can tell."
    )
    @click.option("--promote", is_flag=True, help="Put it in force everywhere when it does none.")
    @functools.wraps(command)
    def with_canary(
        *args: object,
        nodes: str | None,
        for_text: str | None,
        watch: str | None,
        auto_revert: bool,
        promote: bool,
        **others: Any,
    ) -> None:
        if nodes is None:
            if for_text or watch or auto_revert or promote:
                raise click.UsageError(
                    "--for, --watch, --auto-revert and --promote belong to a canary: add --nodes 1."
                )
            command(*args, canary=None, **others)
            return
        given = {
            "nodes": _nodes(nodes),
            "for_s": seconds_of(for_text or "60s"),
            "watch": [one.strip() for one in (watch or "error_rate,p99").split(",")],
            "auto_revert": auto_revert,
            "promote": promote,
        }
        command(*args, canary=given, **others)

    return with_canary


def see_through(
    admin: AdminClient,
    path: str,
    asked: CanaryOptions,
    *,
    tell: Callable[[Canary], None] | None,
    pause: Callable[[float], None] = time.sleep,
) -> bytes:
    """Begin a canary and tell of it until it has an outcome; the node's last word."""
    document = admin.post(path, asked)
    while not (found := decoded(document, Canary)).outcome:
        if tell is not None:
            tell(found)
        pause(LOOK_EVERY_S)
        document = admin.get(path)
    return document


def seconds_of(text: str) -> float:
    """The seconds of `60s`, `10m` or `1h`; raises `click.UsageError` for what is no time."""
    count, unit = text[:-1], _UNITS.get(text[-1:], 0)
    if not (unit and count.isascii() and count.isdecimal() and len(count) < 6):
        raise click.UsageError(f"'{text}' is no time like 60s, 10m or 1h.")
    return float(int(count) * unit)


def _nodes(text: str) -> int | list[str]:
    if text.isascii() and text.isdecimal():
        return int(text)
    return [name.strip() for name in text.split(",") if name.strip()]
