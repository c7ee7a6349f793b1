"""A release of the chart in a cluster of pods: installed, upgraded, asked, and looked at."""

import contextlib
import http.client
import json
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from aiex.testing.api_traffic import PATH, Answer, ApiTraffic, complaints, counts
from aiex.testing.kubernetes_api import KubernetesApiServer
from aiex.testing.lab_inspection import condition_troubles, member_troubles
from aiex.testing.machine import HttpConnection
from aiex.testing.pods import Pod, PodCluster
from aiex.testing.pods.environment import content
from aiex.testing.pods.network import Place
from tests.deploy.chart.rendering import NAME, NAMESPACE, Chart, Object, Rendering

ENGINE_USER, ENGINE_PASSWORD = "aiex", "of-the-release-7c1d"
ANSWER_S = 20.0
WHOLE_S = 60.0
HOOK_S = 60.0
TRAFFIC_COUNT = 3


class Door:
    """A service that can be connected to: its name is asked for each connection."""

    def __init__(self, cluster: PodCluster, place: Place, name: str) -> None:
        self._cluster, self._place, self._name = cluster, place, name

    def connect(self, port: int, timeout_s: float) -> socket.socket:
        addresses = self._cluster.addresses(self._name)
        if not addresses:
            raise ConnectionRefusedError(f"no such name: {self._name}")
        return self._place.connect_to(addresses[0], port, timeout_s)


