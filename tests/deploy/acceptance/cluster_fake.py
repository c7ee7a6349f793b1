"""A cluster that answers kubectl and helm as far as the acceptance asks, with faults to plant.

Its clock goes on only when somebody waits. Pods are ready two seconds after they began, and the
load answers fifty requests a second.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.k8s.runner import Done

type Object = dict[str, Any]

READY_AFTER_S = 2.0
ANSWERS_PER_S = 50
MACHINES = ("m1", "m2", "m3")


@dataclass
class Faults:
    """What goes wrong. Counts are of requests that fail."""

    on_drain: int = 0
    on_scale: int = 0
    on_death: int = 4
    one_after_the_other: bool = False
    pods_never_ready: bool = False
    broken_after_drain: bool = False
    nothing_is_denied: bool = False
    no_budget: bool = False
    writes_without_quorum: bool = False
    volumes_are_local: bool = False
    left_over: tuple[str, ...] = ()


@dataclass
class FakeCluster:
    """Plays the part of `Runner`. `commands` is what it was asked, without the options of all."""

    faults: Faults = field(default_factory=Faults)
    spaces: dict[str, dict[str, str]] = field(default_factory=dict)
    time_s: float = 0.0
    commands: list[str] = field(default_factory=list)
    applied: list[Object] = field(default_factory=list)
    pods: dict[str, Object] = field(default_factory=dict)
    replicas: dict[str, int] = field(default_factory=dict)
    revisions: int = 0
    cordoned: set[str] = field(default_factory=set)
    keys: list[str] = field(default_factory=list)
    load_lines: list[str] = field(default_factory=list)
    load_began_s: float = 0.0
    born: int = 0

    def now_s(self) -> float:
        return self.time_s

    def pause(self, seconds_s: float) -> None:
        self.time_s += seconds_s

    def run(self, command: Sequence[str], text: str, timeout_s: float) -> Done:
        del timeout_s
        words = [word for word in command if not word.startswith(("--kubeconfig", "--namespace="))]
        space = next((w.split("=")[1] for w in command if w.startswith("--namespace=")), "")
        self.commands.append(" ".join(words))
        if "doctor" in words:
            return Done(1, "the doctor's word")
        answer = (self._helm if words[0] == "helm" else self._kubectl)(words[1:], text, space)
        return answer if isinstance(answer, Done) else Done(0, answer)

    # helm

    def _helm(self, words: list[str], text: str, space: str) -> str | Done:
        del space
        if words[0] == "history":
            found = [{"revision": self.revisions}]
            return json.dumps(found) if self.revisions else Done(1, "", "release: not found")
        if words[0] == "uninstall":
            self.revisions = 0
            self.replicas.clear()
        else:
            self.revisions += 1
            image = json.loads(text)["image"] if text else {"repository": "aiex", "tag": "1"}
            self.replicas = {"node": 3, "nats": 3}
            self._forget("node")
            self.image = f"{image['repository']}:{image['tag']}"
        self._reconcile()
        return ""

    # kubectl

    def _kubectl(self, words: list[str], text: str, space: str) -> str | Done:
        answers: dict[str, Callable[[], str | Done]] = {
            "apply": lambda: self._apply(json.loads(text)["items"]),
            "get": lambda: self._get(words[1:], space),
            "delete": lambda: self._delete(words[1], words[2]),
            "exec": lambda: self._exec(words[1], words[3:]),
            "logs": lambda: self._log(words[1]),
            "scale": lambda: self._scale(words),
            "cordon": lambda: self._cordon(words[1]),
            "uncordon": lambda: self._uncordon(words[1]),
            "drain": lambda: self._drain(words[1]),
            "rollout": lambda: self._restart("nats"),
            "create": lambda: self._evict(json.loads(text)["metadata"]["name"]),
            "api-resources": lambda: "pods\nsecrets\npods.metrics.k8s.io\n",
        }
        return answers[words[0]]()

    def _apply(self, items: list[Object]) -> str:
        self.applied += items
        for item in items:
            name = item["metadata"]["name"]
            if item["kind"] == "Namespace":
                self.spaces[name] = item["metadata"]["labels"]
            if item["kind"] == "Pod":
                self._start(item)
        return ""

    def _start(self, item: Object) -> None:
        name = item["metadata"]["name"]
        self.pods[name] = self._pod(name, "acceptance", item["spec"])
        words = item["spec"]["containers"][0]["command"]
        if "/scripts/load.py" in words:
            self.load_lines, self.load_began_s = [], self.time_s
        if "/scripts/kill.py" in words:
            self._die(uid=words[-1])
        if "/scripts/reach.py" in words and "--listen" not in words:
            self.pods[name]["reached"] = self._reached(
                words[words.index("/scripts/reach.py") + 1 :]
            )

    def _get(self, words: list[str], space: str) -> str | Done:
        if "-o" not in words or "json" not in words:
            return "NAME STATUS"
        if "--ignore-not-found" in words:
            found = self._object(words[0], words[1])
            return json.dumps(found) if found else ""
        return json.dumps({"items": self._objects(words, space)})

    def _objects(self, words: list[str], space: str) -> list[Object]:
        if words[0] == "namespaces":
            return [{"metadata": {"name": n, "labels": one}} for n, one in self.spaces.items()]
        if words[0] != "pods":
            kept = self.faults.left_over
            return [{"kind": "Secret", "metadata": {"name": name}} for name in kept]
        labels = words[-1] if words[-1].startswith("-l") else ""
        component = labels.rpartition("component=")[2] if "component=" in labels else ""
        return [
            self._shown(pod)
            for pod in self.pods.values()
            if pod["component"] == component or (not component and pod["component"] != "acceptance")
        ]

    def _object(self, kind: str, name: str) -> Object | None:
        if kind in ("deployment", "statefulset"):
            return self._workload("node" if kind == "deployment" else "nats")
        if kind == "persistentvolumeclaim":
            return {"spec": {"volumeName": f"volume-of-{name}"}}
        if kind == "persistentvolume":
            return {"spec": _local("m3") if self.faults.volumes_are_local else {}}
        return self._shown(self.pods[name]) if name in self.pods else None

    def _workload(self, component: str) -> Object | None:
        if component not in self.replicas:
            return None
        ready = sum(self._is_ready(pod) for pod in self._of(component))
        count, wanted = len(self._of(component)), self.replicas[component]
        status = {"observedGeneration": 1, "replicas": count, "updatedReplicas": count}
        status["readyReplicas"] = ready
        return {"metadata": {"generation": 1}, "spec": {"replicas": wanted}, "status": status}

    def _delete(self, kind: str, name: str) -> str:
        if kind == "namespace":
            self.spaces.pop(name, None)
        self.pods.pop(name, None)
        return self._reconcile()

    def _exec(self, pod: str, words: list[str]) -> str | Done:
        if words[0] == "python" and "SIGTERM" in words[-1]:
            self.pods[pod]["is_over"] = True
            return ""
        if words[0] == "python":
            return self._reached(words[4:], is_node=True)
        if words[1:3] == ["cluster", "status"]:
            return json.dumps({"condition": "whole", "members": self._members()})
        if words[1:3] == ["keys", "list"]:
            return json.dumps({"keys": [{"name": name} for name in self.keys]})
        has_quorum = sum(self._is_ready(one) for one in self._of("nats")) >= 2
        if not has_quorum and not self.faults.writes_without_quorum:
            return Done(1, "", "503: the engine has no quorum")
        self.keys.append(words[3])
        return "made"

    def _members(self) -> list[Object]:
        return [{"state": "up"} for pod in self._of("node") if self._is_ready(pod)]

    def _log(self, name: str) -> str | Done:
        pod = self.pods[name]
        if name != "acceptance-load":
            return str(pod.get("reached", "a line"))
        failed = sum('"failed"' in line for line in self.load_lines)
        answered = int((self.time_s - self.load_began_s) * ANSWERS_PER_S)
        sums = {"at": self.time_s, "answered": answered, "failed": failed, "unconnected": 0}
        event = "ended" if pod.get("is_over") else "second"
        return "\n".join([*self.load_lines, json.dumps({"event": event, "open": 6, **sums})])

    def _scale(self, words: list[str]) -> str:
        component = "node" if words[1] == "deployment" else "nats"
        if component == "node":
            self._fail(self.faults.on_scale)
        self.replicas[component] = int(words[3].split("=")[1])
        return self._reconcile()

    def _cordon(self, machine: str) -> str:
        self.cordoned.add(machine)
        return ""

    def _uncordon(self, machine: str) -> str:
        self.cordoned.discard(machine)
        return ""

    def _restart(self, component: str) -> str:
        self._forget(component)
        return self._reconcile()

    def _drain(self, machine: str) -> str:
        self._fail(self.faults.on_drain)
        self.faults.pods_never_ready = self.faults.broken_after_drain
        for name, pod in list(self.pods.items()):
            if pod["machine"] == machine and pod["component"] in ("node", "nats"):
                del self.pods[name]
        return self._reconcile()

    def _evict(self, name: str) -> str | Done:
        component = self.pods[name]["component"]
        is_one_away = not all(self._is_ready(pod) for pod in self._of(component))
        if is_one_away and not self.faults.no_budget:
            return Done(1, "", "it would violate the pod's disruption budget")
        del self.pods[name]
        return self._reconcile()

    def _die(self, uid: str) -> None:
        pod = next(pod for pod in self.pods.values() if pod["uid"] == uid)
        pod["restarts"], pod["began_s"] = pod["restarts"] + 1, self.time_s
        self._fail(self.faults.on_death if pod["component"] == "node" else 0)

    def _fail(self, count: int) -> None:
        for number in range(count):
            at_s = (
                self.time_s - self.load_began_s + (number if self.faults.one_after_the_other else 0)
            )
            line = {"event": "failed", "began": at_s - 0.2, "ended": at_s, "open": 6}
            self.load_lines.append(json.dumps({**line, "kind": "stream", "reason": "reset"}))

    def _reached(self, addresses: list[str], *, is_node: bool = False) -> str:
        to_nats, to_others = ("open", "closed") if is_node else ("closed", "open")
        states = {"4222": to_nats, "9000": to_others, "8080": "open"}
        is_open = self.faults.nothing_is_denied
        return json.dumps(
            {one: "open" if is_open else states.get(one[-4:], "closed") for one in addresses}
        )

    # what controllers do

    def _of(self, component: str) -> list[Object]:
        return [pod for pod in self.pods.values() if pod["component"] == component]

    def _forget(self, component: str) -> None:
        for pod in self._of(component):
            del self.pods[pod["name"]]

    def _reconcile(self) -> str:
        for component in ("node", "nats"):
            there, wanted = self._of(component), self.replicas.get(component, 0)
            for pod in there[wanted:]:
                del self.pods[pod["name"]]
            for number in range(wanted):
                name = f"aiex-nats-{number}" if component == "nats" else ""
                if len(self._of(component)) < wanted and name not in self.pods:
                    self.born += 1
                    name = name or f"aiex-{self.born}"
                    self.pods[name] = self._pod(name, component, {})
        return ""

    def _pod(self, name: str, component: str, spec: Object) -> Object:
        self.born += 1
        free = [machine for machine in MACHINES if machine not in self.cordoned]
        image = getattr(self, "image", "") if component == "node" else "nats:2"
        claim = {"persistentVolumeClaim": {"claimName": f"data-{name}"}}
        return {
            "name": name,
            "component": component,
            "uid": f"uid-{self.born}",
            "machine": free[self.born % len(free)],
            "began_s": self.time_s,
            "restarts": 0,
            "spec": {"containers": [{"image": image}], "volumes": [claim], **spec},
        }

    def _is_ready(self, pod: Object) -> bool:
        is_up = bool(self.time_s - pod["began_s"] >= READY_AFTER_S)
        return is_up and not (self.faults.pods_never_ready and pod["component"] == "node")

    def _shown(self, pod: Object) -> Object:
        state = "True" if self._is_ready(pod) else "False"
        is_script = pod["component"] == "acceptance" and "--listen" not in str(pod["spec"])
        is_over = pod.get("is_over") or (is_script and pod["name"] != "acceptance-load")
        return {
            "kind": "Pod",
            "metadata": {"name": pod["name"], "uid": pod["uid"]},
            "spec": {**pod["spec"], "nodeName": pod["machine"]},
            "status": {
                "phase": "Succeeded" if is_over else "Running",
                "podIP": f"10.0.0.{pod['uid'][4:]}",
                "conditions": [{"type": "Ready", "status": state}],
                "containerStatuses": [{"restartCount": pod["restarts"]}],
            },
        }


def _local(machine: str) -> Object:
    rule = {"key": "kubernetes.io/hostname", "operator": "In", "values": [machine]}
    return {"nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [rule]}]}}}
