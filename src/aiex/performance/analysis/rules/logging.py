"""More is logged than anybody reads, and the loop pays for it."""

from collections import defaultdict
from collections.abc import Iterator

from aiex.performance.analysis.evidence import Evidence
from aiex.performance.analysis.finding import Finding
from aiex.performance.analysis.loop_time import had_cpu_ratio
from aiex.performance.analysis.spent import is_library, own_service
from aiex.performance.profile import Frame

# Of the loop's time, and of the CPU it used: the node's own lines are a few a second, and its
# access log does not go this way.
SHARE_MIN = 0.03
CPU_SHARE_MIN = 0.12


def too_much_logging(evidence: Evidence) -> Iterator[Finding]:
    """By who calls `logging`, whatever its handlers do then."""
    profile = evidence.cpu
    if profile is None or not profile.seconds:
        return
    spent_us: defaultdict[tuple[Frame, str], int] = defaultdict(int)
    for sample in profile.samples:
        stack = [profile.frames[place] for place in sample.stack]
        caller = _caller(stack)
        if caller is not None:
            spent_us[caller, profile.labels[sample.labels].service] += sample.weight
    for (frame, service), us in spent_us.items():
        share = min(1.0, us / 1e6 / profile.seconds / had_cpu_ratio(evidence))
        if share >= SHARE_MIN and us >= CPU_SHARE_MIN * profile.weight:
            yield _finding(frame, service, share)


def _caller(stack: list[Frame]) -> Frame | None:
    """Who called into `logging`; None where nobody did."""
    for at, frame in enumerate(stack):
        if frame.function.startswith("logging:"):
            above = [one for one in stack[:at] if not is_library(one)]
            return above[-1] if above else None
    return None


def _finding(frame: Frame, service: str, share: float) -> Finding:
    return Finding(
        cause="logging",
        text=f"{frame.function} writes to the log all the time.",
        function=frame.function,
        file=frame.file,
        line=frame.line,
        service=service,
        confidence=0.6 if own_service(frame.function) else 0.85,
        weight=share,
        cost=f"{share:.0%} of the loop's time goes into lines of the log.",
        evidence=(f"Of the CPU's samples {share:.0%} of the time were inside of logging.",),
        advice="Log less there, or at a level that is off; count instead, and log the count.",
        commands=(
            "aiex hot --by function",
            f"aiex trace '{frame.function}' --max 20",
        ),
    )
