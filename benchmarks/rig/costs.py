"""Where the CPU of gateways went: in microseconds an answer, and one gateway's beside another's."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from rig.bench import Rounds, Sample
from rig.processes import CpuTime


def cost_ratio(theirs: Sample, ours: Sample) -> float:
    """Their CPU an answer over ours."""
    return theirs.cpu_us / ours.cpu_us


def costs(unit: str, rounds: Rounds) -> Mapping[str, Any]:
    """Each gateway's, and how many answers it gave."""
    return {
        f"{name}, us a {unit}": _cost(samples)
        for name, samples in rounds.samples.items()
        if samples
    }


def _cost(samples: Sequence[Sample]) -> Mapping[str, float]:
    answers = sum(sample.report.completed for sample in samples)
    first_s = sum(sample.root_cpu.total_s for sample in samples)
    spent_s = sum((sample.cpu for sample in samples), CpuTime())
    return {
        "user": spent_s.user_s * 1e6 / answers,
        "system": spent_s.system_s * 1e6 / answers,
        "of that in child processes": max(0.0, spent_s.total_s - first_s) * 1e6 / answers,
        "answers": answers,
        "answers/s": median(sample.report.rate_per_s for sample in samples),
        "core used": median(sample.busy_ratio for sample in samples),
        "head-room": min(sample.headroom.least_ratio for sample in samples),
    }
