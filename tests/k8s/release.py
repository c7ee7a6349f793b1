"""The Helm release under test: its values, and helm's verbs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.k8s.manifests import MODEL, PORT, PULL_SECRET
from tests.k8s.options import ImageName, Options
from tests.k8s.runner import Done, Runner, Unfulfilled

HELM_S = 300.0
# A model that takes its time, so that requests are in flight whenever something happens.
SETTINGS = {
    "providers": {"drill": {"kind": "mock", "latency_ms": 100, "tokens_per_s": 40}},
    "models": {MODEL: {"targets": [{"provider": "drill"}]}},
}
# Room for six nodes and three servers on three small machines. The defaults are for real load.
RESOURCES = {
    "requests": {"cpu": "100m", "memory": "256Mi"},
    "limits": {"cpu": "2", "memory": "1Gi"},
}
NATS_RESOURCES = {
    "requests": {"cpu": "100m", "memory": "128Mi"},
    "limits": {"cpu": "1", "memory": "512Mi"},
}


def release_values(
    options: Options, *, image: ImageName | None = None, marker: str = ""
) -> dict[str, Any]:
    """Values of the release; another `marker` is an annotation that replaces every pod of aiex."""
    values: dict[str, Any] = {
        "fullnameOverride": options.release,
        "image": {**(image or options.image).values, "pullPolicy": "IfNotPresent"},
        "replicas": 3,
        "api": {"service": {"port": PORT}},
        "settings": SETTINGS,
        "mockModel": {"enabled": True},
        "resources": RESOURCES,
        "nats": {
            # On three machines a server that has to leave one finds no other of its own.
            "antiAffinity": "preferred",
            "volume": {
                "size": "1Gi",
                "storageClass": options.storage_class,
                "whenDeleted": "Delete",
            },
            "resources": NATS_RESOURCES,
        },
        "podAnnotations": {"aiex.acceptance/marker": marker} if marker else {},
    }
    if options.nats_image.repository:
        values["nats"]["image"] = options.nats_image.values
    if options.registry_config:
        values["image"]["pullSecrets"] = [PULL_SECRET]
        values["nats"].setdefault("image", {})["pullSecrets"] = [PULL_SECRET]
    return values


class Release:
    """Raises `Unfulfilled` with helm's own words when a verb fails."""

    def __init__(self, runner: Runner, options: Options) -> None:
        self._runner, self._options = runner, options

    def apply(self, values: Mapping[str, Any]) -> str:
        """Install it, or upgrade it; what the API server warned of."""
        options = self._options
        files = [f"--values={file}" for file in options.values_files]
        command = ["upgrade", "--install", options.release, options.chart, "--values=-", *files]
        return self._helm(command, json.dumps(values))

    def revision(self) -> int:
        """The newest one; 0 when there is no release."""
        done = self._tried(["history", self._options.release, "--max=1", "-o=json"])
        if done.status != 0:
            return 0
        return max((int(one["revision"]) for one in json.loads(done.out)), default=0)

    def rollback(self, revision: int) -> None:
        self._helm(["rollback", self._options.release, str(revision)])

    def uninstall(self) -> None:
        self._helm(["uninstall", self._options.release, "--ignore-not-found", "--wait"])

    def _helm(self, arguments: Sequence[str], text: str = "") -> str:
        done = self._tried(arguments, text)
        if done.status != 0:
            raise Unfulfilled(f"helm {arguments[0]}: {(done.err or done.out).strip()}")
        return done.err

    def _tried(self, arguments: Sequence[str], text: str = "") -> Done:
        options = self._options
        where = [f"--kubeconfig={options.kubeconfig}", f"--namespace={options.namespace}"]
        return self._runner.run([options.helm, *arguments, *where], text, HELM_S)
