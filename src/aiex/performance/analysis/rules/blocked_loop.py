"""The loop stands still: in which function, and whether that waits, computes, or keeps C code."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from aiex.performance.analysis.calls import (
    WAITS_ONLY,
    can_only_wait,
    computing,
    line_of,
    matches_for_sure,
    only_awaits,
    waits,
)
from aiex.performance.analysis.evidence import Evidence, held_up
from aiex.performance.analysis.finding import Cause, Finding
from aiex.performance.analysis.loop_time import had_cpu_ratio, is_crowded, is_late
from aiex.performance.analysis.spent import Spent, blamed, is_library, own_service, share, spent
from aiex.performance.loop import FROM_OUTSIDE, Stall, culprit
from aiex.performance.profile import Frame

# One stall may be a host that was busy, or a page that came from disk. Two in one function within
# seconds, or one that a person notices, are the function's.
STALLS_MIN = 2
STALL_S = 0.15
STALL_S_MIN = 0.5
# Shorter ones, of some 50 ms, have to come again and again.
HOLDS_MIN = 3
HELD_SHARE_MIN = 0.02
OWN_TIMES = 3
# On a machine that is full a piece of a few milliseconds becomes one of fifty now and then, by any
# clock: that of a CPU runs on while a host has it. Then it takes more of the short ones, and what
# had less of the CPU meanwhile than this has not computed for so long.
CROWDED_TIMES = 2
COMPUTING_RATIO_MIN = 0.5
# A lateness that a probe finds in most seconds; a loaded node's own is a few milliseconds.
LATE_S = 0.03
# Of the window, the loop's thread was in one function, and mostly without the CPU.
WAIT_SHARE_MIN = 0.08
CPU_OF_WAIT_MAX = 0.5
LOOKS_MIN = 5

WAIT_ADVICE = (
    "Await instead: asyncio.sleep, an async client, or `await asyncio.to_thread(…)` around the "
    "call."
)
_COMPUTE_ADVICE: dict[Cause, str] = {
    "slow_regex": "Bound what the pattern is given, and rewrite it without nested repeats "
    "(possessive `*+` or atomic groups), or match in a process of its own.",
    "serialisation": "Serialise less or smaller pieces at a time, or in a thread for what lets go "
    "of the interpreter.",
    "logging": "Log less on this path, and through a queue (logging.handlers.QueueHandler).",
    "long_computation": "Split it with `await asyncio.sleep(0)` between pieces, or run it in a "
    "process of its own; a thread would still hold the interpreter.",
    "competing_threads": "Computing Python belongs into a process of its own "
    "(concurrent.futures.ProcessPoolExecutor).",
    "c_call": "Call it with less at a time, or in a process of its own: while it runs no other "
    "Python code does, threads included.",
}
_COMPUTE_WORDS: dict[Cause, str] = {
    "slow_regex": "matches a regular expression for long",
    "serialisation": "serialises for long",
    "logging": "writes to the log for long",
    "long_computation": "computes for long",
    "c_call": "calls a C function that keeps the interpreter",
    "competing_threads": "computes while the loop needs the interpreter",
}


def blocked_loop(evidence: Evidence) -> Iterator[Finding]:
    """Stalls of one function and one way, told together."""
    grouped: dict[tuple[Frame, Cause], list[Stall]] = defaultdict(list)
    for stall in held_up(evidence):
        frame, cause = culprit(stall.stack), cause_of(stall, evidence)
        if frame is None or cause is None or blamed(stall.stack) is None:
            continue
        grouped[_at_function(_with_callee(frame, stall, evidence)), cause].append(stall)
    for (frame, cause), stalls in grouped.items():
        seconds = sum(one.seconds for one in stalls)
        if _is_enough(frame, stalls, seconds, evidence):
            yield _stall_finding(frame, cause, stalls, seconds, evidence)


def _is_enough(frame: Frame, stalls: Sequence[Stall], seconds: float, evidence: Evidence) -> bool:
    """Whether it is more than chance; of the node's own functions, which all requests go through
    and any stop of the machine meets, it takes more.
    """
    times = OWN_TIMES if own_service(frame.function) else 1
    often = max(times, CROWDED_TIMES if is_crowded(evidence) else 1)
    is_often = (
        len(stalls) >= often * HOLDS_MIN and seconds >= often * HELD_SHARE_MIN * evidence.seconds
    )
    is_long = sum(one.seconds >= STALL_S for one in stalls) >= times * STALLS_MIN
    return is_often or is_long or (times == 1 and seconds >= STALL_S_MIN)


def cause_of(stall: Stall, evidence: Evidence) -> Cause | None:
    """None for what is nobody's in this process: no CPU, no memory, or a stop."""
    frame = culprit(stall.stack)
    if frame is None:
        return None
    line, inner = line_of(evidence, frame), _inner(stall)
    at_line = evidence.lines.get(f"{frame.file}:{frame.line}")
    if stall.kind in FROM_OUTSIDE or _was_slowed(stall, frame, evidence):
        return None
    if at_line is not None and matches_for_sure(at_line, inner):
        return "slow_regex"
    if stall.kind == "waits":
        return None if only_awaits(at_line, inner) else "blocking_call"
    is_own = stall.kind in ("holds", "stood_still", "runs")
    if is_own and at_line is not None and can_only_wait(at_line):
        return "blocking_call"
    if stall.kind == "kept_out" and _lets_go(stall, evidence):
        return None
    if stall.kind in ("runs", "holds", "kept_out"):
        if stall.kind == "kept_out" and not _calls_at(frame, evidence):
            return "competing_threads"  # Python code lets go every 5 ms, and takes it again
        otherwise: Cause = "long_computation" if stall.kind == "runs" else "c_call"
        return computing(line, inner) or otherwise
    if at_line is not None and computing(at_line, inner) == "slow_regex":
        return "slow_regex"
    return "c_call"


