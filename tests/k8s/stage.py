"""What the steps act with: the cluster, the release, the load, and the waits that they share."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tests.k8s import manifests
from tests.k8s.kubectl import Kubectl
from tests.k8s.load_log import LoadReport, load_report
from tests.k8s.options import Options
from tests.k8s.pods import is_going, is_ready, machine_of, members_up, name_of, rolled_out
from tests.k8s.release import Release
from tests.k8s.runner import Runner, Unfulfilled
from tests.k8s.step import Notes
from tests.k8s.verdict import planned

LOAD = "acceptance-load"
FLOWING = 30  # answers that show that load flows
ROLL_S = 300.0
WHOLE_S = 120.0
POD_S = 60.0
STOP = "import os, signal; os.kill(1, signal.SIGTERM)"

type Judge = Callable[[LoadReport], list[str]]


class Stage:
    """One release in one namespace of one cluster."""

    def __init__(self, runner: Runner, options: Options) -> None:
        program = (options.kubectl, f"--kubeconfig={options.kubeconfig}")
        self.runner, self.options = runner, options
        self.kubectl = Kubectl(runner, program, options.namespace)
        self.release = Release(runner, options)
        self.cordoned: set[str] = set()  # by these tests

    def cordon(self, machine: str) -> None:
        """No new pods there, until `uncordon`."""
        self.cordoned.add(machine)
        self.kubectl.run("cordon", machine)

    def uncordon(self, machine: str) -> None:
        """Undo it; a machine that somebody else cordoned is left as it is."""
        if machine in self.cordoned:
            self.kubectl.run("uncordon", machine)
            self.cordoned.discard(machine)

    def pods(self, component: str) -> list[dict[str, Any]]:
        """Pods of aiex (`node`) or of NATS (`nats`) that stay, by name."""
        pods = [pod for pod in self._all_pods(component) if not is_going(pod)]
        return sorted(pods, key=name_of)

    def is_alone(self, component: str) -> bool:
        """Whether one pod is left, and those that go are gone."""
        return len(self._all_pods(component)) == 1

    def nats_name(self) -> str:
        return f"{self.options.release}-nats"

    def until_whole(self, limit_s: float = WHOLE_S) -> float:
        """Wait until all pods are ready and every node sees all others; the seconds it took."""
        return self.kubectl.wait(self._is_whole, limit_s, "all ready, and one whole cluster")

    def until_rolled_out(self, limit_s: float = ROLL_S) -> float:
        name = self.options.release
        return self.kubectl.wait(
            lambda: rolled_out(self.kubectl.object("deployment", name)), limit_s, "the rollout"
        )

    def until_nats(self, limit_s: float = ROLL_S) -> float:
        name = self.nats_name()
        return self.kubectl.wait(
            lambda: rolled_out(self.kubectl.object("statefulset", name)), limit_s, "NATS"
        )

    def aiex(self, *arguments: str) -> tuple[bool, str]:
        """`aiex …` in a ready pod: whether it said yes, and what it wrote."""
        pods = [pod for pod in self.pods("node") if is_ready(pod)]
        if not pods:
            raise Unfulfilled("no pod of aiex is ready")
        done = self.kubectl.inside_pod(name_of(pods[0]), "aiex", *arguments)
        return done.status == 0, done.out or done.err

    def machine(self) -> str:
        """A machine with a pod of aiex, and not the only one."""
        machines = sorted({machine_of(pod) for pod in self.pods("node")})
        if len(machines) < 2:
            raise Unfulfilled("all pods of aiex are on one machine, and should be spread")
        return machines[-1]

    def run_pod(self, manifest: manifests.Manifest) -> str:
        """Run a pod to its end, delete it; what it wrote. Raises `Unfulfilled` when it failed."""
        kubectl = self.kubectl.inside(manifest["metadata"]["namespace"])
        name = name_of(manifest)
        kubectl.delete("pod", name)
        kubectl.apply(manifest)
        try:
            kubectl.wait(lambda: _phase(kubectl, name) in ("Succeeded", "Failed"), POD_S, name)
            log = kubectl.run("logs", name)
            if _phase(kubectl, name) == "Failed":
                raise Unfulfilled(f"pod {name} failed: {log.strip()}")
        finally:
            kubectl.delete("pod", name)
        return log

    @contextmanager
    def under_load(
        self, notes: Notes, judge: Judge = planned, *, not_on: str = ""
    ) -> Iterator["LoadInCluster"]:
        """Load flows before the block begins, through it, and after it; then it is judged."""
        load = LoadInCluster(self, not_on)
        load.start()
        try:
            began_s = self.runner.now_s()
            yield load
            notes.took_s = self.runner.now_s() - began_s
            load.flows_on()
        finally:
            notes.load = load.end()
        notes.complaints += judge(notes.load)

    def _all_pods(self, component: str) -> list[dict[str, Any]]:
        labels = f"app.kubernetes.io/instance={self.options.release}"
        return self.kubectl.objects("pods", f"{labels},app.kubernetes.io/component={component}")

    def _is_whole(self) -> bool:
        nodes, servers = self.pods("node"), self.pods("nats")
        deployment = self.kubectl.object("deployment", self.options.release)
        if not rolled_out(deployment) or not all(map(is_ready, [*nodes, *servers])):
            return False
        if not rolled_out(self.kubectl.object("statefulset", self.nats_name())):
            return False
        return all(self._members(name_of(pod)) == len(nodes) for pod in nodes)

    def _members(self, pod: str) -> int:
        return members_up(
            self.kubectl.inside_pod(pod, "aiex", "cluster", "status", "-o", "json").out
        )


class LoadInCluster:
    """The load's pod. It is told to end by a signal from inside, since its log has to stay."""

    def __init__(self, stage: Stage, not_on: str) -> None:
        self._kubectl, self._options, self._not_on = stage.kubectl, stage.options, not_on

    def start(self) -> None:
        self._kubectl.delete("pod", LOAD, "--grace-period=0", "--force")
        secret = f"{self._options.release}-secrets"
        self._kubectl.apply(manifests.load_pod(self._options, LOAD, secret, self._not_on))
        self.flows_on(POD_S)

    def report(self) -> LoadReport:
        done = self._kubectl.tried("logs", LOAD)
        return load_report(done.out if done.status == 0 else "")

    def flows_on(self, limit_s: float = POD_S) -> None:
        """Wait for more answers. When none come, the count says why."""
        wanted = self.report().answered_count + FLOWING

        def is_flowing() -> bool:
            return self.report().answered_count >= wanted

        self._kubectl.wait(is_flowing, limit_s, f"{FLOWING} more answers to the load")

    def end(self) -> LoadReport:
        """Stop it, take its log, delete it. One that does not end is reported as not ended."""
        self._kubectl.inside_pod(LOAD, "python", "-c", STOP)
        with suppress(Unfulfilled):
            self._kubectl.wait(
                lambda: _phase(self._kubectl, LOAD) in ("Succeeded", "Failed"), POD_S, LOAD
            )
        report = self.report()
        self._kubectl.delete("pod", LOAD, "--grace-period=0", "--force")
        return report


def _phase(kubectl: Kubectl, pod: str) -> str:
    found = kubectl.object("pod", pod)
    return str((found or {}).get("status", {}).get("phase", ""))


def eviction(pod: str, space: str) -> str:
    """An Eviction, as `kubectl create --raw` posts it: it honours disruption budgets."""
    return json.dumps(
        {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": space},
        }
    )
