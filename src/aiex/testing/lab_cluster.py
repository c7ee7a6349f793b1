"""Three nodes on the machines of a lab: killed, frozen, parted and started again, and asked how
they are.

Their engine is their own (`OwnEngines`: each node carries one of the servers), or one beside each
of them that nobody but the test looks after (`EnginesBeside`).
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, Self

from aiex.testing.api_traffic import Absence
from aiex.testing.nats_process import CLIENT_PORT, PASSWORD, ROUTE_PORT, USER, NatsProcess
from aiex.testing.network_lab import LabMachine, NetworkLab
from aiex.testing.node_process import MOCK_ONLY, NodeProcess

API_PORT = 8080
PORTS = (f"--port={API_PORT}", "--admin-port=8081")
KEY = "sk-lab-3b1c5e7d9f20"
SECRET = "a secret that all nodes of the lab share"  # noqa: S105 - of namespaces that nobody reaches
GONE_S = 20.0
# A node that woke up, or came back from a fault of its own, is late with everything for a moment
# and may turn requests away meanwhile.
SETTLES_S = 1.0


class Engines(Protocol):
    """How the nodes of a cluster come to their engine."""

    def begin(self, name: str) -> None:
        """Before the node's start, its first one or a later one."""

    def settings(self, name: str) -> list[str]:
        """What the node is told of its engine, as `section.key=value`."""

    def environment(self) -> Mapping[str, str]:
        """What it is told and nobody else is to see."""

    def pid(self, name: str, node: NodeProcess) -> int | None:
        """Of the server at that node; None while none runs."""

    def revive(self, name: str) -> None:
        """See to it that a server that was killed, or whose disc was full, works again."""

    def end(self) -> None:
        """End what was begun."""


class OwnEngines:
    """Each node carries one of the three servers; its supervision looks after it."""

    def __init__(self, lab: NetworkLab) -> None:
        self._machines = lab.machines

    def begin(self, name: str) -> None:
        pass

    def settings(self, name: str) -> list[str]:
        # By name: who has another address is another carrier, while a name's address may change.
        seeds = [f'"{name}:{ROUTE_PORT}"' for name in self._machines]
        return [
            "cluster.name=lab",
            "cluster.discovery=static",
            f"cluster.seeds=[{', '.join(seeds)}]",
            f"cluster.host={self._machines[name].address}",
            f"cluster.route_port={ROUTE_PORT}",
            f"cluster.client_port={CLIENT_PORT}",
        ]

    def environment(self) -> Mapping[str, str]:
        return {"AIEX_CLUSTER__SECRET": SECRET}

    def pid(self, name: str, node: NodeProcess) -> int | None:
        return node.service_pid("engine.server")

    def revive(self, name: str) -> None:
        pass

    def end(self) -> None:
        pass


class EnginesBeside:
    """A plain server on each machine, all in one cluster; nodes take them for external."""

    def __init__(self, lab: NetworkLab, directory: Path) -> None:
        self._machines, self._directory = lab.machines, directory
        self._servers: dict[str, NatsProcess] = {}

    def begin(self, name: str) -> None:
        """Start the server, at the addresses of now."""
        if name in self._servers:
            self._servers[name].kill()
        machine, others = self._machines[name], list(self._machines.values())
        directory = self._directory / f"engine-{name}"
        self._servers[name] = NatsProcess.on_machine(directory, machine, others).start()

    def settings(self, name: str) -> list[str]:
        return [f"engine.url=nats://127.0.0.1:{CLIENT_PORT}", f"engine.user={USER}"]

    def environment(self) -> Mapping[str, str]:
        return {"AIEX_ENGINE__PASSWORD": PASSWORD}

    def pid(self, name: str, node: NodeProcess) -> int | None:
        process = self._servers[name].process
        return process.pid if process is not None and process.poll() is None else None

    def revive(self, name: str) -> None:
        self.begin(name)

    def end(self) -> None:
        for server in self._servers.values():
            server.kill()


class LabCluster:
    """Nodes by name, one a machine; use it in a `with` block."""

    def __init__(self, lab: NetworkLab, directory: Path, engines: Engines) -> None:
        self.lab = lab
        self._directory = directory
        self._engines = engines
        self.nodes: dict[str, NodeProcess] = {}
        self._away_since_s: dict[str, float] = {}
        self.absences: list[Absence] = []
        self._cleanup = contextlib.ExitStack()
        self._cleanup.callback(engines.end)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    @property
    def names(self) -> list[str]:
        return list(self.lab.machines)

    def machine(self, name: str) -> LabMachine:
        return self.lab.machines[name]

    def start_all(self) -> None:
        """All nodes at once, as after a power cut; returns when each serves its API."""
        for name in self.names:
            self.start(name)
        for name in self.names:
            self.until_ready(name)

    def start(self, name: str) -> None:
        """Start a node on what its disc holds, with its server if that is beside it."""
        self._away_since_s.setdefault(name, time.monotonic())
        self._engines.begin(name)
        directory = self._directory / name
        directory.mkdir(exist_ok=True, parents=True)
        settings = [
            *(f"node.name={name}", "node.drain_deadline_s=5", "api.auth=required"),
            *self._engines.settings(name),
        ]
        machine = self.machine(name)
        node = NodeProcess(
            directory,
            [*MOCK_ONLY, *PORTS, *(f"--set={one}" for one in settings)],
            {"AIEX_API__KEY": KEY, **self._engines.environment()},
            data_dir=machine.disc / "data",
            machine=machine,
        )
        self.nodes[name] = self._cleanup.enter_context(node)

    def until_ready(self, name: str) -> None:
        """Wait until it serves; from then on it has to answer."""
        self.nodes[name].until_ready()
        self._is_back(name)

    def stop(self, name: str) -> None:
        """End a node by SIGTERM; raises `AssertionError` when its exit status is not 0."""
        self._goes_away(name)
        status = self.nodes[name].stop()
        assert status == 0, f"{name} ended with {status}: {self.nodes[name].output[-3000:]}"

    def kill(self, name: str) -> None:
        """SIGKILL to a node: nothing is tidied up. Its own engine goes with it."""
        self._goes_away(name)
        self.nodes[name].process.kill()
        self.nodes[name].process.wait(GONE_S)

    def kill_engine(self, name: str) -> None:
        """SIGKILL to the server; the node goes on."""
        pid = self.engine_pid(name)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def revive_engine(self, name: str) -> None:
        self._engines.revive(name)

    def engine_pid(self, name: str) -> int | None:
        return self._engines.pid(name, self.nodes[name])

    def freeze(self, name: str) -> Callable[[], None]:
        """SIGSTOP to a node; gives what wakes it."""
        self._goes_away(name)
        thaw = _frozen(self.nodes[name].pid)

        def wake() -> None:
            thaw()
            self._is_back(name, SETTLES_S)

        return wake

    def freeze_engine(self, name: str) -> Callable[[], None]:
        """SIGSTOP to the server at a node; gives what wakes it."""
        pid = self.engine_pid(name)
        return _frozen(pid) if pid is not None else lambda: None

    def _goes_away(self, name: str) -> None:
        self._away_since_s.setdefault(name, time.monotonic())

    def _is_back(self, name: str, settles_s: float = 0.0) -> None:
        from_s = self._away_since_s.pop(name)
        self.absences.append(Absence(name, from_s, time.monotonic() + settles_s))


def _frozen(pid: int) -> Callable[[], None]:
    """Stop a process; gives what lets it go on, whether it still is there or not."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)

    def thaw() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    return thaw
