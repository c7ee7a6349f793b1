"""Kubernetes objects as a rendering has them, and the pods that they make. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

type Object = dict[str, Any]

COMPONENT = "app.kubernetes.io/component"
# Where a kind keeps the template of its pods.
_TEMPLATES = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "Pod": (),
}


def at(value: Any, *path: str | int) -> Any:
    """What lies at a path, or None where the path ends early."""
    for step in path:
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, Sequence) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def kind_of(item: Object) -> str:
    return str(item.get("kind", ""))


def name_of(item: Object) -> str:
    return str(at(item, "metadata", "name") or "")


def title(item: Object) -> str:
    return f"{kind_of(item)} {name_of(item)}"


def labels_of(item: Object) -> dict[str, str]:
    return at(item, "metadata", "labels") or {}


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Does a label selector (`matchLabels`, `matchExpressions`) choose these labels?"""
    if selector is None:
        return False
    plain = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in plain.items()):
        return False
    return all(_meets(one, labels) for one in selector.get("matchExpressions") or ())


def _meets(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    raise ValueError(f"no operator of a label selector: {expression['operator']}")


@dataclass(frozen=True)
class Container:
    pod: "Pod"
    spec: Object
    is_init: bool = False

    @property
    def name(self) -> str:
        return str(self.spec.get("name", ""))

    @property
    def security(self) -> Object:
        """What is in force: the container's own context over that of its pod."""
        return {**(self.pod.spec.get("securityContext") or {}), **self.own_security}

    @property
    def own_security(self) -> Object:
        return self.spec.get("securityContext") or {}

    @property
    def is_sidecar(self) -> bool:
        """An init container that runs as long as its pod."""
        return self.is_init and self.spec.get("restartPolicy") == "Always"


@dataclass(frozen=True)
class Pod:
    owner: Object
    template: Object

    @property
    def spec(self) -> Object:
        return self.template.get("spec") or {}

    @property
    def labels(self) -> dict[str, str]:
        return labels_of(self.template)

    @property
    def ends(self) -> bool:
        """Is it made to end, as the pod of a job?"""
        return kind_of(self.owner) in {"Job", "CronJob"} or (
            kind_of(self.owner) == "Pod"
            and self.spec.get("restartPolicy") in ("Never", "OnFailure")
        )

    @property
    def containers(self) -> list[Container]:
        """All of them, those that run before the others first."""
        before = [Container(self, one, is_init=True) for one in self.spec.get("initContainers", [])]
        return before + [Container(self, one) for one in self.spec.get("containers", [])]

    @property
    def volumes(self) -> list[Object]:
        return self.spec.get("volumes") or []


@dataclass(frozen=True)
class Objects:
    """All that one rendering has."""

    all: tuple[Object, ...]
    namespace: str = "default"

    def __iter__(self) -> Iterator[Object]:
        return iter(self.all)

    def of(self, *kinds: str) -> list[Object]:
        return [one for one in self.all if kind_of(one) in kinds]

    @cached_property
    def pods(self) -> list[Pod]:
        return [pod for one in self.all if (pod := pod_of(one)) is not None]

    def named(self, kind: str, name: str) -> Object | None:
        return next((one for one in self.of(kind) if name_of(one) == name), None)


def pod_of(item: Object) -> Pod | None:
    """The pod an object makes, if it makes any."""
    path = _TEMPLATES.get(kind_of(item))
    template = None if path is None else at(item, *path)
    return None if template is None else Pod(item, template)


def component_of(item: Object) -> str:
    return labels_of(item).get(COMPONENT, "")
