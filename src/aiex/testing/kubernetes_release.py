"""A release of Aiex in Kubernetes as plain objects: what the chart installs, in short.

`Release` is the state of a namespace in which it runs well; tests plant a fault by changing an
object, adding an event, or taking something away.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from aiex.testing.kubernetes_api import Object
from aiex.testing.kubernetes_controllers import instant, running

NAMESPACE = "aiex"
IMAGE = "registry.example/aiex:0.1.0"
NATS_IMAGE = "nats:2.15.1"
SETTINGS = """\
[node]
propagation_delay_s = 5.0
drain_deadline_s = 60.0

[cluster]
discovery = "none"

[engine]
url = "tls://{name}-nats:4222"
"""


class Release:
    """The objects of one release that runs, to be changed."""

    def __init__(self, name: str = "aiex", manifests: list[Object] | None = None) -> None:
        self.name = name
        self.now = datetime.now(UTC)
        self.objects = running(manifests or list(_manifests(name)), self.now)

    def one(self, kind: str, name: str) -> Object:
        """The object itself."""
        return next(
            one for one in self.objects if (one["kind"], one["metadata"]["name"]) == (kind, name)
        )

    def pods(self, component: str) -> list[Object]:
        return [
            one
            for one in self.objects
            if one["kind"] == "Pod"
            and one["metadata"]["labels"].get("app.kubernetes.io/component") == component
        ]

    def remove(self, thing: Object) -> None:
        self.objects.remove(thing)

    def event(self, thing: Object, reason: str, message: str, *, age_s: float = 30.0) -> None:
        """As its controller or kubelet tells it."""
        moment = instant(self.now - timedelta(seconds=age_s))
        name = thing["metadata"]["name"]
        self.objects.append(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": f"{name}.{len(self.objects)}", "namespace": NAMESPACE},
                "involvedObject": {"kind": thing["kind"], "name": name, "namespace": NAMESPACE},
                "type": "Warning",
                "reason": reason,
                "message": message,
                "lastTimestamp": moment,
                "count": 3,
            }
        )

    def unready(self, pod: Object) -> None:
        """It runs, and does not take requests."""
        condition(pod, "Ready", "False", "ContainersNotReady")
        pod["status"]["containerStatuses"][0]["ready"] = False

    def waits(self, pod: Object, reason: str, message: str) -> None:
        """Its container does not run, for a reason in the kubelet's words."""
        self.unready(pod)
        pod["status"]["phase"] = "Pending"
        pod["status"]["containerStatuses"][0]["state"] = {
            "waiting": {"reason": reason, "message": message}
        }

    def ended(
        self, pod: Object, reason: str, exit_code: int, message: str = "", *, age_s: float = 60.0
    ) -> None:
        """Its container ended before, and was started anew."""
        status = pod["status"]["containerStatuses"][0]
        status["restartCount"] = 7
        status["lastState"] = {
            "terminated": {
                "reason": reason,
                "exitCode": exit_code,
                "message": message,
                "finishedAt": instant(self.now - timedelta(seconds=age_s)),
            }
        }

    def unscheduled(self, pod: Object, message: str) -> None:
        self.unready(pod)
        pod["status"]["phase"] = "Pending"
        condition(pod, "PodScheduled", "False", "Unschedulable", message)
        del pod["spec"]["nodeName"], pod["status"]["podIP"]
        pod["status"]["containerStatuses"] = []


def condition(thing: Object, kind: str, status: str, reason: str, message: str = "") -> None:
    """Set a condition of an object, in place of one of its kind."""
    conditions: list[Object] = thing["status"].setdefault("conditions", [])
    conditions[:] = [one for one in conditions if one["type"] != kind]
    conditions.append({"type": kind, "status": status, "reason": reason, "message": message})


def _manifests(name: str) -> Iterator[Object]:
    yield from _node_manifests(name)
    yield from _nats_manifests(name)
    yield from _policies(name)


def _node_manifests(name: str) -> Iterator[Object]:
    settings = SETTINGS.format(name=name)
    digest = hashlib.sha256(settings.encode()).hexdigest()
    yield _object("v1", "ConfigMap", name, name, "node", data={"aiex.toml": settings})
    container = {
        "name": "aiex",
        "image": IMAGE,
        "ports": [
            {"name": "api", "containerPort": 8080},
            {"name": "admin", "containerPort": 8081},
        ],
        "resources": {
            "requests": {"cpu": "1", "memory": "2Gi"},
            "limits": {"cpu": "2", "memory": "4Gi"},
        },
    }
    keys = ("admin-token", "api-key", "engine-password", "engine-user")
    secret = {"secretName": f"{name}-secrets", "items": [{"key": k, "path": k} for k in keys]}
    pods = {
        "terminationGracePeriodSeconds": 80,
        "containers": [container],
        "volumes": [{"name": "secrets", "secret": secret}],
    }
    yield _workload("Deployment", name, name, "node", pods, {"checksum/config": digest})
    api = [{"name": "http", "port": 80, "targetPort": "api", "protocol": "TCP"}]
    admin = [{"name": "admin", "port": 8081, "targetPort": "admin", "protocol": "TCP"}]
    yield _service(name, name, "node", api)
    yield _service(f"{name}-admin", name, "node", admin)
    yield _service(f"{name}-headless", name, "node", admin, is_headless=True)
    yield _budget(name, name, "node")
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    yield _object(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        name,
        name,
        "node",
        spec={
            "scaleTargetRef": target,
            "minReplicas": 3,
            "maxReplicas": 12,
            "metrics": [{"type": "Resource", "resource": cpu}],
        },
    )