class Release:
    """Install it with `upgrade`; values are merged into the first ones, section by section."""

    def __init__(
        self, cluster: PodCluster, chart: Chart, values: Mapping[str, Any], engine_name: str
    ) -> None:
        self.cluster, self.engine_name = cluster, engine_name
        self._chart = chart
        self._values = dict(values)
        self.api_key = "sk-of-whoever-installs-5f2a9c3e7b10"
        self.admin_token = "admin-of-whoever-installs-91d4e6a8"
        # Keys and files of its Secrets by `secret/key`, once they were taken.
        self.secrets: dict[str, str] = {}
        self.api: KubernetesApiServer | None = None
        # Seconds from the installation to a whole cluster.
        self.formed_s = 0.0
        # Whether a test did not leave it whole.
        self.is_spoiled = False
        self._names: set[tuple[str, str]] = set()
        instance = {"app.kubernetes.io/name": "aiex", "app.kubernetes.io/instance": "r"}
        self.client = cluster.client("client", {"app": "client"})
        # What may reach the admin port: the tests of the release.
        self.friend = cluster.client("friend", {**instance, "app.kubernetes.io/component": "test"})
        # What may reach the engine.
        node = {**instance, "app.kubernetes.io/component": "node"}
        self.like_a_node = cluster.client("like-a-node", node)

    def rendered(self, **values: Any) -> Rendering:
        return self._chart(**{**self._values, **values})

    def upgrade(self, **values: Any) -> None:
        """As `helm upgrade`: what is new or changed is applied, what is gone is removed."""
        rendering = self.rendered(**values)
        wanted = {name: thing for name, thing in rendering.objects.items() if not _hook(thing)}
        self.cluster.apply(wanted.values())
        for kind, name in self._names - wanted.keys():
            self.cluster.remove(kind, name)
        self._names = set(wanted)

    def engines(self) -> list[Pod]:
        """The pods of NATS, whoever's they are."""
        return [
            pod for pod in self.cluster.pods() if pod.owner == f"StatefulSet/{self.engine_name}"
        ]

    def run_hooks(self, kind: str) -> list[Pod]:
        """What helm runs `pre-install`, `test` and so on, in its order; the pods that ran.

        Raises `AssertionError` with what a pod wrote when it failed.
        """
        hooks = [one for one in self.rendered().objects.values() if kind in _hook(one)]
        ran = []
        for thing in sorted(hooks, key=lambda one: int(_annotation(one, "hook-weight") or 0)):
            name, its_kind = thing["metadata"]["name"], thing["kind"]
            self.cluster.apply([thing])
            if its_kind in ("Job", "Pod"):
                ran.append(self._until_done(f"{its_kind}/{name}"))
                self.cluster.remove(its_kind, name)
        for thing in hooks:
            self.cluster.remove(thing["kind"], thing["metadata"]["name"])
        return ran

    def _until_done(self, owner: str) -> Pod:
        def ended() -> list[Pod]:
            pods = [pod for pod in self.cluster.pods() if pod.owner == owner]
            return [pod for pod in pods if pod.restarts or pod.phase in ("Succeeded", "Failed")]

        self.cluster.until(lambda: bool(ended()), HOOK_S, f"{owner} is done")
        (done,) = ended()
        assert done.phase == "Succeeded", f"{owner}: {done.output.read_text()}"
        return done

    def take_secrets(self) -> None:
        """Give the pods what the chart's Job has made at the API server."""
        for suffix in ("secrets", "nats-auth", "nats-ca", "nats-tls"):
            thing = self.made(suffix)
            self.cluster.apply([thing])
            keys = content(thing)
            self.secrets |= {f"{suffix}/{key}": value.decode() for key, value in keys.items()}
        self.api_key = self.secrets["secrets/api-key"]
        self.admin_token = self.secrets["secrets/admin-token"]

    def made(self, suffix: str) -> Object:
        """A Secret of the release at the API server."""
        assert self.api is not None, "this release has no API server"
        thing = self.api.kept("Secret", f"{NAME}-{suffix}", NAMESPACE)
        assert thing is not None, f"{NAME}-{suffix} was not made; asked: {self.api.asked}"
        return thing

    def nodes(self) -> list[Pod]:
        return self.cluster.pods(component="node", instance="r")

    def door(self, service: str = NAME, place: Place | None = None) -> Door:
        return Door(self.cluster, place or self.client, service)

    def ask(
        self,
        path: str,
        *,
        key: str | None = None,
        content: Any = None,
        service: str = NAME,
        port: int = 80,
        place: Place | None = None,
    ) -> tuple[int, bytes]:
        """Status and body of what the API's service answers."""
        connection = HttpConnection(self.door(service, place), port, ANSWER_S)
        with contextlib.closing(connection):
            return _answer(connection, path, self.api_key if key is None else key, content)

    def chat(self, key: str | None = None) -> tuple[int, str]:
        """Status and what the mock model says to `echo hello`."""
        message = {"role": "user", "content": "echo hello"}
        status, body = self.ask(PATH, key=key, content={"model": "mock", "messages": [message]})
        answer = json.loads(body)
        return status, answer["choices"][0]["message"]["content"] if status == 200 else ""

    def admin(self, pod: Pod, path: str, content: Any = None, token: str | None = None) -> Any:
        """What the admin API of one node answers; raises `AssertionError` when it is no 2xx."""
        status, body = self.admin_answer(pod, path, content, token)
        assert status < 300, f"{pod.name} {path}: {status} {body[:500]!r}"
        return json.loads(body)

    def admin_answer(
        self, pod: Pod, path: str, content: Any = None, token: str | None = None
    ) -> tuple[int, bytes]:
        connection = HttpConnection(_Direct(self.friend, pod), 8081, ANSWER_S)
        with contextlib.closing(connection):
            return _answer(connection, path, self.admin_token if token is None else token, content)

    def troubles(self) -> list[str]:
        """What keeps the cluster from being whole, in words."""
        views: dict[str, Any] = {}
        found = []
        for pod in self.nodes():
            try:
                views[pod.name] = self.admin(pod, "/admin/v1/cluster")
                checks = self.admin(pod, "/admin/v1/status")["checks"]
            except (OSError, http.client.HTTPException, AssertionError) as error:
                found.append(f"{pod.name} cannot tell: {error!r}")
                continue
            found += [
                f"{pod.name}: {one['name']} is {one['status']}, {one['reason']}"
                for one in checks
                if one["status"] != "ok"
            ]
        # Who left in order is remembered for a while, and missed by nobody.
        for view in views.values():
            view["members"] = [one for one in view["members"] if one["state"] != "left"]
        return found + member_troubles(views) + condition_troubles(views)

    def until_whole(self, timeout_s: float = WHOLE_S) -> float:
        """Until all pods are ready, and each node sees one whole cluster of them all; seconds."""
        began_s = time.monotonic()
        found = [""]

        def is_whole() -> bool:
            if not self.cluster.is_settled():
                found[:] = ["pods are not settled"]
                return False
            found[:] = self.troubles()
            return not found

        try:
            self.cluster.until(is_whole, timeout_s, "the cluster is whole")
        except AssertionError as error:
            raise AssertionError(f"{found}\n{error}") from None
        return time.monotonic() - began_s

    def kill(self, pod: Pod) -> float:
        """SIGKILL to the pod's first process; when that was."""
        (one,) = pod.containers.values()
        assert one.container is not None
        one.container.signal(signal.SIGKILL)
        return time.monotonic()

    @contextlib.contextmanager
    def traffic(self, excused: Callable[[Answer], bool] = lambda _: False) -> Iterator[ApiTraffic]:
        """A small steady load through the service; all must be answered that is not excused."""
        doors = {f"client {number}": self.door() for number in range(TRAFFIC_COUNT)}
        with ApiTraffic(doors, 80, self.api_key, "mock") as traffic:
            yield traffic
            time.sleep(0.5)  # some more after the last change
        answers = traffic.answers()
        assert len(answers) > 50, counts(answers)
        wrong = complaints([one for one in answers if not excused(one)], [])
        assert not wrong, "\n".join([counts(answers), *wrong, self.cluster.story()])
        print(f"traffic: {counts(answers)}")


