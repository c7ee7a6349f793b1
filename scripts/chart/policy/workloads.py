"""Checks of a Deployment or StatefulSet, and of what disrupts or scales it."""

import math
from collections.abc import Callable
from typing import Any

from scripts.chart.objects import Object, Objects, at, kind_of, labels_of, name_of, selects

HOST = "kubernetes.io/hostname"
_DOMAINS = (HOST, "topology.kubernetes.io/zone", "topology.kubernetes.io/region")
_WORKLOADS = ("Deployment", "StatefulSet", "ReplicaSet")


def _pod_labels(workload: Object) -> dict[str, str]:
    return labels_of(at(workload, "spec", "template") or {})


def _replicas(workload: Object) -> int:
    replicas = at(workload, "spec", "replicas")
    return 1 if replicas is None else int(replicas)


def _scalers(workload: Object, objects: Objects) -> list[Object]:
    """The HorizontalPodAutoscalers and KEDA ScaledObjects that have this workload as target."""
    return [
        one
        for one in objects.of("HorizontalPodAutoscaler", "ScaledObject")
        if at(one, "spec", "scaleTargetRef", "name") == name_of(workload)
        and (at(one, "spec", "scaleTargetRef", "kind") or "Deployment") == kind_of(workload)
    ]


def _least(scaler: Object) -> int:
    if kind_of(scaler) == "ScaledObject":
        return int(at(scaler, "spec", "minReplicaCount") or 0)
    least = at(scaler, "spec", "minReplicas")
    return 1 if least is None else int(least)


def _is_served(workload: Object, objects: Objects) -> bool:
    labels = _pod_labels(workload)
    return any(
        selector and selects({"matchLabels": selector}, labels)
        for one in objects.of("Service")
        for selector in [at(one, "spec", "selector")]
    )


def is_not_rolling(workload: Object, objects: Objects) -> str:
    strategy = at(workload, "spec", "strategy", "type") or "RollingUpdate"
    if strategy == "RollingUpdate" or not _is_served(workload, objects):
        return ""
    return f"behind a Service, and its strategy is {strategy}"


def is_single(workload: Object, objects: Objects) -> str:
    """One copy only, where no autoscaler decides."""
    if _scalers(workload, objects) or _replicas(workload) >= 2:
        return ""
    return f"replicas is {_replicas(workload)}"


def is_single_behind_service(workload: Object, objects: Objects) -> str:
    return is_single(workload, objects) if _is_served(workload, objects) else ""


def is_counted_twice(workload: Object, objects: Objects) -> str:
    """A count in the manifest undoes what an autoscaler decided, at every upgrade."""
    if _scalers(workload, objects) and at(workload, "spec", "replicas") is not None:
        return "has replicas, and an autoscaler"
    return ""


def lacks_budget(workload: Object, objects: Objects) -> str:
    if at(workload, "spec", "replicas") is not None and _replicas(workload) < 2:
        return ""
    labels = _pod_labels(workload)
    budgets = objects.of("PodDisruptionBudget")
    has_one = any(selects(at(one, "spec", "selector"), labels) for one in budgets)
    return "" if has_one else "no PodDisruptionBudget selects its pods"


def _terms(workload: Object) -> list[Object]:
    rules = at(workload, "spec", "template", "spec", "affinity", "podAntiAffinity") or {}
    preferred = rules.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    required = rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
    return [*(one["podAffinityTerm"] for one in preferred), *required]


def shares_machine(*domains: str) -> Callable[[Object, Objects], str]:
    """No anti-affinity of its own pods in one of these domains; all that are known by default."""

    def fault(workload: Object, _objects: Objects) -> str:
        if at(workload, "spec", "replicas") is not None and _replicas(workload) < 2:
            return ""
        known = domains or _DOMAINS
        own = [at(workload, "metadata", "namespace")]
        is_apart = any(
            term.get("topologyKey") in known
            and selects(term.get("labelSelector"), _pod_labels(workload))
            and at(workload, "metadata", "namespace") in (term.get("namespaces") or own)
            for term in _terms(workload)
        )
        return "" if is_apart else "no podAntiAffinity keeps its pods apart"

    return fault


