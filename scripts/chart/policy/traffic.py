"""Checks of what leads to pods: Services, Ingresses, NetworkPolicies."""

from collections.abc import Iterator

from scripts.chart.objects import Object, Objects, at, selects
from scripts.chart.policy.containers import has_bad_port_name, is_bad_port_name
from scripts.chart.policy.rules import Fault, of_containers, of_kind


def has_no_pods(service: Object, objects: Objects) -> str:
    if at(service, "spec", "type") == "ExternalName":
        return ""
    selector = at(service, "spec", "selector")
    has_any = selector and any(
        selects({"matchLabels": selector}, pod.labels) for pod in objects.pods
    )
    return "" if has_any else "its selector selects no pod"


def is_node_port(service: Object, _objects: Objects) -> str:
    return "is a NodePort" if at(service, "spec", "type") == "NodePort" else ""


def has_bad_target_port(service: Object, _objects: Objects) -> str:
    for port in at(service, "spec", "ports") or ():
        target = port.get("targetPort", port.get("port"))
        if is_bad_port_name(target) if isinstance(target, str) else not 1 <= target <= 65535:
            return f"targetPort {target} is none"
    return ""


def bad_ports(objects: Objects) -> Iterator[Fault]:
    """Of containers and of Services, under the one name they have with kube-linter."""
    yield from of_containers(has_bad_port_name)(objects)
    yield from of_kind("Service")(has_bad_target_port)(objects)


def _backends(ingress: Object) -> list[Object]:
    rules = at(ingress, "spec", "rules") or ()
    paths = [path for rule in rules for path in at(rule, "http", "paths") or ()]
    return [at(path, "backend", "service") or {} for path in paths]


def leads_nowhere(ingress: Object, objects: Objects) -> str:
    for backend in _backends(ingress):
        service = objects.named("Service", backend.get("name", ""))
        wanted = backend.get("port") or {}
        ports = at(service, "spec", "ports") or ()
        if not any(
            one.get("port") == wanted.get("number")
            if wanted.get("number")
            else one.get("name") == wanted.get("name")
            for one in ports
        ):
            return f"no Service {backend.get('name')} with port {wanted}"
    return ""


def has_no_tls(ingress: Object, _objects: Objects) -> str:
    return "" if at(ingress, "spec", "tls") else "no tls"


def selects_no_pod(policy: Object, objects: Objects) -> str:
    selector = at(policy, "spec", "podSelector")
    has_any = any(selects(selector, pod.labels) for pod in objects.pods)
    return "" if has_any else "its podSelector selects no pod"
