"""What Kubernetes makes of manifests when all goes well: pods, claims, slices, statuses. Pure.

Names, labels and fields as its controllers and kubelets write them, on three machines in three
zones. Nothing here runs; a test changes the objects to plant a fault.
"""

import copy
import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from aiex.testing.kubernetes_api import Object

MACHINES = ("machine-a", "machine-b", "machine-c")
STORAGE_CLASS = "standard"
AGE = timedelta(hours=2)


def instant(moment: datetime) -> str:
    """As the API writes times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def running(manifests: Iterable[Object], now: datetime) -> list[Object]:
    """The manifests with their status, and all that comes of them."""
    given = [copy.deepcopy(one) for one in manifests]
    pods = [pod for one in given for pod in _pods(one, now)]
    _place(pods)
    claims = [claim for one in given for claim in _claims(one, now)]
    slices = [_slice(one, pods) for one in given if one["kind"] == "Service"]
    for one in given:
        one["metadata"].setdefault("creationTimestamp", instant(now - AGE))
        one["metadata"].setdefault("generation", 1)
        _give_status(one, pods)
    return [*given, *pods, *claims, *slices, *_cluster(now)]


def _pods(manifest: Object, now: datetime) -> Iterator[Object]:
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    if kind not in ("Deployment", "StatefulSet"):
        return
    spec = manifest["spec"]
    template = spec["template"]
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:9]
    for number in range(spec.get("replicas", 1)):
        if kind == "StatefulSet":
            pod_name, owner = f"{name}-{number}", {"kind": kind, "name": name}
        else:
            pod_name = f"{name}-{digest}-{'bcdfghjkl'[number] * 5}"
            owner = {"kind": "ReplicaSet", "name": f"{name}-{digest}"}
        yield _pod(template, pod_name, manifest["metadata"]["namespace"], owner, now)


def _pod(template: Object, name: str, namespace: str, owner: Object, now: datetime) -> Object:
    metadata = {
        **copy.deepcopy(template["metadata"]),
        "name": name,
        "namespace": namespace,
        "creationTimestamp": instant(now - AGE),
        "ownerReferences": [{"apiVersion": "apps/v1", "uid": "1", "controller": True, **owner}],
    }
    spec = copy.deepcopy(template["spec"])
    started = {"running": {"startedAt": instant(now - AGE)}}
    statuses = [
        {
            "name": one["name"],
            "image": one["image"],
            "imageID": "",
            "ready": True,
            "restartCount": 0,
            "state": started,
            "lastState": {},
        }
        for one in spec["containers"]
    ]
    conditions = [{"type": one, "status": "True"} for one in ("PodScheduled", "Ready")]
    status = {"phase": "Running", "conditions": conditions, "containerStatuses": statuses}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": spec,
        "status": status,
    }


def _place(pods: Iterable[Object]) -> None:
    for number, pod in enumerate(pods):
        pod["spec"]["nodeName"] = MACHINES[number % len(MACHINES)]
        pod["status"]["podIP"] = f"10.0.{number % len(MACHINES)}.{10 + number}"


def _claims(manifest: Object, now: datetime) -> Iterator[Object]:
    if manifest["kind"] != "StatefulSet":
        return
    spec, meta = manifest["spec"], manifest["metadata"]
    templates = spec.get("volumeClaimTemplates") or []
    for template, number in itertools.product(templates, range(spec.get("replicas", 1))):
        yield {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {
                "name": f"{template['metadata']['name']}-{meta['name']}-{number}",
                "namespace": meta["namespace"],
                "labels": dict(spec["selector"]["matchLabels"]),
                "creationTimestamp": instant(now - AGE),
            },
            "spec": {"storageClassName": STORAGE_CLASS, **copy.deepcopy(template["spec"])},
            "status": {"phase": "Bound"},
        }


def _slice(service: Object, pods: Iterable[Object]) -> Object:
    meta, spec = service["metadata"], service["spec"]
    selector = spec.get("selector") or {}
    endpoints = [
        {
            "addresses": [pod["status"]["podIP"]],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "nodeName": pod["spec"]["nodeName"],
        }
        for pod in pods
        if selector and selector.items() <= pod["metadata"]["labels"].items()
    ]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "addressType": "IPv4",
        "metadata": {
            "name": f"{meta['name']}-abcde",
            "namespace": meta["namespace"],
            "labels": {**meta["labels"], "kubernetes.io/service-name": meta["name"]},
        },
        "endpoints": endpoints or None,  # so a real API writes an empty list here
        "ports": None,
    }


def _give_status(manifest: Object, pods: list[Object]) -> None:
    match manifest["kind"]:
        case "Deployment" | "StatefulSet":
            replicas = manifest["spec"].setdefault("replicas", 1)
            manifest["status"] = {
                "observedGeneration": 1,
                "replicas": replicas,
                "readyReplicas": replicas,
                "updatedReplicas": replicas,
                "availableReplicas": replicas,
            }
            if manifest["kind"] == "Deployment":
                reasons = {"Available": "MinimumReplicasAvailable", "Progressing": "NewReplicaSet"}
                manifest["status"]["conditions"] = [
                    {"type": kind, "status": "True", "reason": reason, "message": "as wanted"}
                    for kind, reason in reasons.items()
                ]
        case "PodDisruptionBudget":
            selector = manifest["spec"]["selector"]["matchLabels"]
            count = sum(selector.items() <= pod["metadata"]["labels"].items() for pod in pods)
            manifest["status"] = {
                "currentHealthy": count,
                "desiredHealthy": max(count - 1, 0),
                "expectedPods": count,
                "disruptionsAllowed": min(count, 1),
            }
        case "HorizontalPodAutoscaler":
            kinds = ("AbleToScale", "ScalingActive")
            conditions = [{"type": one, "status": "True", "reason": "Valid"} for one in kinds]
            manifest["status"] = {
                "currentReplicas": 3,
                "desiredReplicas": 3,
                "conditions": [
                    *conditions,
                    {"type": "ScalingLimited", "status": "False", "reason": "DesiredWithinRange"},
                ],
            }
        case "Service" if manifest["spec"].get("clusterIP") != "None":
            manifest["spec"]["clusterIP"] = "10.96.0.20"


def _cluster(now: datetime) -> Iterator[Object]:
    """Machines with their leases, and a storage class."""
    for number, name in enumerate(MACHINES):
        yield {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": f"zone-{number}"}},
            "status": {
                "conditions": [
                    {"type": "MemoryPressure", "status": "False", "reason": "KubeletHasMemory"},
                    {"type": "Ready", "status": "True", "reason": "KubeletReady"},
                ]
            },
        }
        yield {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": name, "namespace": "kube-node-lease"},
            "spec": {
                "holderIdentity": name,
                "leaseDurationSeconds": 40,
                "renewTime": (now - timedelta(seconds=4 + number)).isoformat(),
            },
        }
    yield {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": "example.com/disk",
    }
