"""A trace in words: what it looks at, a line for each call and each end, and what came of it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from aiex.performance.tracer import StartTrace, TraceCounts, TraceLine, TraceRead, TraceStarted

STACK_INDENT = " " * 14


def start_texts(asked: StartTrace, started: Sequence[tuple[str, TraceStarted]]) -> Iterator[str]:
    """What is traced where, and until when."""
    nodes = ", ".join(node for node, _ in started)
    calls = f"{asked.calls_max} call{'' if asked.calls_max == 1 else 's'}"
    yield (
        f"Tracing at {nodes}: {calls}, {_rate_text(asked.rate_per_s)} shown, "
        f"{asked.ttl_s:g} s at most; Ctrl-C ends it."
    )
    # A property's getter and setter have one name and two places.
    functions = {
        (one.name, one.file, one.line): one for _, answer in started for one in answer.functions
    }
    for one in functions.values():
        note = f" ({one.note})" if one.note else ""
        yield f"  {one.name}  {one.file}:{one.line}{note}"


def line_texts(line: TraceLine, node: str) -> Iterator[str]:
    """One for the call or its end, and one for each caller that is shown."""
    at = datetime.fromtimestamp(line.at_s, UTC).strftime("%H:%M:%S.%f")[:-3]
    where = f"{node}  " if node else ""
    yield f"{at}  {where}#{line.call} {_what(line)}{_whose(line)}"
    for caller in line.stack:
        yield f"{STACK_INDENT}from {caller}"


def end_text(node: str, read: TraceRead) -> str:
    """Why it is over, and the figures."""
    counts = read.counts
    parts = [
        f"{counts.seen} seen",
        f"{counts.matched} matched",
        f"{counts.shown} shown",
        f"{counts.dropped} dropped",
        *([f"{counts.open} not ended"] if counts.open else []),
        f"{counts.spent_us / 1000:.1f} ms spent",
    ]
    return (
        f"{node}: ended because {read.ended}. {', '.join(parts)}.{_failures(counts)}{_none(counts)}"
    )


def _rate_text(per_s: float) -> str:
    for seconds, name in ((1, "second"), (60, "minute")):
        if per_s * seconds >= 1:
            return f"{per_s * seconds:g} a {name}"
    return f"{per_s * 3600:g} an hour"


def _none(counts: TraceCounts) -> str:
    if counts.seen:
        return ""
    return " Nobody called it meanwhile; `aiex profile cpu --last 10m` tells what runs."


def _failures(counts: TraceCounts) -> str:
    if not counts.failed:
        return ""
    return f" Of {counts.failed} the condition could not be told, the first since {counts.why}."


def _what(line: TraceLine) -> str:
    args = ", ".join(f"{one.name}: {one.text}" if one.name else one.text for one in line.args)
    call = f"{line.function}({args})" if line.args or line.kind == "call" else line.function
    match line.kind:
        case "call":
            return call
        case "lost":
            return f"{call} was left behind: its end was not seen"
        case "raise":
            return f"{call} raised {line.value} {_times(line)}"
    return f"{call} returned {line.value} {_times(line)}"


def _times(line: TraceLine) -> str:
    if not line.pauses:
        return f"after {line.took_ms:.3f} ms"
    times = "once" if line.pauses == 1 else f"{line.pauses} times"
    return f"after {line.took_ms:.3f} ms (ran {line.ran_ms:.3f} ms, paused {times})"


def _whose(line: TraceLine) -> str:
    """On whose behalf; the main thread and nobody go without saying."""
    known = [line.service, line.route, line.model, line.thread]
    told = " ".join(one for one in known if one)
    return f"  [{told}]" if told else ""
