"""The objects of a cluster, as the API server keeps them: by kind and name, with what it adds."""

import copy
import hashlib
import itertools
import json

from aiex.testing.pods.environment import Object
from aiex.testing.pods.network import SERVICE_NET

# The first is the API server's, the tenth the name server's, as usual.
_FIRST = 20


class Objects:
    """Of one namespace; a service gets its address when it comes."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self._kept: dict[tuple[str, str], Object] = {}
        self._numbers = itertools.count(_FIRST)

    def put(self, thing: Object) -> None:
        thing = copy.deepcopy(thing)
        metadata = thing["metadata"]
        metadata.setdefault("namespace", self.namespace)
        if thing["kind"] == "Service":
            self._give_address(thing)
        if thing["kind"] in ("Deployment", "StatefulSet"):
            before = self.find(thing["kind"], metadata["name"])
            # Who leaves the number of replicas out leaves it to somebody else.
            if before is not None and "replicas" in before["spec"]:
                thing["spec"].setdefault("replicas", before["spec"]["replicas"])
        self._kept[thing["kind"], metadata["name"]] = thing

    def remove(self, kind: str, name: str) -> None:
        self._kept.pop((kind, name), None)

    def find(self, kind: str, name: str) -> Object | None:
        return self._kept.get((kind, name))

    def all(self, kind: str) -> list[Object]:
        return [thing for (its_kind, _), thing in self._kept.items() if its_kind == kind]

    def _give_address(self, service: Object) -> None:
        before = self.find("Service", service["metadata"]["name"])
        if before is not None:
            service["spec"].setdefault("clusterIP", before["spec"]["clusterIP"])
        prefix = SERVICE_NET.removesuffix(".0.0/16")
        if "clusterIP" not in service["spec"]:
            service["spec"]["clusterIP"] = f"{prefix}.0.{next(self._numbers)}"


def revision(template: Object) -> str:
    """Ten letters that change with a pod's template."""
    text = json.dumps(template, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]
