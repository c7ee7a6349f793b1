"""What pods and workloads say of themselves. Pure: objects of the API in, answers out."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

type Object = Mapping[str, Any]


def is_ready(pod: Object) -> bool:
    """Ready, and not about to go."""
    conditions = pod.get("status", {}).get("conditions", [])
    is_true = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return is_true and not is_going(pod)


def is_going(pod: Object) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def name_of(one: Object) -> str:
    return str(one["metadata"]["name"])


def machine_of(pod: Object) -> str:
    """The machine a pod is on; empty while it has none."""
    return str(pod["spec"].get("nodeName", ""))


def restarts_of(pod: Object) -> int:
    statuses = pod.get("status", {}).get("containerStatuses", [])
    return sum(int(one.get("restartCount", 0)) for one in statuses)


def rolled_out(workload: Object | None) -> bool:
    """Whether all pods of a Deployment or StatefulSet are of its newest form and ready."""
    if workload is None:
        return False
    wanted, status = workload["spec"].get("replicas", 1), workload.get("status", {})
    counts = [status.get(one, 0) for one in ("replicas", "updatedReplicas", "readyReplicas")]
    is_seen = status.get("observedGeneration", 0) >= workload["metadata"].get("generation", 0)
    return is_seen and all(count == wanted for count in counts)


def members_up(cluster_status: str) -> int:
    """How many members a node counts as up in a whole cluster; 0 when it is not whole.

    `cluster_status` is what `aiex cluster status -o json` wrote.
    """
    try:
        status = json.loads(cluster_status)
        up = [one for one in status["members"] if one["state"] == "up"]
        return len(up) if status["condition"] == "whole" else 0
    except (ValueError, LookupError, TypeError):
        return 0


def busiest_machine(pods: Sequence[Object]) -> str:
    """The machine with most of these pods; the first by name of several."""
    counts: dict[str, int] = {}
    for pod in pods:
        counts[machine_of(pod)] = counts.get(machine_of(pod), 0) + 1
    return min(counts, key=lambda machine: (-counts[machine], machine))


def volume_machines(volume: Object) -> set[str] | None:
    """The machines a persistent volume can be used on; None: any of its zone, or all."""
    required = volume["spec"].get("nodeAffinity", {}).get("required", {})
    machines: set[str] = set()
    for term in required.get("nodeSelectorTerms", []):
        for rule in term.get("matchExpressions", []):
            if rule["key"] == "kubernetes.io/hostname" and rule["operator"] == "In":
                machines.update(rule["values"])
    return machines or None
