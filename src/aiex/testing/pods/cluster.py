"""A cluster of one node, for tests: what one does with `kubectl`, and looks inside the pods."""

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Self

from aiex.testing.pods.disruption import objection
from aiex.testing.pods.environment import Object
from aiex.testing.pods.image import Image
from aiex.testing.pods.network import Place
from aiex.testing.pods.node import Node
from aiex.testing.pods.pod import Pod

START_S = 20.0
# More than any grace period of the chart.
CALL_S = 150.0
POLL_S = 0.05
# Kinds that something here acts on, or that pods refer to.
KINDS = {
    *("Deployment", "StatefulSet", "Job", "Pod"),
    *("Service", "ConfigMap", "Secret", "PodDisruptionBudget", "NetworkPolicy"),
}


class PodCluster:
    """Use it in a `with` block; raises `NamespacesUnavailable` where there can be none."""

    def __init__(
        self,
        directory: Path,
        images: Callable[[str], Image],
        *,
        namespace: str = "ai",
        token: Path | None = None,
    ) -> None:
        self.namespace = namespace
        self._arguments = (directory, namespace, images, token)
        self._loop: asyncio.AbstractEventLoop
        self._node: Node
        self._task: asyncio.Task[None] | None = None
        self._clients: list[Place] = []
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._live, name="node of the pods")

    def __enter__(self) -> Self:
        started: queue.Queue[BaseException | None] = queue.Queue()
        self._started = started.put
        self._thread.start()
        if error := started.get(timeout=START_S):
            self._thread.join()
            raise error
        return self

    def __exit__(self, *_: object) -> None:
        if self._task is None or not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(CALL_S)
        for client in self._clients:
            with contextlib.suppress(Exception):
                client.close()

    def apply(self, objects: Iterable[Object]) -> None:
        """As `kubectl apply`; what nothing here acts on is left out."""
        chosen = [thing for thing in objects if thing["kind"] in KINDS]

        def put() -> None:
            for thing in chosen:
                self._node.objects.put(thing)

        self.call(put)

    def remove(self, kind: str, name: str) -> None:
        """As `kubectl delete`; pods follow."""
        self.call(lambda: self._node.objects.remove(kind, name))

    def scale(self, kind: str, name: str, replicas: int) -> None:
        def change() -> None:
            thing = self._node.objects.find(kind, name)
            assert thing is not None, f"there is no {kind} {name}"
            thing["spec"]["replicas"] = replicas

        self.call(change)

    def pods(self, **labels: str) -> list[Pod]:
        """Those with these labels (`component` and `instance` for short), by name."""
        short = {f"app.kubernetes.io/{name}": value for name, value in labels.items()}
        found = self.call(lambda: list(self._node.pods.values()))
        return sorted(
            (pod for pod in found if short.items() <= pod.labels.items()), key=lambda pod: pod.name
        )

    def pod(self, name: str) -> Pod:
        found: Pod = self.call(lambda: self._node.pods[name])
        return found

    def delete_pod(self, name: str) -> None:
        """Wait until it is gone, as `kubectl delete pod` does."""
        self._wait(lambda: self._node.end_pod(name))

    def begin_deletion(self, name: str) -> None:
        self.call(lambda: self._node.end_pod(name))

    def evict(self, name: str) -> str:
        """Begin to end a pod as `kubectl drain` does; why not, when a budget objects."""

        def ask() -> str:
            budgets = self._node.objects.all("PodDisruptionBudget")
            pods = [pod.endpoint() for pod in self._node.pods.values()]
            why = objection(budgets, self._node.pods[name].endpoint(), pods)
            if not why:
                self._node.end_pod(name)
            return why

        return str(self.call(ask))

    def client(self, name: str, labels: dict[str, str], namespace: str = "") -> Place:
        """A place in the cluster's network for a test's own connections; policies see its labels.

        It is no pod, and behind no service.
        """
        place: Place = self.call(lambda: self._node.join(name, labels, namespace or self.namespace))
        self._clients.append(place)
        return place

    def api_place(self) -> Place:
        """Where an API server may listen (port 6443); pods find it at 10.96.0.1, port 443."""
        place: Place = self.call(self._node.api_place)
        self._clients.append(place)
        return place

    def addresses(self, name: str) -> list[str]:
        """What the cluster's name server says of a name; `.svc.cluster.local` may be left out."""
        full = name if name.endswith(".local") else f"{name}.{self.namespace}.svc.cluster.local"
        found: list[str] = self.call(lambda: self._node.names.addresses(full))
        return found

    def execute(self, pod: Pod, argv: Sequence[str]) -> int:
        """Run a program of the pod's first container in it; the exit status."""
        one = next(iter(pod.containers.values()))
        container = one.container
        assert container is not None, f"{pod.name} does not run"
        future = asyncio.run_coroutine_threadsafe(
            self._node.execute(container, one.spec, list(argv)), self._loop
        )
        return future.result(CALL_S)

    def until(self, condition: Callable[[], bool], timeout_s: float, what: str) -> float:
        """Wait; the seconds it took. Raises `AssertionError` with the cluster's story."""
        began_s = time.monotonic()
        while not condition():
            took_s = time.monotonic() - began_s
            assert took_s < timeout_s, f"not within {timeout_s:.0f} s: {what}\n{self.story()}"
            time.sleep(POLL_S)
        return time.monotonic() - began_s

    def until_settled(self, timeout_s: float = 60.0) -> float:
        """Until every Deployment and StatefulSet has the pods it wants, all of them ready."""
        return self.until(self.is_settled, timeout_s, "all pods are ready")

    def is_settled(self) -> bool:
        """Current, ready and nothing besides; services know it."""

        def look() -> bool:
            node = self._node
            owners = [*node.objects.all("Deployment"), *node.objects.all("StatefulSet")]
            return node.is_in_force() and all(node.is_as_wanted(thing) for thing in owners)

        return bool(self.call(look))

    def story(self) -> str:
        """The pods, the latest events, and the last lines of those that are not ready."""

        def tell() -> str:
            pods = [pod.story() for pod in self._node.pods.values()]
            events = [f"{at_s:7.2f} s {event}" for at_s, event in self._node.events[-40:]]
            outputs = [
                f"--- {pod.name}\n{pod.output.read_text(errors='replace')[-1500:]}"
                for pod in self._node.pods.values()
                if not pod.is_ready and pod.output.exists()
            ]
            return "\n".join([*pods, *events, *outputs])

        return str(self.call(tell))

    def call[Result](self, work: Callable[[], Result]) -> Result:
        """What `work` gives in the node's thread."""
        assert self._failure is None, f"the node failed: {self._failure!r}"

        async def done() -> Result:
            return work()

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(CALL_S)

    def _wait(self, begin: Callable[[], asyncio.Task[None]]) -> None:
        async def done() -> None:
            await asyncio.shield(begin())

        asyncio.run_coroutine_threadsafe(done(), self._loop).result(CALL_S)

    def _live(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._run())

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        try:
            self._node = Node(*self._arguments)
        except Exception as error:  # noqa: BLE001 - it is raised where the cluster was asked for
            self._started(error)
            return
        try:
            await self._node.run(lambda: self._started(None))
        except Exception as error:
            self._failure = error
            raise
