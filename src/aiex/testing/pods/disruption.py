"""May this pod be evicted? PodDisruptionBudgets. Pure."""

import math
from collections.abc import Sequence
from typing import Any

from aiex.testing.pods.selector import selects
from aiex.testing.pods.service import Endpoint


def objection(budgets: Sequence[dict[str, Any]], pod: Endpoint, pods: Sequence[Endpoint]) -> str:
    """Why the pod has to stay, empty when it may go."""
    for budget in budgets:
        spec, name = budget["spec"], budget["metadata"]["name"]
        if not selects(spec["selector"], pod.labels):
            continue
        covered = [one for one in pods if selects(spec["selector"], one.labels)]
        healthy = sum(one.is_ready and not one.is_ending for one in covered)
        if not pod.is_ready and spec.get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
            continue
        needed = _needed(spec, len(covered))
        if not pod.is_ready and healthy >= needed:
            continue
        if healthy - needed < 1:
            return f"{name} needs {needed} healthy pods and there are {healthy}"
    return ""


def _needed(spec: dict[str, Any], count: int) -> int:
    if "minAvailable" in spec:
        return _share(spec["minAvailable"], count)
    return count - _share(spec["maxUnavailable"], count)


def _share(value: int | str, count: int) -> int:
    if isinstance(value, int):
        return value
    return math.ceil(count * int(value.removesuffix("%")) / 100)
