"""What the acceptance tests bring into a cluster besides the chart. Pure: names in, manifests out.

All of it fits Pod Security `restricted` but one pod, the one that kills from the machine; it has a
namespace of its own.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.k8s.options import Options

type Manifest = dict[str, Any]

# Whose a namespace is. One without this label is never touched.
OWNER_LABEL = "aiex.acceptance/owner"
OWNER = "make-test-k8s"
RESTRICTED, PRIVILEGED = "restricted", "privileged"
SCRIPTS = "acceptance-scripts"
PORT = 80  # of the Service that the load asks
MODEL = "drill"  # and the model that it asks for
PULL_SECRET = "acceptance-registry"
LISTENER, LISTENER_PORT = "acceptance-listener", 9000
LOAD_COMPONENT = "acceptance"
RESOURCES = {
    "requests": {"cpu": "50m", "memory": "64Mi"},
    "limits": {"cpu": "1", "memory": "256Mi"},
}


def namespace(name: str, security: str) -> Manifest:
    levels = {
        f"pod-security.kubernetes.io/{mode}": security for mode in ("enforce", "warn", "audit")
    }
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {OWNER_LABEL: OWNER, **levels}},
    }


def scripts(name: str) -> Manifest:
    """The scripts of these tests, as files."""
    files = ("load.py", "reach.py", "kill.py")
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(SCRIPTS, name),
        "data": {file: script(file) for file in files},
    }


def pull_secret(name: str, config: str) -> Manifest:
    """What the registry wants, as a docker config.json has it."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _metadata(PULL_SECRET, name),
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": config},
    }


def script(file: str) -> str:
    """The text of one of the scripts that run in the cluster."""
    return (Path(__file__).parent / file).read_text(encoding="utf-8")


def script_pod(
    options: Options,
    space: str,
    name: str,
    command: Sequence[str],
    *,
    environment: Sequence[Mapping[str, Any]] = (),
    not_on: str = "",
) -> Manifest:
    """A pod that runs one of the scripts, on any machine but `not_on`."""
    spec = _spec(options, name, command, environment)
    spec["securityContext"] = {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if not_on:
        spec["affinity"] = _elsewhere(not_on)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": _metadata(name, space), "spec": spec}


def load_pod(options: Options, name: str, key_secret: str, not_on: str = "") -> Manifest:
    """Asks the Service until it is told to stop."""
    url = f"http://{options.release}.{options.namespace}.svc:{PORT}"
    command = ["load.py", f"--url={url}", f"--model={MODEL}", f"--askers={options.askers}"]
    key = {
        "name": "LOAD_KEY",
        "valueFrom": {"secretKeyRef": {"name": key_secret, "key": "api-key"}},
    }
    return script_pod(options, options.namespace, name, command, environment=[key], not_on=not_on)


def kill_pod(options: Options, name: str, machine: str, uid: str) -> Manifest:
    """Kills the processes of the pod with that uid, from the machine it is on. It is root there."""
    spec = _spec(options, name, ["kill.py", uid], ())
    spec |= {"nodeName": machine, "hostPID": True, "tolerations": [{"operator": "Exists"}]}
    spec["containers"][0]["securityContext"] = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsUser": 0,
        "seccompProfile": {"type": "RuntimeDefault"},
        "capabilities": {"drop": ["ALL"], "add": ["KILL"]},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _metadata(name, options.host),
        "spec": spec,
    }


def _spec(
    options: Options, name: str, command: Sequence[str], environment: Sequence[Mapping[str, Any]]
) -> Manifest:
    script, *arguments = command
    container: Manifest = {
        "name": name,
        "image": options.image.name,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-I", f"/scripts/{script}", *arguments],
        "env": list(environment),
        "resources": RESOURCES,
        "volumeMounts": [{"name": "scripts", "mountPath": "/scripts", "readOnly": True}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    spec: Manifest = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 60,
        "containers": [container],
        "volumes": [{"name": "scripts", "configMap": {"name": SCRIPTS}}],
    }
    if options.registry_config:
        spec["imagePullSecrets"] = [{"name": PULL_SECRET}]
    return spec


def _metadata(name: str, space: str) -> Manifest:
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/component": LOAD_COMPONENT}
    return {"name": name, "namespace": space, "labels": labels}


def _elsewhere(machine: str) -> Manifest:
    # By the name of the machine, which its label for the host's name need not be.
    field = {"key": "metadata.name", "operator": "NotIn", "values": [machine]}
    term = {"matchFields": [field]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    return {"nodeAffinity": required}
