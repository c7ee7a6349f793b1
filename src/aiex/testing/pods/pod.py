"""One pod's life on its node: volumes, containers, probes, restarts, the end.

Restarts wait as the kubelet's do, twice as long each time, but from a fifth of a second to five
instead of ten seconds to five minutes.
"""

import asyncio
import contextlib
import shutil
import signal
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiex.testing.pods.container import Container, NotStarted, container_spec
from aiex.testing.pods.environment import Find, NotYet, Object, environment
from aiex.testing.pods.image import Image, Mount
from aiex.testing.pods.network import NODE_ADDRESS, Place
from aiex.testing.pods.probe import finding
from aiex.testing.pods.probing import Probing, port_of
from aiex.testing.pods.service import Endpoint
from aiex.testing.pods.volumes import Volumes

BACK_OFF_S, BACK_OFF_MAX_S = 0.2, 5.0
# One that ran for so long begins with the short wait again.
BACK_OFF_FORGOTTEN_S = 10.0
LOOK_AGAIN_S = 0.2
GRACE_S = 30
TOKEN_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a place


@dataclass(frozen=True, kw_only=True)
class Host:
    """What a pod acts with."""

    images: Callable[[str], Image]
    find: Find
    attach: Callable[[], Place]
    links: Callable[[Object], Mapping[str, str]]
    resolver: Callable[[Object], str]
    tell: Callable[[str], None]
    directory: Path
    claims: Path
    execute: Callable[[Container, Object, list[str]], Any]
    token: Path | None = None


@dataclass(frozen=True, slots=True)
class End:
    """How a container ended. Seconds from the signal, for one that was told to."""

    container: str
    status: int
    was_told: bool
    took_s: float = 0.0


@dataclass(slots=True)
class Running:
    """A container of the pod, as it is now."""

    spec: Object
    container: Container | None = None
    is_ready: bool = False
    restarts: int = 0
    waits_for: str = ""
    last_failure: str = ""


