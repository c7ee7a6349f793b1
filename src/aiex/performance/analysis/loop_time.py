"""How the loop's time went within the window: how late it was, how busy, and what it was given."""

from aiex.performance.analysis.evidence import Evidence

# Of the seconds of the window: what waits in the loop is seldom late in most by chance.
LATE_RATIO = 0.5
# Less would make a guess of whatever little was measured.
HAD_CPU_MIN = 0.25
# Of the window the loop was ready and had no CPU. By then a piece of a few milliseconds becomes one
# of fifty now and then, and the engine beside has no CPU either.
CROWDED_RATIO = 0.3
# So late that what the engine is asked for runs out of time, whose limits are of some seconds.
HELD_UP_S = 0.5


def is_late(evidence: Evidence, late_s: float) -> bool:
    """Whether the loop was that late in most seconds of the window."""
    history = evidence.loop.history if evidence.loop is not None else ()
    late = sum(one.lag_s_max >= late_s for one in history)
    return bool(history) and late >= max(1, LATE_RATIO * len(history))


def had_cpu_ratio(evidence: Evidence) -> float:
    """Of the window, the part in which the loop's thread had a CPU if it wanted one.

    On a machine that is full the same function uses less within the same time.
    """
    starved = evidence.loop.window.starved_ratio if evidence.loop is not None else 0.0
    return max(HAD_CPU_MIN, 1 - starved)


def is_crowded(evidence: Evidence) -> bool:
    """Whether others have the CPUs so often that times measured here are theirs as well."""
    return 1 - had_cpu_ratio(evidence) >= CROWDED_RATIO


def is_held_up(evidence: Evidence) -> bool:
    """Whether the loop was kept for so long, by whatever, that what has a time limit runs out."""
    lag_s = evidence.loop.window.lag_s_max if evidence.loop is not None else 0.0
    return is_crowded(evidence) or lag_s >= HELD_UP_S


def busy_ratio(evidence: Evidence) -> float:
    return evidence.loop.window.busy_ratio if evidence.loop is not None else 0.0
