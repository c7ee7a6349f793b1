"""Threads that compete with the loop for the interpreter."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial

from aiex.performance.analysis.evidence import Evidence
from aiex.performance.analysis.finding import Finding
from aiex.performance.analysis.spent import Spent, is_library, own_service, spent
from aiex.performance.analysis.standing import Standing
from aiex.performance.profile import Frame, Labels

# Of one core, by threads in one function, while the loop is late: work in C that lets go of the
# interpreter does not make it late. A loop that has the interpreter to itself is a millisecond late
# on average; one that takes turns waits 5 ms (`sys.getswitchinterval`) for each.
SHARE_MIN = 0.2
LATE_S = 0.003
MAIN = "MainThread"
# So many at one lock, at both ends of the window, are no chance meeting.
IN_LINE_MIN = 3


def competing_threads(evidence: Evidence) -> Iterator[Finding]:
    """Threads with much CPU, those in the same function together."""
    if evidence.loop is None or evidence.loop.window.lag_s_mean < LATE_S:
        return
    used: defaultdict[str, float] = defaultdict(float)
    seen: dict[str, Spent] = {}
    names: defaultdict[str, list[str]] = defaultdict(list)
    for name, cpu_s in evidence.threads.items():
        thread = name.rpartition(" (")[0]
        where = spent(evidence.wall, partial(_is_of, thread))
        if thread == MAIN or not where or own_service(where[0].frame.function):
            continue
        function = where[0].frame.function
        used[function] += cpu_s
        seen[function] = where[0]
        names[function].append(thread)
    for function, cpu_s in used.items():
        if cpu_s >= SHARE_MIN * evidence.seconds:
            yield _finding(names[function], cpu_s / evidence.seconds, seen[function], evidence)


def thread_locks(evidence: Evidence) -> Iterator[Finding]:
    """Threads that wait for a lock since before the window, those at the same line together."""
    at: defaultdict[Frame, list[Standing]] = defaultdict(list)
    for one in evidence.standing:
        frame = one.stack[-1]
        line = evidence.lines.get(f"{frame.file}:{frame.line}")
        if not is_library(frame) and line is not None and line.takes_lock:
            at[frame].append(one)
    functions = [frame.function for frame in at]
    for frame, waiting in at.items():
        names = ", ".join(one.thread for one in waiting[:4])
        others = [name for name in dict.fromkeys(functions) if name != frame.function]
        yield Finding(
            cause="deadlock" if others else "thread_lock",
            text=f"The threads {names} wait in {frame.function} for a lock that nobody gives back"
            + (f"; so do others in {', '.join(others)}." if others else "."),
            function=frame.function,
            file=frame.file,
            line=frame.line,
            also=tuple(others),
            confidence=0.75,
            weight=0.6,
            cost=f"{len(waiting)} threads do not go on.",
            evidence=(
                f"For {evidence.seconds:.0f} s they stood at {frame.file}:{frame.line}, in the "
                "same call.",
            ),
            advice="Take locks in the same order everywhere, and with a time limit: "
            "`lock.acquire(timeout=…)`.",
            commands=("aiex profile wall --seconds 10",),
        )


def threads_in_line(evidence: Evidence) -> Iterator[Finding]:
    """Several threads at one lock that goes from one to the next."""
    stuck = {one.stack[-1] for one in evidence.standing}
    for crowd in evidence.crowds:
        frame = crowd.frame
        line = evidence.lines.get(f"{frame.file}:{frame.line}")
        in_line = min(crowd.before, crowd.after)
        if line is None or not line.takes_lock or is_library(frame) or frame in stuck:
            continue
        if in_line >= IN_LINE_MIN:
            yield Finding(
                cause="thread_lock",
                text=f"{in_line} threads stand in line in {frame.function} for one lock.",
                function=frame.function,
                file=frame.file,
                line=frame.line,
                confidence=0.7,
                weight=0.4,
                cost="They work one at a time, and each keeps a thread of its pool meanwhile.",
                evidence=(
                    f"{crowd.before} threads were at {frame.file}:{frame.line} at the beginning, "
                    f"{crowd.after} after {evidence.seconds:.0f} s.",
                ),
                advice="Do what takes long outside of the lock, have a lock for each key, or have "
                "one task do it, with a queue before it.",
                commands=("aiex profile wall --seconds 10", "aiex tasks --waiting thread"),
            )


def _is_of(thread: str, labels: Labels) -> bool:
    return labels.thread == thread


def _finding(threads: Sequence[str], share: float, seen: Spent, evidence: Evidence) -> Finding:
    assert evidence.loop is not None
    who = (
        f"The thread {threads[0]} computes"
        if len(threads) == 1
        else f"{len(threads)} threads compute"
    )
    return Finding(
        cause="competing_threads",
        text=f"{who} in {seen.frame.function}, while the loop needs the interpreter.",
        function=seen.frame.function,
        file=seen.frame.file,
        line=seen.frame.line,
        also=seen.callers,
        confidence=0.75,
        weight=min(1.0, share),
        cost=f"The loop waits for the interpreter, {evidence.loop.window.lag_s_mean * 1000:.0f} ms "
        "on average each time.",
        evidence=(
            f"{', '.join(threads[:4])} used {share:.0%} of one CPU; the loop was up to "
            f"{evidence.loop.window.lag_s_max * 1000:.0f} ms late.",
        ),
        advice="Computing Python belongs into a process of its own "
        "(concurrent.futures.ProcessPoolExecutor).",
        commands=("aiex profile wall --seconds 10", "aiex loop"),
    )