class Pod:
    def __init__(
        self, name: str, template: Object, host: Host, *, owner: str, revision: str
    ) -> None:
        self.name, self.owner, self.revision = name, owner, revision
        self.uid = str(uuid.uuid4())
        self.spec: Object = template["spec"]
        self.metadata: Object = template["metadata"]
        self.phase = "Pending"
        self.began_at_s = time.monotonic()
        self.ready_at_s: float | None = None
        self.is_ending = False
        self.ends: list[End] = []
        self.containers = {one["name"]: Running(one) for one in self.spec["containers"]}
        self.starting: dict[str, Running] = {}
        self._host = host
        self._directory = host.directory / f"{name}-{self.uid[:8]}"
        self.output = self._directory / "output"
        self._place = host.attach()
        self._volumes: Volumes | None = None
        self._paths: dict[str, Path] = {}
        self._grace_s: float = self.spec.get("terminationGracePeriodSeconds", GRACE_S)

    @property
    def address(self) -> str:
        return self._place.address

    @property
    def labels(self) -> dict[str, str]:
        return dict(self.metadata.get("labels") or {})

    @property
    def hostname(self) -> str:
        return str(self.spec.get("hostname") or self.name)

    @property
    def is_ready(self) -> bool:
        running = self.phase == "Running" and not self.starting
        return running and all(one.is_ready for one in self.containers.values())

    @property
    def restarts(self) -> int:
        return sum(one.restarts for one in self.containers.values())

    def endpoint(self) -> Endpoint:
        ports = {
            port["name"]: port["containerPort"]
            for container in self.spec["containers"]
            for port in container.get("ports", ())
            if "name" in port
        }
        return Endpoint(
            self.name,
            self.address,
            self.labels,
            self.metadata["namespace"],
            is_ready=self.is_ready,
            is_ending=self.is_ending,
            hostname=self.hostname,
            subdomain=self.spec.get("subdomain", ""),
            ports=ports,
        )

    async def run(self) -> None:
        """Until it is done or told to end; the phase says how it went."""
        self._directory.mkdir(parents=True)
        (self._directory / "hosts").write_text(
            f"127.0.0.1 localhost\n{self.address} {self._full_name()} {self.hostname}\n"
        )
        (self._directory / "hostname").write_text(f"{self.hostname}\n")
        (self._directory / "resolv.conf").write_text(self._host.resolver(self.spec))
        await self._make_volumes()
        for one in self.spec.get("initContainers", ()):
            assert one.get("restartPolicy") != "Always", "sidecars among the init containers"
            self.starting = {one["name"]: Running(one)}
            if await self._keep(self.starting[one["name"]], _start_policy(self.spec)) != 0:
                self.phase = "Failed"
                return
        self.starting = {}
        self.phase = "Running"
        policy = self.spec.get("restartPolicy", "Always")
        async with asyncio.TaskGroup() as tasks:
            kept = [tasks.create_task(self._keep(one, policy)) for one in self.containers.values()]
        self.phase = "Failed" if any(one.result() for one in kept) else "Succeeded"

    async def end(self, grace_s: float | None = None) -> None:
        """As `kubectl delete pod` does it: preStop, SIGTERM, and SIGKILL when the grace is over."""
        self.is_ending = True
        grace_s = self._grace_s if grace_s is None else grace_s
        async with asyncio.TaskGroup() as tasks:
            for one in (*self.starting.values(), *self.containers.values()):
                if one.container is not None:
                    tasks.create_task(self._end_container(one, grace_s))

    def close(self) -> None:
        """The sandbox goes: cable and emptyDirs. What it wrote stays to be read."""
        self._place.close()
        if self._volumes is not None:
            self._volumes.close()
        for path in self._paths.values():
            if path.is_relative_to(self._directory):
                shutil.rmtree(path, ignore_errors=True)

    def pids(self) -> list[int]:
        return [
            pid
            for one in self.containers.values()
            if one.container is not None and one.container.status is None
            for pid in one.container.pids()
        ]

    def story(self) -> str:
        """What is wrong with it, in words."""
        states = [
            f"{name}: {one.restarts} restarts"
            + (f", waits for {one.waits_for}" if one.waits_for else "")
            + (f", {one.last_failure}" if one.last_failure else "")
            for name, one in (self.starting or self.containers).items()
        ]
        ready = "ready" if self.is_ready else "not ready"
        return f"{self.name} {self.address} {self.phase}, {ready}; {'; '.join(states)}"

    async def _make_volumes(self) -> None:
        security = self.spec.get("securityContext") or {}
        while True:
            # From the start each time: what was there may have changed.
            directory = self._directory / "volumes"
            volumes = Volumes(
                directory,
                self._host.claims,
                self._host.find,
                self._field,
                security.get("fsGroup", 0),
                self._host.token,
            )
            try:
                self._paths = volumes.make(self.spec)
            except NotYet as error:
                volumes.close()
                shutil.rmtree(directory, ignore_errors=True)
                for one in self.containers.values():
                    one.waits_for = str(error)
                await asyncio.sleep(LOOK_AGAIN_S)
                continue
            self._volumes = volumes
            for one in self.containers.values():
                one.waits_for = ""
            return

    async def _keep(self, one: Running, policy: str) -> int:
        """Run a container, again and again if the policy says so; the last status."""
        wait_s = BACK_OFF_S
        while True:
            began_at_s = time.monotonic()
            try:
                status = await self._run_once(one)
            except (NotYet, NotStarted) as error:
                if isinstance(error, NotStarted):
                    self._host.tell(f"{self.name}: {error}")
                one.waits_for, status = str(error), 128
            if self.is_ending or policy == "Never" or (policy == "OnFailure" and status == 0):
                return status
            self._host.tell(f"{self.name}/{one.spec['name']} ended with {status}")
            if time.monotonic() - began_at_s > BACK_OFF_FORGOTTEN_S:
                wait_s = BACK_OFF_S
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, BACK_OFF_MAX_S)
            one.restarts += 1

    async def _run_once(self, one: Running) -> int:
        one.container = container = await self._started(one.spec)
        one.waits_for = ""
        probing = asyncio.create_task(self._probing(one, container).run())
        try:
            status = await container.wait()
        except asyncio.CancelledError:
            await _killed(container)
            raise
        finally:
            probing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await probing
            self._set_ready(one, False)
        if not self.is_ending:
            self.ends.append(End(one.spec["name"], status, was_told=False))
        return status

    async def _started(self, spec: Object) -> Container:
        image = self._host.images(spec["image"])
        links = self._host.links(self.spec)
        found = environment(spec, self._host.find, self._field, links)
        whole = container_spec(
            spec,
            self.spec,
            image,
            {"HOSTNAME": self.hostname, **found},
            self._mounts(spec),
            network=self._place.path,
            hostname=self.hostname,
            root=str(self._directory / "root"),
        )
        return await Container.start(whole, self._directory, self.output)

    def _mounts(self, spec: Object) -> list[Mount]:
        mounts = [
            Mount(str(self._directory / name), f"/etc/{name}", is_read_only=False)
            for name in ("hosts", "hostname", "resolv.conf")
        ]
        if self._host.token and self.spec.get("automountServiceAccountToken", True):
            mounts.append(Mount(str(self._host.token), TOKEN_DIRECTORY))
        kinds = {
            volume["name"]: next(key for key in volume if key != "name")
            for volume in self.spec.get("volumes", ())
        }
        for one in spec.get("volumeMounts", ()):
            path = self._paths[one["name"]]
            if "subPath" in one:
                path = path / one["subPath"]
                if not path.exists():
                    path.mkdir(parents=True)
            is_fixed = kinds[one["name"]] in ("configMap", "secret", "projected", "downwardAPI")
            is_read_only = bool(one.get("readOnly")) or is_fixed
            mounts.append(Mount(str(path.resolve()), one["mountPath"], is_read_only))
        # A mount below another one comes after it.
        return mounts

    def _probing(self, one: Running, container: Container) -> Probing:
        def failed(why: str) -> None:
            one.last_failure = why

        async def end(what: str) -> None:
            self._host.tell(f"{self.name}/{one.spec['name']}: {what} probe: {one.last_failure}")
            # The end of the container cancels the probing that is in here; its end must not.
            await asyncio.shield(asyncio.create_task(container.end(self._grace_s)))

        return Probing(
            one.spec,
            self.address,
            execute=lambda argv: self._host.execute(container, one.spec, argv),
            is_ending=lambda: self.is_ending,
            set_ready=lambda is_ready: self._set_ready(one, is_ready),
            failed=failed,
            end=end,
        )

    def _set_ready(self, one: Running, is_ready: bool) -> None:
        was_ready = self.is_ready
        one.is_ready = is_ready
        if self.is_ready and not was_ready:
            self.ready_at_s = time.monotonic()
            self._host.tell(f"{self.name} is ready")
        elif was_ready and not self.is_ready:
            self.ready_at_s = None
            self._host.tell(f"{self.name} is not ready: {one.last_failure}")

    async def _end_container(self, one: Running, grace_s: float) -> None:
        container = one.container
        if container is None or container.status is not None:
            return
        began_s = time.monotonic()
        hook = (one.spec.get("lifecycle") or {}).get("preStop")
        if hook:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    await self._pre_stop(one, container, hook)
        left_s = max(2.0, grace_s - (time.monotonic() - began_s))
        status = await container.end(left_s) if grace_s else await _killed(container)
        self.ends.append(End(one.spec["name"], status, True, time.monotonic() - began_s))

    async def _pre_stop(self, one: Running, container: Container, hook: Object) -> None:
        if "sleep" in hook:
            await asyncio.sleep(hook["sleep"]["seconds"])
            return
        why = await finding(
            {**hook, "timeoutSeconds": GRACE_S},
            self.address,
            lambda port: port_of(one.spec, port),
            lambda argv: self._host.execute(container, one.spec, argv),
        )
        if why:
            self._host.tell(f"{self.name}/{one.spec['name']}: preStop: {why}")

    def _field(self, path: str) -> str:
        known = {
            "metadata.name": self.name,
            "metadata.namespace": self.metadata["namespace"],
            "metadata.uid": self.uid,
            "spec.nodeName": "node",
            "spec.serviceAccountName": self.spec.get("serviceAccountName", "default"),
            "status.podIP": self.address,
            "status.podIPs": self.address,
            "status.hostIP": NODE_ADDRESS,
        }
        for kind in ("labels", "annotations"):
            for key, value in (self.metadata.get(kind) or {}).items():
                known[f"metadata.{kind}['{key}']"] = value
        # A label that is not there is an empty text; any other path would be refused.
        return str(known.get(path, "") if path.endswith("']") else known[path])

    def _full_name(self) -> str:
        if subdomain := self.spec.get("subdomain"):
            return f"{self.hostname}.{subdomain}.{self.metadata['namespace']}.svc.cluster.local"
        return self.hostname


async def _killed(container: Container) -> int:
    container.signal(signal.SIGKILL)
    return await container.wait()


def _start_policy(spec: Object) -> str:
    return "Never" if spec.get("restartPolicy") == "Never" else "OnFailure"
