"""A real nats-server as a process of its own, for tests that need one they did not grow up with."""

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Self

from aiex.engine.address import EngineAddress
from aiex.engine.server_config import server_config
from aiex.testing.machine import THIS_MACHINE, Machine
from aiex.testing.network_lab import LabMachine

HOST = "127.0.0.1"
USER, PASSWORD = "tester", "correct horse"
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 20.0
POLL_S = 0.01
# Below those that Linux and macOS give to outgoing connections: one of those may be taken between
# the moment it was found free and the moment the server listens.
PORTS = range(20_000, 32_000)
# On a machine of a lab every port is free.
CLIENT_PORT, ROUTE_PORT = 4222, 6222
# The one that comes with Aiex.
PROGRAM = Path(sys.executable).parent / "nats-server"

NOTHING: Mapping[str, str] = MappingProxyType({})

_READY = re.compile(r"Server is ready")


class NatsProcess:
    """Made with a configuration, as text; use it in a `with` block. It can be killed and begun."""

    def __init__(
        self,
        directory: Path,
        config: str,
        address: EngineAddress,
        name: str = "test",
        machine: Machine = THIS_MACHINE,
        environment: Mapping[str, str] = NOTHING,
    ) -> None:
        """`environment` is beside that of the test, for what the configuration names by `$`."""
        self.address = address
        self.name = name
        self._machine = machine
        self._environment = environment
        self.config = directory / "server.conf"
        self._output = directory / "output"
        directory.mkdir(parents=True, exist_ok=True)
        self.config.write_text(config)
        self.process: subprocess.Popen[bytes] | None = None

    @classmethod
    def as_embedded(cls, directory: Path) -> Self:
        """A server with the very configuration that Aiex gives its embedded one."""
        address = free_address()
        return cls(directory, server_config(address, directory / "store", "test"), address)

    @classmethod
    def without_jetstream(cls, directory: Path) -> Self:
        address = EngineAddress(HOST, free_ports(1)[0])
        return cls(directory, f'listen: "{HOST}:{address.port}"\n', address)

    @classmethod
    def cluster(cls, directory: Path, size: int) -> list[Self]:
        """Servers that form one cluster once all are started, their stores new."""
        routes = free_ports(size)
        return [cls._clustered(directory / f"server-{own}", own, routes) for own in range(size)]

    @classmethod
    def _clustered(cls, directory: Path, own: int, routes: Sequence[int]) -> Self:
        address = free_address()
        name = f"server-{own}"
        config = server_config(address, directory / "store", name)
        block = _cluster_block(f"{HOST}:{routes[own]}", [f"{HOST}:{port}" for port in routes])
        return cls(directory, config + block, address, name)

    @classmethod
    def on_machine(
        cls, directory: Path, machine: LabMachine, cluster: Sequence[LabMachine]
    ) -> Self:
        """A server that forms one cluster with those of the other machines of a lab.

        It serves its own machine only, its store is on that machine's disc.
        """
        address = EngineAddress(HOST, CLIENT_PORT, USER, PASSWORD)
        config = server_config(address, machine.disc / "store", machine.name)
        routes = [f"{one.address}:{ROUTE_PORT}" for one in cluster]
        block = _cluster_block(f"{machine.address}:{ROUTE_PORT}", routes)
        return cls(directory, config + block, address, machine.name, machine)

    def __enter__(self) -> Self:
        return self.start().ready()

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def url(self) -> str:
        return self.address.url

    @property
    def output(self) -> str:
        """What the server wrote since it was last started."""
        return self._output.read_text(errors="replace")

    def add(self, config: str) -> None:
        """More of a configuration, for the next start."""
        with self.config.open("a") as file:
            file.write(config)

    def start(self) -> Self:
        """Start it, for the first time or again, at the same address and with the same store."""
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                self._machine.command([str(PROGRAM), "-c", str(self.config)]),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "NO_COLOR": "1", **self._environment},
            )
        return self

    def ready(self) -> Self:
        """Wait until it says so; raises `AssertionError` with its output when it does not."""
        assert self.process is not None, "it was not started"
        give_up_at_s = time.monotonic() + START_TIMEOUT_S
        while not _READY.search(self.output):
            assert self.process.poll() is None, f"it ended: {self.output}"
            assert time.monotonic() < give_up_at_s, f"it is not ready: {self.output}"
            time.sleep(POLL_S)
        return self

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End it by a signal, with no time to tidy up unless the signal gives it."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(STOP_TIMEOUT_S)


def _cluster_block(listen: str, routes: Sequence[str]) -> str:
    """Servers do not tell clients of each other: each node uses its own."""
    urls = ", ".join(f'"nats://{route}"' for route in routes)
    return f'''cluster {{
  name: test
  listen: "{listen}"
  routes: [{urls}]
  no_advertise: true
  connect_retries: 1000000
  ping_interval: 1s
  ping_max: 2
}}
'''


def free_address() -> EngineAddress:
    return EngineAddress(HOST, free_ports(1)[0], USER, PASSWORD)


def free_ports(count: int) -> list[int]:
    """Ports nobody listens at now, all different, and none that the kernel gives to others."""
    found: list[int] = []
    candidates = random.sample(PORTS, len(PORTS))
    while len(found) < count:
        port = candidates.pop()
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            found.append(port)
    return found
