"""Steps that take pods of aiex away: asked politely, by a machine's drain, and not asked at all."""

from collections.abc import Mapping
from typing import Any

from tests.k8s import manifests
from tests.k8s.pods import machine_of, name_of, restarts_of
from tests.k8s.runner import Unfulfilled
from tests.k8s.stage import ROLL_S, WHOLE_S, Stage, eviction
from tests.k8s.step import Notes
from tests.k8s.verdict import unannounced

KILLER = "acceptance-kill"


def evict(stage: Stage, notes: Notes) -> None:
    """A node is evicted; of the servers of NATS a second one is refused while one is away."""
    pod = name_of(stage.pods("node")[0])
    with stage.under_load(notes):
        if not _evicted(stage, pod):
            raise Unfulfilled(f"the eviction of {pod} was refused, and all nodes are ready")
        _until_gone(stage, pod)
        stage.until_whole()
    first, second = (name_of(pod) for pod in stage.pods("nats")[:2])
    if not _evicted(stage, first):
        notes.complaints.append(f"the eviction of {first} was refused, and all servers are ready")
    elif _evicted(stage, second):
        notes.complaints.append(f"{second} was evicted too while {first} was away: no budget holds")
    stage.until_nats()
    stage.until_whole()


def drain(stage: Stage, notes: Notes) -> None:
    """Only pods of this release leave the machine: the cluster may be somebody else's too."""
    machine = stage.machine()
    ours = f"--pod-selector=app.kubernetes.io/instance={stage.options.release}"
    try:
        with stage.under_load(notes, not_on=machine):
            stage.cordon(machine)
            flags = ("--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={ROLL_S:.0f}s")
            stage.kubectl.run("drain", machine, ours, *flags, timeout_s=ROLL_S + 30)
            stage.until_rolled_out()
            notes.told.append(f"drained {machine}")
    finally:
        stage.uncordon(machine)
    if any(machine_of(pod) == machine for pod in stage.pods("node")):
        notes.complaints.append(f"a pod of aiex stayed on {machine}")
    stage.until_nats()
    stage.until_whole()


def pod_kill(stage: Stage, notes: Notes) -> None:
    pod = stage.pods("node")[0]
    with stage.under_load(notes, unannounced, not_on=machine_of(pod)):
        notes.told.append(die_unannounced(stage, pod))
        stage.until_rolled_out()
        stage.until_whole()


def die_unannounced(stage: Stage, pod: Mapping[str, Any]) -> str:
    """Kill a pod's processes and wait until Kubernetes has noticed; how, in words."""
    name = name_of(pod)
    if stage.options.kill_by == "delete":
        stage.kubectl.run("delete", "pod", name, "--grace-period=0", "--force")
        return f"{name} deleted without grace: a kubelet still sends SIGTERM two seconds before"
    uid = pod["metadata"]["uid"]
    stage.run_pod(manifests.kill_pod(stage.options, KILLER, machine_of(pod), uid))
    before = restarts_of(pod)

    def is_restarted() -> bool:
        now = stage.kubectl.object("pod", name)
        return now is not None and restarts_of(now) > before

    stage.kubectl.wait(is_restarted, WHOLE_S, f"{name} to be started again")
    return f"{name} killed on {machine_of(pod)}"


def _evicted(stage: Stage, pod: str) -> bool:
    """Whether the eviction was granted. Raises `Unfulfilled` when it failed for another reason."""
    space = stage.options.namespace
    path = f"/api/v1/namespaces/{space}/pods/{pod}/eviction"
    text = eviction(pod, space)
    done = stage.kubectl.tried("create", "--raw", path, "-f", "-", text=text)
    if done.status != 0 and "disruption budget" not in done.err:
        raise Unfulfilled(f"eviction of {pod}: {done.err.strip()}")
    return done.status == 0


def _until_gone(stage: Stage, pod: str) -> None:
    is_gone = lambda: stage.kubectl.object("pod", pod) is None  # noqa: E731
    stage.kubectl.wait(is_gone, ROLL_S, f"{pod} to be gone")
