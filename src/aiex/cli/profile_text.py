"""Profiles and their differences as lines for people."""

from collections.abc import Iterator, Sequence

from aiex.cli.duration import duration_text
from aiex.cli.output import table_lines
from aiex.cli.terminal_text import harmless
from aiex.performance import Kind, Profile
from aiex.performance.formats import (
    MEANINGS,
    Difference,
    FunctionChange,
    function_changes,
    function_weights,
    label_weights,
)

_NAMES: dict[Kind, str] = {"cpu": "CPU", "wall": "Wall time", "memory": "Memory"}
_NOTHING: dict[Kind, str] = {
    "cpu": "Nothing was seen to use the CPU: look for longer, or back with --last 10m.",
    "wall": "No task or thread was seen: look for longer.",
    "memory": "Nothing was made that is still there: look for longer, or while the node has work.",
}
# Labels by which it is worth telling what took how much.
_TOLD = ("node", "service", "route", "model")
_SHARES_MAX = 6


def profile_lines(profile: Profile, count: int) -> list[str]:
    """What took most: `count` functions, then the labels, then what it cannot tell."""
    whole = profile.weight
    if not profile.samples and not profile.lost:
        lines = [_head(profile), "", _NOTHING[profile.kind]]
        return [harmless(line) for line in [*lines, *_note_lines(profile.notes)]]
    lines = [_head(profile), ""]
    rows = [
        (
            amount_text(one.own, profile.kind),
            share_text(one.own, whole),
            amount_text(one.total, profile.kind),
            share_text(one.total, whole),
            one.frame.function,
        )
        for one in function_weights(profile)[:count]
    ]
    lines += _right(("SELF", "", "TOTAL", "", "FUNCTION"), rows)
    if by_label := list(_label_lines(profile)):
        lines += ["", *by_label]
    return [harmless(line) for line in [*lines, *_note_lines(profile.notes)]]


def difference_lines(difference: Difference, count: int) -> list[str]:
    """What changed most: `count` functions, with what they took themselves before and after."""
    before, after, kind = difference.before, difference.after, difference.after.kind
    scaled = round(before.weight * difference.factor)
    change = after.weight - scaled
    lines = [
        f"before: {_head(before)}",
        f"after:  {_head(after)}",
        f"{MEANINGS[difference.by]}; in all {signed_text(change, kind)}"
        + (f", {signed_share(change, scaled)}." if scaled else "."),
        "",
    ]
    changes = [one for one in function_changes(difference) if one.own_change or one.total_change]
    if not changes:
        return [*lines, "Nothing changed."]
    rows = [_change_row(one, after.weight, kind) for one in changes[:count]]
    headings = ("SELF", "", "BEFORE", "AFTER", "TOTAL", "", "FUNCTION")
    lines += _right(headings, rows)
    notes = tuple(dict.fromkeys(before.notes + after.notes))
    return [harmless(line) for line in [*lines, *_note_lines(notes)]]


def amount_text(weight: int, kind: Kind) -> str:
    """`1.23 s`, `45.6 ms`, `7.89 MiB`."""
    steps = (
        ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B"))
        if kind == "memory"
        else ((1_000_000, "s"), (1_000, "ms"), (1, "us"))
    )
    step, name = next((one for one in steps if abs(weight) >= one[0]), steps[-1])
    if step == 1:
        return f"{weight} {name}"
    size = weight / step
    return f"{size:,.2f} {name}" if abs(size) < 10 else f"{size:,.1f} {name}"


def share_text(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else ""


def signed_text(weight: int, kind: Kind) -> str:
    return ("+" if weight >= 0 else "") + amount_text(weight, kind)


def signed_share(part: int, whole: int) -> str:
    return f"{part / whole:+.1%}" if whole else ""


def _change_row(one: FunctionChange, whole: int, kind: Kind) -> tuple[str, ...]:
    return (
        signed_text(one.own_change, kind),
        signed_share(one.own_change, whole),
        amount_text(one.own_before, kind),
        amount_text(one.own_after, kind),
        signed_text(one.total_change, kind),
        signed_share(one.total_change, whole),
        one.function,
    )


def _head(profile: Profile) -> str:
    nodes = sorted({one.node for one in profile.labels if one.node})
    of_nodes = f" of {', '.join(nodes)}" if nodes else ""
    amount = amount_text(profile.weight, profile.kind)
    span = f" in {duration_text(round(profile.seconds, 1))}" if profile.seconds else ""
    busy = ""
    if profile.kind == "cpu" and profile.seconds:
        busy = f", {profile.weight / 1e6 / profile.seconds:.1%} of a CPU"
    count = sum(sample.count for sample in profile.samples)
    counted = _counted(count, "allocation" if profile.kind == "memory" else "sample")
    stacks = _counted(len(profile.samples), "stack")
    return f"{_NAMES[profile.kind]}{of_nodes}: {amount}{span}{busy}; {counted}, {stacks}."


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _label_lines(profile: Profile) -> Iterator[str]:
    for name in _TOLD:
        weights = label_weights(profile, name)
        if len(weights) < 2 and (name != "service" or "" in weights):
            continue
        heaviest = sorted(weights.items(), key=lambda one: -one[1])
        shares = [
            f"{text or '(none)'} {share_text(weight, profile.weight)}" for text, weight in heaviest
        ]
        more = [f"{len(shares) - _SHARES_MAX} more"] if len(shares) > _SHARES_MAX else []
        yield f"by {name}: {', '.join([*shares[:_SHARES_MAX], *more])}"


def _note_lines(notes: Sequence[str]) -> list[str]:
    return ["", *(f"note: {note}" for note in notes)] if notes else []


def _right(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table whose columns are flush right, but for the last."""
    cells = [tuple(headings), *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings) - 1)]
    flush = [
        [*(cell.rjust(width) for cell, width in zip(row[:-1], widths, strict=True)), row[-1]]
        for row in cells
    ]
    return table_lines(flush[0], flush[1:])
