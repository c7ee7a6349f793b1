"""Who reaches whom: what the NetworkPolicies let through, and that they are enforced at all."""

import json
from collections.abc import Mapping

from tests.k8s import manifests
from tests.k8s.pods import is_ready, name_of
from tests.k8s.stage import POD_S, Stage
from tests.k8s.step import Notes
from tests.k8s.verdict import reach

REACHER = "acceptance-reach"


def network(stage: Stage, notes: Notes) -> None:
    began_s = stage.runner.now_s()
    listener = _listener(stage)
    try:
        pods = {component: _address(stage, component) for component in ("node", "nats")}
        stranger = {f"{pods['node']}:8080": "open", f"{pods['node']}:8081": "closed"}
        stranger |= {f"{pods['nats']}:4222": "closed", f"{pods['nats']}:6222": "closed"}
        for space in (stage.options.namespace, stage.options.outside):
            # The listener shows that this pod reaches anything at all.
            wanted = {**stranger, f"{listener}:{manifests.LISTENER_PORT}": "open"}
            found = _reached_from(stage, space, tuple(wanted))
            notes.complaints += [f"from {space}: {one}" for one in reach(wanted, found)]
        wanted = {f"{pods['nats']}:4222": "open"}
        wanted |= {f"{listener}:{manifests.LISTENER_PORT}": "closed"}
        found = _reached_from_node(stage, tuple(wanted))
        notes.complaints += [f"from a node: {one}" for one in reach(wanted, found)]
    finally:
        stage.kubectl.inside(stage.options.outside).delete("pod", manifests.LISTENER)
    notes.took_s = stage.runner.now_s() - began_s


def _listener(stage: Stage) -> str:
    """Start who takes every connection, outside of the release; its address."""
    kubectl = stage.kubectl.inside(stage.options.outside)
    command = ["reach.py", "--listen", str(manifests.LISTENER_PORT)]
    space = stage.options.outside
    kubectl.apply(manifests.script_pod(stage.options, space, manifests.LISTENER, command))

    def is_up() -> bool:
        pod = kubectl.object("pod", manifests.LISTENER)
        return pod is not None and is_ready(pod)

    kubectl.wait(is_up, POD_S, "the listener")
    pod = kubectl.object("pod", manifests.LISTENER)
    return str(pod["status"]["podIP"]) if pod else ""


def _address(stage: Stage, component: str) -> str:
    return str(stage.pods(component)[0]["status"]["podIP"])


def _reached_from(stage: Stage, space: str, addresses: tuple[str, ...]) -> Mapping[str, str]:
    command = ["reach.py", *addresses]
    log = stage.run_pod(manifests.script_pod(stage.options, space, REACHER, command))
    found: dict[str, str] = json.loads(log)
    return found


def _reached_from_node(stage: Stage, addresses: tuple[str, ...]) -> Mapping[str, str]:
    """The same from inside of a pod of aiex, whose own rules count then."""
    pod = name_of(stage.pods("node")[0])
    script = manifests.script("reach.py")
    done = stage.kubectl.inside_pod(pod, "python", "-I", "-c", script, *addresses)
    found: dict[str, str] = json.loads(done.out or "{}")
    return found
