"""Our own rules: an object belongs to its release, goes with it, and has a name that fits."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from scripts.chart.objects import Object, Objects, at, kind_of, labels_of, name_of, title
from scripts.chart.policy.grants import has_wide_rights
from scripts.chart.policy.rules import Catalogue, Fault, Rule, of_kind

_LABEL = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_MANAGED, _INSTANCE = "app.kubernetes.io/managed-by", "app.kubernetes.io/instance"
_HOOK, _HOOK_POLICY = "helm.sh/hook", "helm.sh/hook-delete-policy"

# What a release may have: all of these live in a namespace. A kind that is not here is looked at
# by a person before it gets in; one outside of a namespace would need rights over the cluster.
NAMESPACED = {
    "ConfigMap": "v1",
    "Secret": "v1",
    "Service": "v1",
    "ServiceAccount": "v1",
    "Pod": "v1",
    "PersistentVolumeClaim": "v1",
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "Job": "batch/v1",
    "CronJob": "batch/v1",
    "PodDisruptionBudget": "policy/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "Ingress": "networking.k8s.io/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "Role": "rbac.authorization.k8s.io/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
    "HTTPRoute": "gateway.networking.k8s.io/v1",
    "Certificate": "cert-manager.io/v1",
    "Issuer": "cert-manager.io/v1",
    "ScaledObject": "keda.sh/v1alpha1",
    "TriggerAuthentication": "keda.sh/v1alpha1",
    "ServiceMonitor": "monitoring.coreos.com/v1",
    "PodMonitor": "monitoring.coreos.com/v1",
    "PrometheusRule": "monitoring.coreos.com/v1",
}
# Pods of a stateful set carry its name and a revision of eleven characters in a label of at most
# 63, and a CronJob's jobs the minute; what else makes pods lets their names be cut. The name of a
# ConfigMap gets into no label and no host name.
_NAME_LENGTHS = {"StatefulSet": 52, "CronJob": 52, "ConfigMap": 253}


def is_of_other_kind(item: Object, _objects: Objects) -> str:
    known = NAMESPACED.get(kind_of(item))
    if known is None:
        return "a kind that the chart may not have, or that lives outside of a namespace"
    is_known = item.get("apiVersion") == known
    return "" if is_known else f"apiVersion {item.get('apiVersion')}, not {known}"


def is_elsewhere(item: Object, objects: Objects) -> str:
    namespace = at(item, "metadata", "namespace")
    return "" if namespace == objects.namespace else f"its namespace is {namespace}"


def is_unowned(item: Object, _objects: Objects) -> str:
    labels = labels_of(item)
    if labels.get(_MANAGED) != "Helm":
        return f"no label {_MANAGED}: Helm"
    return "" if labels.get(_INSTANCE) else f"no label {_INSTANCE}"


def outlives_release(item: Object, _objects: Objects) -> str:
    """Helm does not remove a hook's objects with the release; only their own policy does."""
    notes = at(item, "metadata", "annotations") or {}
    if notes.get("helm.sh/resource-policy"):
        return "helm.sh/resource-policy keeps it when the release goes"
    hook, policies = notes.get(_HOOK), set(str(notes.get(_HOOK_POLICY, "")).split(","))
    if hook is None or {"before-hook-creation", "hook-succeeded"} <= policies:
        return ""
    return f"a hook ({hook}) that is not removed once it succeeded: {_HOOK_POLICY}"


def has_long_name(item: Object, _objects: Objects) -> str:
    name, most = name_of(item), _NAME_LENGTHS.get(kind_of(item), 63)
    if len(name) > most:
        return f"a name of {len(name)} characters, above {most}"
    return "" if _NAME.fullmatch(name) else "no name that Kubernetes takes"


def twins(objects: Objects) -> Iterator[Fault]:
    """Two objects of one kind and name: the later one takes the other's place."""
    counts = Counter(title(one) for one in objects)
    for one in objects:
        if counts[title(one)] > 1:
            yield Fault(one, "is there twice")


def has_bad_label(item: Object, _objects: Objects) -> str:
    labels = {**labels_of(item), **(at(item, "spec", "template", "metadata", "labels") or {})}
    for key, value in labels.items():
        if not isinstance(value, str) or len(value) > 63 or not _LABEL.fullmatch(value):
            return f"the label {key} has no value that Kubernetes takes: {value!r}"
    return ""


def has_nothing_in_it(item: Object, _objects: Objects) -> str:
    """A null, which a template leaves where it had nothing to say."""
    path = next(_nulls(item, ""), "")
    return f"{path} is null" if path else ""


def _nulls(value: Any, path: str) -> Iterator[str]:
    if value is None:
        yield path.removeprefix(".")
    elif isinstance(value, Mapping):
        for key, below in value.items():
            yield from _nulls(below, f"{path}.{key}")
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from _nulls(below, f"{path}[{index}]")


# What kube-score's `stable-version` names, and what was taken out of Kubernetes since.
_OLD_VERSIONS = re.compile(
    r"extensions/v1beta1|apps/v1beta[12]|batch/(v1beta1|v2alpha1)|policy/v1beta1"
    r"|networking\.k8s\.io/v1beta1|autoscaling/(v1|v2beta[12])|rbac\.authorization\.k8s\.io/v1beta1"
)


def is_old_version(item: Object, _objects: Objects) -> str:
    version = str(item.get("apiVersion", ""))
    return f"apiVersion {version} is deprecated" if _OLD_VERSIONS.fullmatch(version) else ""


def is_extension(item: Object, _objects: Objects) -> str:
    version = str(item.get("apiVersion", ""))
    return f"apiVersion {version}" if re.match(r"extensions/v1beta", version) else ""


RELEASE = Catalogue(
    "release",
    "our own: a release has what uninstalling removes, in its namespace, under names that fit",
    (
        Rule("kind", of_kind()(is_of_other_kind)),
        Rule("namespace", of_kind()(is_elsewhere)),
        Rule("owner", of_kind()(is_unowned)),
        Rule("goes-with-release", of_kind()(outlives_release)),
        Rule("name", of_kind()(has_long_name)),
        Rule("unique", twins),
        Rule("no-null", of_kind()(has_nothing_in_it)),
        Rule("narrow-rights", of_kind("Role", "ClusterRole")(has_wide_rights)),
    ),
)