def _nats_manifests(name: str) -> Iterator[Object]:
    nats = f"{name}-nats"
    container = {
        "name": "nats",
        "image": NATS_IMAGE,
        "ports": [
            {"name": "client", "containerPort": 4222},
            {"name": "cluster", "containerPort": 6222},
            {"name": "monitor", "containerPort": 8222},
        ],
        "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}},
    }
    keys = ("ca.crt", "tls.crt", "tls.key")
    secret = {"secretName": f"{nats}-tls", "items": [{"key": k, "path": k} for k in keys]}
    pods = {
        "terminationGracePeriodSeconds": 60,
        "containers": [container],
        "volumes": [{"name": "tls", "secret": secret}],
    }
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}},
    }
    yield _workload("StatefulSet", nats, name, "nats", pods, {}, claims=[claim])
    client = [{"name": "client", "port": 4222, "targetPort": "client", "protocol": "TCP"}]
    routes = [{"name": "cluster", "port": 6222, "targetPort": "cluster", "protocol": "TCP"}]
    yield _service(nats, name, "nats", client)
    yield _service(f"{nats}-headless", name, "nats", routes, is_headless=True)
    yield _budget(nats, name, "nats")


def _policies(name: str) -> Iterator[Object]:
    """Default-deny, and what nodes and NATS need; policies name ports as containers do."""
    both = {k: v for k, v in _selector(name, "node").items() if not k.endswith("component")}
    yield _policy(f"{name}-deny", name, "node", both, [], [])
    dns = {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
    nodes, servers = _selector(name, "node"), _selector(name, "nats")
    to_nats = {"to": [_pods(servers)], "ports": [{"port": 4222, "protocol": "TCP"}]}
    api = {"ports": [{"port": "api", "protocol": "TCP"}]}
    yield _policy(name, name, "node", nodes, [api], [dns, to_nats])
    clients = {"from": [_pods(nodes)], "ports": [{"port": "client", "protocol": "TCP"}]}
    routes_in = {"from": [_pods(servers)], "ports": [{"port": "cluster", "protocol": "TCP"}]}
    routes_out = {"to": [_pods(servers)], "ports": [{"port": 6222, "protocol": "TCP"}]}
    rules = ([clients, routes_in], [dns, routes_out])
    yield _policy(f"{name}-nats", name, "nats", servers, *rules)


def _pods(labels: dict[str, str]) -> Object:
    return {"podSelector": {"matchLabels": labels}}


def _policy(
    name: str,
    release: str,
    component: str,
    pods: dict[str, str],
    ingress: list[Object],
    egress: list[Object],
) -> Object:
    spec = {
        "podSelector": {"matchLabels": pods},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": ingress,
        "egress": egress,
    }
    return _object("networking.k8s.io/v1", "NetworkPolicy", name, release, component, spec=spec)


def _workload(
    kind: str,
    name: str,
    release: str,
    component: str,
    pods: Object,
    annotations: dict[str, str],
    *,
    claims: list[Object] | None = None,
) -> Object:
    labels = _labels(release, component)
    spec = {
        "replicas": 3,
        "selector": {"matchLabels": _selector(release, component)},
        "template": {"metadata": {"labels": labels, "annotations": annotations}, "spec": pods},
        **({"volumeClaimTemplates": claims} if claims else {}),
    }
    return _object("apps/v1", kind, name, release, component, spec=spec)


def _service(
    name: str, release: str, component: str, ports: list[Object], *, is_headless: bool = False
) -> Object:
    spec: Object = {"selector": _selector(release, component), "ports": ports}
    if is_headless:
        spec |= {"clusterIP": "None", "publishNotReadyAddresses": True}
    return _object("v1", "Service", name, release, component, spec=spec)


def _budget(name: str, release: str, component: str) -> Object:
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": _selector(release, component)}}
    return _object("policy/v1", "PodDisruptionBudget", name, release, component, spec=spec)


def _object(api: str, kind: str, name: str, release: str, component: str, **body: Any) -> Object:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": _labels(release, component)}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **body}


def _selector(release: str, component: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "aiex",
        "app.kubernetes.io/instance": release,
        "app.kubernetes.io/component": component,
    }


def _labels(release: str, component: str) -> dict[str, str]:
    return {
        **_selector(release, component),
        "app.kubernetes.io/managed-by": "Helm",
        "app.kubernetes.io/part-of": "aiex",
        "app.kubernetes.io/version": "0.1.0",
    }
