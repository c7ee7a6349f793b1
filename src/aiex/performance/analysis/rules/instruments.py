"""A tracer, a profiler or a debug mode was left on, and everything is slower for it."""

from collections.abc import Iterator

from aiex.performance.analysis.evidence import Evidence
from aiex.performance.analysis.finding import Finding
from aiex.performance.analysis.instruments import Instrument
from aiex.performance.analysis.spent import spent

_WORDS = {
    "trace": "is called for every line that runs on the loop (sys.settrace)",
    "profile": "is called for every call on the loop (sys.setprofile)",
    "monitoring": "hears of everything that runs (sys.monitoring)",
    "debug": "is on: every callback is timed, every coroutine remembers who made it",
}


def left_on(evidence: Evidence) -> Iterator[Finding]:
    for one in evidence.instruments:
        yield _finding(one, evidence)


def _finding(one: Instrument, evidence: Evidence) -> Finding:
    own_s = sum(each.seconds for each in spent(evidence.cpu) if each.frame.function == one.function)
    share = min(1.0, own_s / evidence.seconds) if one.function else 0.0
    return Finding(
        cause="instrumented",
        text=f"{one.name} {_WORDS[one.kind]}; somebody left it on.",
        function=one.function,
        confidence=0.9,
        weight=max(0.15, share),
        cost=f"It has {share:.0%} of the loop's time itself, and makes all other code slower."
        if one.function
        else "All code of the loop is slower for it.",
        evidence=(f"It was still on after {evidence.seconds:.0f} s.",),
        advice="Turn it off: sys.settrace(None), sys.setprofile(None), no debugger and no coverage "
        "in production, PYTHONASYNCIODEBUG unset. `aiex trace` and `aiex profile` end by "
        "themselves.",
        commands=("aiex profile cpu --seconds 10 -o cpu.html",),
    )