def _was_slowed(stall: Stall, frame: Frame, evidence: Evidence) -> bool:
    """Whether it is a short piece that others' work has made long."""
    if not is_crowded(evidence):
        return False
    if stall.kind == "waits":
        return not _calls_at(frame, evidence)  # for a CPU at most
    at_line = evidence.lines.get(f"{frame.file}:{frame.line}")
    is_short = stall.cpu_s < COMPUTING_RATIO_MIN * stall.seconds
    return (
        is_short
        and stall.kind in ("runs", "holds")
        and (at_line is None or not can_only_wait(at_line))
    )


def _stall_finding(
    frame: Frame, cause: Cause, stalls: Sequence[Stall], seconds: float, evidence: Evidence
) -> Finding:
    longest = max(stalls, key=lambda one: one.seconds)
    line = line_of(evidence, longest_frame(longest))
    if cause == "blocking_call":
        words = f"{waits(line.calls, _inner(longest))} on the loop, which waits with it"
        advice = WAIT_ADVICE
    else:
        words, advice = _COMPUTE_WORDS[cause], _COMPUTE_ADVICE[cause]
    by = f" in the thread {longest.thread}" if longest.thread else ""
    where = _with_callee(longest_frame(longest), longest, evidence)
    evidence_lines = [
        f"The loop stood still {len(stalls)} times within {evidence.seconds:.0f} s, "
        f"{seconds:.2f} s together, {longest.seconds:.2f} s at most.",
        f"Longest: {longest.kind} at {where.file}:{where.line}, {longest.cpu_s:.2f} s of CPU.",
    ]
    if line.calls:
        evidence_lines.append(f"It calls there: {', '.join(line.calls[:4])}.")
    return Finding(
        cause=cause,
        text=f"{frame.function} {words}{by}.",
        function=frame.function,
        file=where.file,
        line=where.line,
        service=longest.service,
        also=tuple(one for one in _callers(longest) if one != frame.function),
        confidence=min(0.99, 0.8 + 0.05 * len(stalls)),
        weight=min(1.0, seconds / evidence.seconds),
        cost=f"{seconds / evidence.seconds:.0%} of the time nothing else of the node went on.",
        evidence=tuple(evidence_lines),
        advice=advice,
        commands=("aiex loop --stalls", f"aiex trace '{frame.function}' --max 20 --returns"),
    )


def longest_frame(stall: Stall) -> Frame:
    """Who is to blame, with the line it stood at."""
    frame = culprit(stall.stack)
    assert frame is not None, "only stalls with a stack are told"
    return frame


