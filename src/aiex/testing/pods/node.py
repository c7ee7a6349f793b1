"""The node and its controllers: what keeps the pods of the objects running.

It belongs to the one thread that made it, whose network and mounts are the node's own. It looks
again every twentieth of a second; what it decides is in `deployment` and `stateful_set`.
"""

import asyncio
import contextlib
import os
import random
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiex.testing.dns_server import DnsServer
from aiex.testing.namespaces import program, run
from aiex.testing.pods import deployment, stateful_set
from aiex.testing.pods.container import Container
from aiex.testing.pods.environment import Object, service_links
from aiex.testing.pods.image import Image
from aiex.testing.pods.network import Place, PodNetwork, resolver
from aiex.testing.pods.network_policy import policy_rules
from aiex.testing.pods.objects import Objects, revision
from aiex.testing.pods.pod import Host, Pod
from aiex.testing.pods.service import Endpoint, names, rules

LOOK_S = 0.05
# From a pod's change of state to the rules of all nodes: what a drain has to wait for.
ENDPOINTS_LAG_S = 1.0
NAME_SERVER = "10.96.0.10"
API_SERVER = "10.96.0.1"
API_SERVER_PORT = 6443
# What is there before anything else is.
SYSTEM_SERVICES = [
    {
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system"},
        "spec": {
            "clusterIP": NAME_SERVER,
            "selector": {"k8s-app": "kube-dns"},
            "ports": [{"port": 53, "protocol": "UDP"}],
        },
    },
    {
        "kind": "Service",
        "metadata": {"name": "kubernetes", "namespace": "default"},
        "spec": {
            "clusterIP": API_SERVER,
            "selector": {"component": "apiserver"},
            "ports": [{"port": 443, "targetPort": API_SERVER_PORT}],
        },
    },
]
LETTERS = "bcdfghjklmnpqrstvwxz2456789"


