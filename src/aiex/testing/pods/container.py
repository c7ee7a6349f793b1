"""One container: its process, its output, its end."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from aiex.testing.namespaces import program
from aiex.testing.pods.environment import Object, expanded
from aiex.testing.pods.image import Image, Mount

SHIM = Path(__file__).parent / "container_shim.py"
# What containerd leaves to a container that drops nothing; numbers of linux/capability.h.
CAPABILITIES = {
    "CHOWN": 0,
    "DAC_OVERRIDE": 1,
    "FOWNER": 3,
    "FSETID": 4,
    "KILL": 5,
    "SETGID": 6,
    "SETUID": 7,
    "SETPCAP": 8,
    "NET_BIND_SERVICE": 10,
    "NET_RAW": 13,
    "SYS_CHROOT": 18,
    "MKNOD": 27,
    "AUDIT_WRITE": 29,
    "SETFCAP": 31,
}


class NotStarted(Exception):
    """The container's program could not be started; the message says why."""


class ContainerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """All that the shim needs to know."""

    argv: list[str]
    environment: dict[str, str]
    directory: str
    network: str
    hostname: str
    root: str
    base: str
    files: dict[str, str]
    links: dict[str, str]
    mounts: list[Mount]
    is_root_read_only: bool
    uid: int
    gid: int
    groups: list[int]
    capabilities: list[int]
    may_gain: bool


def container_spec(
    container: Object,
    pod_spec: Object,
    image: Image,
    environment: dict[str, str],
    mounts: list[Mount],
    *,
    network: str,
    hostname: str,
    root: str,
) -> ContainerSpec:
    """What the pod's words come to; raises `NotStarted` for what the kubelet refuses."""
    pod, own = pod_spec.get("securityContext") or {}, container.get("securityContext") or {}
    context = pod | own
    uid = context.get("runAsUser", image.uid)
    if context.get("runAsNonRoot") and uid == 0:
        raise NotStarted("container has runAsNonRoot and image will run as root")
    known = image.environment | environment
    # As Docker and containerd do it: a command takes the image's arguments away too.
    entry = container.get("command") or list(image.entrypoint)
    default = [] if "command" in container else list(image.command)
    words = [*entry, *container.get("args", default)]
    groups = {*pod.get("supplementalGroups", ()), *([pod["fsGroup"]] if "fsGroup" in pod else ())}
    return ContainerSpec(
        argv=[expanded(word, known) for word in words],
        environment=known,
        directory=container.get("workingDir", "/"),
        network=network,
        hostname=hostname,
        root=root,
        base=image.base,
        files=image.files,
        links=image.links,
        # What is below another mount is mounted after it, or it would be hidden.
        mounts=sorted((*image.mounts, *mounts), key=lambda mount: mount.target),
        is_root_read_only=bool(own.get("readOnlyRootFilesystem")),
        uid=uid,
        gid=context.get("runAsGroup", image.gid),
        groups=sorted(groups),
        capabilities=_kept(own.get("capabilities") or {}),
        may_gain=own.get("allowPrivilegeEscalation", True),
    )


def _kept(wanted: dict[str, Any]) -> list[int]:
    dropped = wanted.get("drop", ())
    kept = {name for name in CAPABILITIES if name not in dropped and "ALL" not in dropped}
    return sorted(CAPABILITIES[name] for name in kept | set(wanted.get("add", ())))


class Container:
    """A process that began; made by `start`."""

    def __init__(self, process: asyncio.subprocess.Process, output: Path) -> None:
        self.pid = 0
        self._process, self._output = process, output

    @classmethod
    async def start(cls, spec: ContainerSpec, directory: Path, output: Path) -> "Container":
        """Raises `NotStarted`."""
        file = _kept_in(directory, spec)
        killed_with_us = [program("setpriv"), "--pdeathsig", "KILL"]
        reading, writing = os.pipe()
        try:
            with output.open("ab") as log:
                process = await asyncio.create_subprocess_exec(
                    *killed_with_us,
                    *(sys.executable, "-I", "-S", "-E", str(SHIM), str(file), str(writing)),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=[writing],
                )
        finally:
            os.close(writing)
        made = cls(process, output)
        try:
            report = await _read(reading)
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        lines = report.splitlines()
        made.pid = next((int(line[4:]) for line in lines if line.startswith("pid ")), 0)
        if "error " in report or not made.pid:
            await process.wait()
            raise NotStarted(report.partition("error ")[2] or made.output[-2000:])
        return made

    @property
    def output(self) -> str:
        return self._output.read_text(errors="replace")

    @property
    def status(self) -> int | None:
        """How it ended: the exit status, 128 and the signal's number when killed by one."""
        return self._process.returncode

    async def wait(self) -> int:
        return await self._process.wait()

    def signal(self, number: int) -> None:
        """To the container's first process, from outside of it."""
        if self.status is None:
            os.kill(self.pid, number)

    async def end(self, grace_s: float) -> int:
        """SIGTERM, and SIGKILL after the grace."""
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace_s):
                return await self.wait()
        except TimeoutError:
            self.signal(signal.SIGKILL)
            return await self.wait()

    def identity(self) -> tuple[int, int, dict[str, str]]:
        """User, group and environment of its first process."""
        process = Path(f"/proc/{self.pid}")
        owner = process.stat()
        pairs = (one.partition("=") for one in (process / "environ").read_text().split("\0"))
        return owner.st_uid, owner.st_gid, {name: value for name, is_set, value in pairs if is_set}

    def pids(self) -> list[int]:
        """Of all processes inside, this machine's numbers."""
        own = Path(f"/proc/{self.pid}/ns/pid")
        return [int(one.name) for one in Path("/proc").glob("[0-9]*") if _shares(one, own)]


def _kept_in(directory: Path, spec: ContainerSpec) -> Path:
    Path(spec.root).mkdir(parents=True, exist_ok=True)
    file = directory / "container.json"
    file.touch(0o600)
    file.write_bytes(msgspec.json.encode(spec))
    return file


def _shares(process: Path, namespace: Path) -> bool:
    try:
        return (process / "ns/pid").samefile(namespace)
    except OSError:
        return False


async def _read(descriptor: int) -> str:
    """All that comes, until the other ends are closed."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    with os.fdopen(descriptor, "rb") as pipe:
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        try:
            return (await reader.read()).decode(errors="replace")
        finally:
            transport.close()