def short_waits(evidence: Evidence) -> Iterator[Finding]:
    """Waits too short for a stall, many of them: the loop is late without having used the CPU."""
    if not is_late(evidence, LATE_S):
        return
    on_cpu = {one.frame: one.seconds for one in spent(evidence.cpu)}
    told = {finding.function for finding in blocked_loop(evidence)}
    for one in spent(evidence.wall, lambda labels: labels.thread == "MainThread"):
        part = share(one, evidence.wall)
        cpu_s = on_cpu.get(one.frame, 0.0)
        # Where others have the CPUs what computes stands as well, without any.
        could_have_s = one.seconds * had_cpu_ratio(evidence)
        is_waiting = part >= WAIT_SHARE_MIN and cpu_s <= CPU_OF_WAIT_MAX * could_have_s
        # Looks come where the interpreter is let go of, as when the node itself sends.
        is_suspect = not own_service(one.frame.function) and one.frame.function not in told
        if only_awaits(evidence.lines.get(one.frame.function), one.innermost):
            continue
        if is_waiting and is_suspect and one.sample_count >= LOOKS_MIN:
            yield _wait_finding(one, cpu_s, part, evidence)


def _wait_finding(one: Spent, cpu_s: float, part: float, evidence: Evidence) -> Finding:
    line = evidence.lines.get(one.frame.function)
    words = waits(line.calls if line else (), one.innermost)
    span = evidence.loop.window if evidence.loop else None
    late = f"The loop was up to {span.lag_s_max * 1000:.0f} ms late." if span else ""
    return Finding(
        cause="blocking_call",
        text=f"{one.frame.function} {words} on the loop, which waits with it.",
        function=one.frame.function,
        file=one.frame.file,
        line=one.frame.line,
        service=_task_service(one, evidence),
        also=one.callers,
        confidence=0.75,
        weight=part,
        cost=f"{part:.0%} of the time nothing else of the node went on.",
        evidence=(
            f"The loop's thread was seen in it {one.sample_count} times, {part:.0%} of the looks; "
            f"it used {cpu_s:.2f} s of CPU meanwhile.",
            late,
        ),
        advice=WAIT_ADVICE,
        commands=(
            "aiex profile wall --seconds 10",
            f"aiex trace '{one.frame.function}' --max 20 --returns",
        ),
    )


def _task_service(one: Spent, evidence: Evidence) -> str:
    """A thread's samples have no service; those of the task that it ran do."""
    for other in spent(evidence.wall, lambda labels: not labels.thread):
        if other.frame == one.frame:
            return other.service
    return ""


def _calls_at(frame: Frame, evidence: Evidence) -> bool:
    """Whether something is called on the line it stood at; so where the source is not known."""
    if frame.function not in evidence.lines:
        return True
    at_line = evidence.lines.get(f"{frame.file}:{frame.line}")
    return at_line is not None and bool(at_line.calls or at_line.takes_lock)


def seen_for_callees(evidence: Evidence) -> frozenset[str]:
    """Functions that were seen only because one they call had kept the interpreter."""
    found = ((culprit(one.stack), one) for one in held_up(evidence))
    return frozenset(
        frame.function
        for frame, stall in found
        if frame is not None and _with_callee(frame, stall, evidence) != frame
    )


def _lets_go(stall: Stall, evidence: Evidence) -> bool:
    """Whether the other thread was in a call that waits without the interpreter: then it was not
    that one which kept it, but the whole machine that stood.
    """
    frame = longest_frame(stall)
    at_line = evidence.lines.get(f"{frame.file}:{frame.line}")
    return at_line is not None and waits(at_line.calls, _inner(stall)) != WAITS_ONLY


def _with_callee(frame: Frame, stall: Stall, evidence: Evidence) -> Frame:
    """The function that had just ended when C code let others look.

    An operator (`+`, `in`, a slice) and the freeing of what a function held are no calls: CPython
    looks up only when the next call is over, and that is the caller's. A line that calls nothing
    but a function of the same file cannot have kept the interpreter itself.
    """
    at_line = evidence.lines.get(f"{frame.file}:{frame.line}")
    if stall.kind not in ("holds", "stood_still") or at_line is None or not at_line.callee:
        return frame
    module = frame.function.partition(":")[0]
    return Frame(f"{module}:{at_line.callee}", frame.file, at_line.callee_line)


def _at_function(frame: Frame) -> Frame:
    """Without the line, so that a loop's body is one place."""
    return Frame(frame.function, frame.file)


def _inner(stall: Stall) -> str:
    """The library's function that it was in; empty where that was who is to blame."""
    last = stall.stack[-1] if stall.stack else None
    return last.function if last is not None and last != culprit(stall.stack) else ""


def _callers(stall: Stall) -> list[str]:
    found = [one.function for one in reversed(stall.stack) if not is_library(one)]
    return list(dict.fromkeys(found))[:4]