class Node:
    """Make it in its thread, then `run` it in that thread's loop."""

    def __init__(
        self, directory: Path, namespace: str, images: Callable[[str], Image], token: Path | None
    ) -> None:
        os.unshare(os.CLONE_NEWNS)
        run([program("mount"), "--make-rprivate", "/"])
        self.network = PodNetwork()
        self.objects = Objects(namespace)
        self.pods: dict[str, Pod] = {}
        self.clients: dict[str, Endpoint] = {}
        self.events: list[tuple[float, str]] = []
        self._began_at_s = time.monotonic()
        self._directory = directory
        self._lives: dict[str, asyncio.Task[None]] = {}
        self._endings: dict[str, asyncio.Task[None]] = {}
        self._due_at_s: float | None = None
        self._in_force: tuple[Any, ...] | None = None
        self._host = Host(
            images=images,
            find=self.objects.find,
            attach=self.network.attach,
            links=self._links,
            resolver=lambda spec: resolver(namespace, NAME_SERVER, spec),
            tell=self.tell,
            directory=directory / "pods",
            claims=directory / "claims",
            execute=self.execute,
            token=token,
        )
        self._name_server = self.network.attach()
        bound = self._name_server.open_socket(socket.SOCK_DGRAM)
        bound.bind((self._name_server.address, 53))
        self.names = DnsServer(bound)
        labels = {"k8s-app": "kube-dns"}
        self._system = [
            Endpoint("coredns", self._name_server.address, labels, "kube-system", is_ready=True)
        ]
        self.namespaces = {
            name: {"kubernetes.io/metadata.name": name} for name in (namespace, "kube-system")
        }

    def tell(self, event: str) -> None:
        self.events.append((time.monotonic() - self._began_at_s, event))

    async def run(self, ready: Callable[[], None]) -> None:
        """Until cancelled; then all pods are killed."""
        async with self.names:
            ready()
            try:
                while True:
                    self._look()
                    await asyncio.sleep(LOOK_S)
            finally:
                await self._kill_all()

    def join(self, name: str, labels: dict[str, str], namespace: str) -> Place:
        """A place for a client that is no pod, with labels that policies see."""
        place = self.network.attach()
        self.namespaces.setdefault(namespace, {"kubernetes.io/metadata.name": namespace})
        self.clients[name] = Endpoint(name, place.address, labels, namespace)
        return place

    def api_place(self) -> Place:
        """Where an API server is to listen, behind the address that every pod is told."""
        place = self.network.attach()
        labels = {"component": "apiserver"}
        self._system.append(Endpoint("apiserver", place.address, labels, "default", is_ready=True))
        return place

    def run_pod(self, name: str, template: Object, owner: str, current: str = "") -> None:
        template = {**template, "metadata": {**(template.get("metadata") or {})}}
        template["metadata"]["namespace"] = self.objects.namespace
        pod = Pod(name, template, self._host, owner=owner, revision=current)
        self.pods[name] = pod
        self._lives[name] = asyncio.create_task(pod.run(), name=name)
        self.tell(f"{name} begins")

    def end_pod(self, name: str, grace_s: float | None = None) -> asyncio.Task[None]:
        """Begin to end it; the task is done when the pod is gone."""
        if name not in self._endings:
            self.tell(f"{name} is told to end")
            self.pods[name].is_ending = True
            self._endings[name] = asyncio.create_task(self._end(self.pods[name], grace_s))
        return self._endings[name]

    def endpoints(self) -> list[Endpoint]:
        live = [pod for pod in self.pods.values() if pod.phase in ("Pending", "Running")]
        return [*(pod.endpoint() for pod in live), *self._system]

    def is_in_force(self) -> bool:
        """Whether rules and names are those of the pods as they are now."""
        return self._wanted() == self._in_force

    def is_as_wanted(self, thing: Object) -> bool:
        """Whether its pods are all there, of its template, ready, and no others."""
        current = _revision(thing)
        pods = self._owned(thing).values()
        return len(pods) == thing["spec"].get("replicas", 1) and all(
            pod.is_ready and pod.revision == current and not pod.is_ending for pod in pods
        )

    async def _end(self, pod: Pod, grace_s: float | None) -> None:
        await pod.end(grace_s)
        life = self._lives[pod.name]
        life.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await life
        pod.close()
        del self.pods[pod.name], self._lives[pod.name], self._endings[pod.name]
        self.tell(f"{pod.name} is gone: {pod.ends[-1] if pod.ends else 'it had not begun'}")

    async def _kill_all(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for name, pod in list(self.pods.items()):
                if ending := self._endings.pop(name, None):
                    ending.cancel()
                tasks.create_task(self._end_now(pod))
        self._name_server.close()
        self.network.close()

    async def _end_now(self, pod: Pod) -> None:
        await pod.end(0)
        self._lives[pod.name].cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._lives[pod.name]
        pod.close()

    def _look(self) -> None:
        for name, life in self._lives.items():
            if life.done() and not life.cancelled() and (error := life.exception()):
                self.tell(f"{name}: {error!r}")
                raise error
        for thing in self.objects.all("Deployment"):
            self._step_deployment(thing)
        for thing in self.objects.all("StatefulSet"):
            self._step_set(thing)
        for thing in self.objects.all("Job"):
            self._step_job(thing)
        for thing in self.objects.all("Pod"):
            self._step_pod(thing)
        self._end_orphans()
        self._step_network()

    def _owned(self, thing: Object) -> dict[str, Pod]:
        owner = f"{thing['kind']}/{thing['metadata']['name']}"
        return {name: pod for name, pod in self.pods.items() if pod.owner == owner}

    def _step_deployment(self, thing: Object) -> None:
        spec, template = thing["spec"], thing["spec"]["template"]
        current = _revision(thing)
        now_s = time.monotonic()
        replicas = [
            deployment.Replica(
                pod.name,
                pod.revision == current,
                pod.is_ready,
                _is_available(pod, spec, now_s),
                now_s - pod.began_at_s,
            )
            for pod in self._owned(thing).values()
            if not pod.is_ending
        ]
        step = deployment.step(spec, replicas)
        for name in step.end:
            self.end_pod(name)
        for _ in range(step.start_count):
            tail = "".join(random.choices(LETTERS, k=5))  # noqa: S311 - a name
            name = f"{thing['metadata']['name']}-{current}-{tail}"
            self.run_pod(
                name,
                _labelled(template, {"pod-template-hash": current}),
                f"Deployment/{thing['metadata']['name']}",
                current,
            )

    def _step_set(self, thing: Object) -> None:
        spec, name = thing["spec"], thing["metadata"]["name"]
        current = _revision(thing)
        now_s = time.monotonic()
        places = {
            int(one.rpartition("-")[2]): stateful_set.Ordinal(
                pod.revision == current, _is_available(pod, spec, now_s), pod.is_ending
            )
            for one, pod in self._owned(thing).items()
        }
        step = stateful_set.set_step(spec, places)
        for number in step.end:
            self.end_pod(f"{name}-{number}")
        for number in step.start:
            template = _template_of_set(thing, number)
            self.run_pod(f"{name}-{number}", template, f"StatefulSet/{name}", current)

    def _step_job(self, thing: Object) -> None:
        spec, name = thing["spec"], thing["metadata"]["name"]
        tried = self._owned(thing)
        failures = sum(pod.phase == "Failed" for pod in tried.values())
        if len(tried) == failures and failures <= spec.get("backoffLimit", 6):
            self.run_pod(f"{name}-{failures}", spec["template"], f"Job/{name}")

    def _step_pod(self, thing: Object) -> None:
        name = thing["metadata"]["name"]
        if name not in self.pods:
            self.run_pod(name, thing, f"Pod/{name}")

    def _end_orphans(self) -> None:
        for name, pod in self.pods.items():
            kind, _, owner = pod.owner.partition("/")
            if not pod.is_ending and self.objects.find(kind, owner) is None:
                self.end_pod(name)

    def _step_network(self) -> None:
        """Names and rules follow the pods after a while, as on a cluster with many nodes."""
        wanted = self._wanted()
        if wanted == self._in_force:
            self._due_at_s = None
            return
        now_s = time.monotonic()
        # The clock runs from the first change that is not in force, whatever comes after it.
        if self._due_at_s is None:
            self._due_at_s = now_s + ENDPOINTS_LAG_S
        if now_s < self._due_at_s:
            return
        self._due_at_s, self._in_force = None, wanted
        services, policies, endpoints, clients, namespaces = wanted
        policy_text = policy_rules(policies, [*endpoints, *clients], namespaces)
        self.network.set_rules(rules(services, endpoints) + policy_text)
        known = names(services, endpoints)
        for name in self.names.names:
            if name not in known:
                self.names.put(name, "A")
        for name, addresses in known.items():
            self.names.put(name, "A", *addresses)

    def _wanted(self) -> tuple[Any, ...]:
        """What rules and names are made from."""
        services = [*self.objects.all("Service"), *SYSTEM_SERVICES]
        policies = self.objects.all("NetworkPolicy")
        clients = list(self.clients.values())
        return services, policies, self.endpoints(), clients, dict(self.namespaces)

    def _links(self, spec: Object) -> dict[str, str]:
        links = {"KUBERNETES_SERVICE_HOST": API_SERVER, "KUBERNETES_SERVICE_PORT": "443"}
        if spec.get("enableServiceLinks", True):
            links |= service_links(self.objects.all("Service"))
        return links

    async def execute(self, container: Container, spec: Object, argv: list[str]) -> int:
        """As `kubectl exec` does it, with the user of the container's first process."""
        uid, gid, environ = container.identity()
        process = await asyncio.create_subprocess_exec(
            *(program("nsenter"), "--target", str(container.pid), "--all", "--root", "--wd"),
            *("--setuid", str(uid), "--setgid", str(gid), "--", *argv),
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return await process.wait()


def _is_available(pod: Pod, spec: Object, now_s: float) -> bool:
    ready_at_s = pod.ready_at_s
    return ready_at_s is not None and now_s - ready_at_s >= spec.get("minReadySeconds", 0)


def _revision(thing: Object) -> str:
    template = thing["spec"]["template"]
    return revision({"metadata": template.get("metadata"), "spec": template["spec"]})


def _template_of_set(thing: Object, number: int) -> Object:
    """A pod of a StatefulSet has its name for hostname, and claims of its own."""
    spec, name = thing["spec"], thing["metadata"]["name"]
    template = spec["template"]
    claims = [
        {
            "name": claim["metadata"]["name"],
            "persistentVolumeClaim": {
                "claimName": f"{claim['metadata']['name']}-{name}-{number}",
            },
        }
        for claim in spec.get("volumeClaimTemplates", ())
    ]
    pod_spec = {
        **template["spec"],
        "hostname": f"{name}-{number}",
        "subdomain": spec.get("serviceName", ""),
        "volumes": [*template["spec"].get("volumes", ()), *claims],
    }
    labels = {
        "apps.kubernetes.io/pod-index": str(number),
        "statefulset.kubernetes.io/pod-name": f"{name}-{number}",
    }
    return {**_labelled(template, labels), "spec": pod_spec}


def _labelled(template: Object, labels: dict[str, str]) -> Object:
    metadata = template.get("metadata") or {}
    return {
        **template,
        "metadata": {**metadata, "labels": {**(metadata.get("labels") or {}), **labels}},
    }
