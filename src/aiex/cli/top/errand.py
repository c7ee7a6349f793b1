"""A profile or a trace, from what somebody typed into the fields: the command it is. Pure."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

KINDS = ("cpu", "wall", "memory")
PROFILE_HINT = "A .html is a flame graph. Enter takes it, Esc does not. Memory slows the node."
TRACE_HINT = "Whichever limit comes first ends it. Enter traces, Esc does not."
KIND, SECONDS, FILE = "kind (cpu, wall, memory)", "for how many seconds", "file"
FUNCTIONS, CALLS, RATE = "functions (pkg.mod:Class.method)", "calls at most", "shown a second"
TTL, WHEN = "seconds at most", "only when (may stay empty)"


class Errand(NamedTuple):
    """`file` is where its output goes, None when the command writes one itself."""

    what: str
    arguments: tuple[str, ...]
    file: Path | None = None


def profile_fields(node: str, clock_time: str) -> dict[str, str]:
    return {KIND: "cpu", SECONDS: "10", FILE: f"profile-{_in_name(node)}-{clock_time}.html"}


def profile_errand(fields: Mapping[str, str], node: str) -> Errand:
    """Raises `ValueError` with what to type instead; the command checks the rest."""
    if fields[KIND] not in KINDS:
        raise ValueError(f"'{fields[KIND]}' is no kind of profile: {', '.join(KINDS)}.")
    if not fields[FILE]:
        raise ValueError("A profile goes into a file: name one.")
    return Errand(
        f"profile of {node}",
        (
            "profile",
            fields[KIND],
            f"--seconds={fields[SECONDS]}",
            f"--on={node}",
            f"--output={fields[FILE]}",
        ),
    )


def trace_fields(node: str, clock_time: str, function: str) -> dict[str, str]:
    """`function` is the chosen row's, where its name can be one."""
    return {
        FUNCTIONS: function if ":" in function and "<" not in function else "",
        CALLS: "100",
        RATE: "10",
        TTL: "60",
        WHEN: "",
        FILE: f"trace-{_in_name(node)}-{clock_time}.txt",
    }


def trace_errand(fields: Mapping[str, str], node: str) -> Errand:
    """Raises `ValueError` with what to type instead; the command checks the rest."""
    functions = fields[FUNCTIONS].split()
    if not functions:
        raise ValueError("Name a function to trace, such as aiex.assistant.chat:Chat.answer.")
    if not fields[FILE]:
        raise ValueError("A trace goes into a file: name one.")
    when = (f"--when={fields[WHEN]}",) if fields[WHEN] else ()
    return Errand(
        f"trace at {node}",
        (
            "trace",
            f"--max={fields[CALLS]}",
            f"--rate={fields[RATE]}/s",
            f"--ttl={fields[TTL]}s",
            *when,
            "--returns",
            f"--on={node}",
            "--",
            *functions,
        ),
        Path(fields[FILE]),
    )


def _in_name(node: str) -> str:
    """As a part of a file's name."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", node).strip("-.") or "node"