def selector_misses(workload: Object, _objects: Objects) -> str:
    selector = at(workload, "spec", "selector")
    if selector is None and kind_of(workload) == "Job":
        return ""
    is_met = selects(selector, _pod_labels(workload))
    return "" if is_met else "its selector does not select its own pods"


def lacks_headless_service(workload: Object, objects: Objects) -> str:
    service = objects.named("Service", str(at(workload, "spec", "serviceName") or ""))
    selector = at(service, "spec", "selector")
    is_sound = (
        at(service, "spec", "clusterIP") == "None"
        and selector
        and selects({"matchLabels": selector}, _pod_labels(workload))
    )
    return "" if is_sound else "serviceName is no headless Service of its pods"


def has_no_policy(budget: Object, _objects: Objects) -> str:
    spec = budget.get("spec") or {}
    has_one = "minAvailable" in spec or "maxUnavailable" in spec
    return "" if has_one else "neither minAvailable nor maxUnavailable"


def has_no_eviction_policy(budget: Object, _objects: Objects) -> str:
    return (
        "" if at(budget, "spec", "unhealthyPodEvictionPolicy") else "no unhealthyPodEvictionPolicy"
    )


def _scaled(value: Any, whole: int) -> int:
    text = str(value)
    return math.ceil(whole * int(text[:-1]) / 100) if text.endswith("%") else int(text)


def allows_no_eviction(budget: Object, _objects: Objects) -> str:
    """By its own text alone: `minAvailable` of all, `maxUnavailable` of none."""
    if str(at(budget, "spec", "minAvailable")) == "100%":
        return "minAvailable is 100%"
    if str(at(budget, "spec", "maxUnavailable")) in ("0", "0%"):
        return "maxUnavailable is 0"
    return ""


def never_unavailable(budget: Object, _objects: Objects) -> str:
    value = at(budget, "spec", "maxUnavailable")
    return "maxUnavailable is 0" if value is not None and _scaled(value, 100) == 0 else ""


def keeps_all_available(budget: Object, objects: Objects) -> str:
    """`minAvailable` as great as the count of the pods it selects."""
    least = at(budget, "spec", "minAvailable")
    if least is None:
        return ""
    for one in objects.of(*_WORKLOADS):
        if selects(at(budget, "spec", "selector"), _pod_labels(one)):
            scalers = _scalers(one, objects)
            count = _least(scalers[0]) if scalers else _replicas(one)
            if _scaled(least, count) >= count:
                return f"minAvailable {least} of {count} pods of {name_of(one)}"
    return ""


def asks_more_than_least(workload: Object, objects: Objects) -> str:
    """A budget's `minAvailable` above the autoscaler's least number."""
    for scaler in _scalers(workload, objects):
        for budget in objects.of("PodDisruptionBudget"):
            value = at(budget, "spec", "minAvailable")
            if value is None or not selects(at(budget, "spec", "selector"), _pod_labels(workload)):
                continue
            if _scaled(value, _least(scaler)) > _least(scaler):
                return f"minAvailable {value}, and the autoscaler goes down to {_least(scaler)}"
    return ""


def has_no_target(scaler: Object, objects: Objects) -> str:
    reference = at(scaler, "spec", "scaleTargetRef") or {}
    target = objects.named(reference.get("kind", ""), reference.get("name", ""))
    is_one = target is not None and target.get("apiVersion") == reference.get("apiVersion")
    return "" if is_one else f"its target is not among the objects: {reference}"


def scales_to_one(scaler: Object, _objects: Objects) -> str:
    return "" if _least(scaler) >= 2 else f"goes down to {_least(scaler)}"


def cannot_scale(scaler: Object, _objects: Objects) -> str:
    most = int(at(scaler, "spec", "maxReplicas") or 0)
    return "" if most > _least(scaler) else f"from {_least(scaler)} to {most} is no range"
