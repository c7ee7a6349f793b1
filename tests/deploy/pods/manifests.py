"""Small pods for tests of the runner: Python programs in a line or two, and what they answer."""

import json
import textwrap
from typing import Any

from aiex.testing.pods import Pod, PodCluster
from aiex.testing.pods.network import Place

STARTS_S = 30.0
RESTRICTED = {
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}
USER = {"runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10002}
# Answers any connection with its pod's name; ends in order when it is told to.
SERVE = """
import os, signal, socketserver, sys
class Answer(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.recv(1000)
        self.request.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + os.environ["HOSTNAME"].encode())
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
Server(("0.0.0.0", 8080), Answer).serve_forever()
"""


def container(code: str, **more: Any) -> dict[str, Any]:
    command = ["python", "-u", "-c", textwrap.dedent(code)]
    return {"name": "main", "image": "python", "command": command, **more}


def pod(name: str, code: str, spec: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"restartPolicy": "Never", "containers": [container(code, **more)], **(spec or {})},
    }


def deployment(name: str, code: str, replicas: int = 2, **more: Any) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "containers": [container(code, **more)],
                    "terminationGracePeriodSeconds": 2,
                },
            },
        },
    }


def service(name: str, **spec: Any) -> dict[str, Any]:
    spec = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}], **spec}
    return {"kind": "Service", "metadata": {"name": name}, "spec": spec}


def told(cluster: PodCluster, thing: dict[str, Any]) -> Any:
    """What a pod wrote as JSON before it ended."""
    name = thing["metadata"]["name"]
    cluster.apply([thing])
    cluster.until(
        lambda: (
            any(one.name == name for one in cluster.pods())
            and cluster.pod(name).phase in ("Succeeded", "Failed")
        ),
        STARTS_S,
        f"{name} is done",
    )
    done = cluster.pod(name)
    text = done.output.read_text()
    assert done.phase == "Succeeded", text
    cluster.remove("Pod", name)
    return json.loads(text.splitlines()[-1])


def ask(cluster: PodCluster, client: Place, name: str) -> str:
    (address,) = cluster.addresses(name)
    with client.connect_to(address, 80, 3.0) as opened:
        opened.sendall(b"GET / HTTP/1.0\r\n\r\n")
        parts = []
        while part := opened.recv(1000):
            parts.append(part)
        return b"".join(parts).partition(b"\r\n\r\n")[2].decode()


def of(cluster: PodCluster, app: str) -> list[Pod]:
    return [one for one in cluster.pods() if one.labels.get("app") == app]