class _Direct:
    """One pod that can be connected to."""

    def __init__(self, place: Place, pod: Pod) -> None:
        self._place, self._pod = place, pod

    def connect(self, port: int, timeout_s: float) -> socket.socket:
        return self._place.connect_to(self._pod.address, port, timeout_s)


def _answer(
    connection: http.client.HTTPConnection, path: str, credential: str, content: Any
) -> tuple[int, bytes]:
    headers = {"authorization": f"Bearer {credential}"} if credential else {}
    if content is None:
        connection.request("GET", path, headers=headers)
    else:
        headers["content-type"] = "application/json"
        connection.request("POST", path, json.dumps(content), headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def _hook(thing: Object) -> list[str]:
    """When helm runs it; empty for what belongs to the release itself."""
    return [one for one in _annotation(thing, "hook").split(",") if one]


def _annotation(thing: Object, name: str) -> str:
    return str((thing["metadata"].get("annotations") or {}).get(f"helm.sh/{name}", ""))


def memory_mib(pod: Pod) -> float:
    """What its processes have for themselves, and their share of what they have together."""
    found = 0
    for pid in pod.pids():
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        found += sum(int(size) for size in re.findall(r"^Pss:\s+(\d+) kB", text, re.MULTILINE))
    return found / 1024


def zombies(pod: Pod) -> list[int]:
    """Processes of the pod that ended and that nobody asked how."""
    states = {pid: Path(f"/proc/{pid}/stat").read_text() for pid in pod.pids()}
    return [pid for pid, text in states.items() if text.rpartition(") ")[2].startswith("Z")]


def writable_mounts(pod: Pod) -> list[str]:
    """Where the pod's first process may find a file system that takes writes."""
    (one,) = pod.containers.values()
    assert one.container is not None
    lines = Path(f"/proc/{one.container.pid}/mountinfo").read_text().splitlines()
    fields = [line.split() for line in lines]
    return [words[4] for words in fields if "rw" in words[5].split(",")]
