"""Hot values in words for people; pure."""

from collections.abc import Iterator
from typing import Any

import msgspec

from aiex.cli.answers.hot import Canary, HotList, HotValue, HotVersion, Spread, Trial
from aiex.cli.output import table_lines

VALUE_CHARS_MAX = 60
LABEL_WIDTH = 9


def value_text(value: Any, chars_max: int = VALUE_CHARS_MAX) -> str:
    """A value as one would write it on the command line, by its beginning when it is long."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= chars_max else f"{text[: chars_max - 1]}…"


def list_lines(found: HotList) -> list[str]:
    """All keys with what is in force and where it comes from."""
    rows = [(one.key, value_text(one.value), source_text(one)) for one in found.values]
    lines = table_lines(("KEY", "VALUE", "FROM"), rows)
    if found.unknown:
        names = ", ".join(found.unknown)
        lines += ["", f"kept for other releases, and not used here: {names}"]
    if not found.is_caught_up:
        lines += ["", f"the engine is away: these are the last values that {found.node} heard"]
    return lines


def source_text(one: HotValue) -> str:
    """Where the value in force comes from."""
    if not one.revision:
        return f"setting {one.setting}"
    parts = [f"revision {one.revision}, {change_text(one.what, one.changed_by, one.changed_at)}"]
    if one.source == "settings":
        parts.insert(0, f"setting {one.setting}")
    if one.refusal:
        parts.insert(0, f"REFUSED here: {one.refusal}")
    if one.trial is not None:
        parts.append(trial_text(one.trial))
    return "; ".join(parts)


def trial_text(trial: Trial) -> str:
    end = "until it is settled" if trial.ends_at_s else "without an end"
    return f"{value_text(trial.value)} is tried on {', '.join(trial.nodes)} {end}"


def value_lines(one: HotValue) -> list[str]:
    """One key with all that is known of it."""
    return [
        _line("key", one.key),
        _line("value", value_text(one.value, 2000)),
        _line("from", source_text(one)),
        _line("default", value_text(one.default, 2000)),
        _line("meaning", one.meaning),
    ]


def change_text(what: str, by: str, at: str) -> str:
    """`set by admin 2026-11-25 19:40:11`."""
    return " ".join(
        part for part in (what, f"by {by}" if by else "", _second(at) if at else "") if part
    )


def spread_lines(spread: Spread, what: str) -> list[str]:
    """What became of a change, and of which nodes that cannot be said."""
    nodes = "1 node has it" if len(spread.applied) == 1 else f"{len(spread.applied)} nodes have it"
    names = f" ({', '.join(spread.applied)})" if spread.applied else ""
    lines = [f"{what} (revision {spread.revision}); {nodes}{names}."]
    lines += [f"refused by {one.node}: {one.why}" for one in spread.refused]
    lines += [f"not yet at {one.node}: {one.why}" for one in spread.behind]
    if spread.refused:
        lines.append(
            "Where it is refused the value before stays in force. Set one that all nodes can take, "
            f"or undo it: aiex hot history {spread.key}"
        )
    elif spread.behind:
        lines.append("They get it as soon as they hear of it; aiex cluster explain says why not.")
    return lines


def history_lines(versions: tuple[HotVersion, ...]) -> list[str]:
    """Newest first."""
    rows = [
        (str(one.revision), _second(one.at), one.by, _what(one), _version_value(one))
        for one in versions
    ]
    return table_lines(("REVISION", "AT", "BY", "WHAT", "VALUE"), rows)


def canary_line(canary: Canary) -> str:
    """How it goes, in a line."""
    sides = (("canary", canary.canary), ("others", canary.others))
    told = [
        f"{name} {one.requests} requests, {one.error_ratio:.2%} errors, p99 {one.p99_ms:.1f} ms"
        for name, one in sides
    ]
    return f"{canary.left_s:.0f} s left; {'; '.join(told)}; {canary.verdict}"


def canary_end_lines(canary: Canary) -> Iterator[str]:
    """The verdict, what was done, and what to do next."""
    nodes = ", ".join(canary.nodes)
    yield f"Verdict: {canary.verdict} ({'; '.join(canary.reasons)})."
    match canary.outcome:
        case "promoted":
            yield "It is in force on all nodes now."
        case "reverted":
            yield f"It is undone: the value of the others is in force on {nodes} again."
        case "kept":
            yield (
                f"It stays on {nodes}, and on these only. For all: aiex hot canary {canary.key} "
                f"--promote; undo it: aiex hot canary {canary.key} --revert"
            )
        case _:
            yield f"It was not carried out: {canary.reason}. See aiex hot get {canary.key}."


def _what(version: HotVersion) -> str:
    if not version.what:
        return "not readable here"
    if version.from_revision:
        return f"{version.what} (from {version.from_revision})"
    return version.what


def _version_value(version: HotVersion) -> str:
    value = value_text(version.value) if version.has_value else "default"
    return value if version.trial is None else f"{value}; {trial_text(version.trial)}"


def _second(instant: str) -> str:
    return instant[:19].replace("T", " ")


def _line(label: str, text: str) -> str:
    return f"{label:<{LABEL_WIDTH}} {text}"
