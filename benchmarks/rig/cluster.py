"""Aiex nodes that form a cluster on this machine, each on free ports of loopback.

Their engine is their own, or three plain servers that are there before them.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from aiex.testing.nats_process import PASSWORD, USER, NatsProcess
from rig.chat import MODEL
from rig.errors import RigError
from rig.gateways import LOG_TAIL, fetch, free_port
from rig.node import AIEX
from rig.node_settings import TOKEN, node_settings
from rig.processes import rss_mb, running, tree

NAMES = ("n1", "n2", "n3")
ASK_S = 5.0
POLL_S = 0.005
FORM_S = 60.0
SETTINGS = f"""
[providers.mock]
kind = "mock"
[models.{MODEL}]
targets = [{{ provider = "mock" }}]
"""
# Nodes of one user on one machine find each other below the data home, which is the run's own.
OWN_ENGINES = """
[cluster]
discovery = "local"
route_port = 0
client_port = 0
"""
EXTERNAL_ENGINE = f"""
[engine]
url = "%s"
user = "{USER}"
password = "{PASSWORD}"
"""


@dataclass(frozen=True, slots=True)
class Member:
    name: str
    port: int
    admin_port: int
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def engine_pids(self) -> list[int]:
        """Its engine, when it has one of its own."""
        return [pid for pid in tree(self.process.pid)[1:] if _program(pid) == "nats-server"]

    @property
    def is_ready(self) -> bool:
        return fetch(self.port, "/readyz")[0] == 200

    def view(self) -> Mapping[str, Any]:
        """The cluster as it sees it; empty while it does not answer."""
        status, answer = fetch(
            self.admin_port, "/admin/v1/cluster", {"authorization": f"Bearer {TOKEN}"}
        )
        view: Mapping[str, Any] = json.loads(answer) if status == 200 else {"members": []}
        return view

    def states(self) -> dict[str, str]:
        return {one["name"]: one["state"] for one in self.view()["members"]}

    def can_write(self) -> bool:
        """Whether a replicated write succeeds: a key is made."""
        connection = HTTPConnection("127.0.0.1", self.admin_port, timeout=ASK_S)
        try:
            headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
            connection.request("POST", "/admin/v1/keys", b'{"name": "bench"}', headers)
            return connection.getresponse().status == 201
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        """SIGKILL to the node and its engine, as close together as can be."""
        for pid in (*self.engine_pids, self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@dataclass(slots=True)
class LoopbackCluster:
    """Nodes by name; `engine` is the part of their settings that says where their engine is."""

    directory: Path
    engine: Callable[[int], str]
    core: int | None
    stack: ExitStack
    servers: Sequence[NatsProcess] = ()
    members: dict[str, Member] = field(default_factory=dict)

    def start(self, name: str) -> Member:
        """A node on an empty data directory, begun and not awaited."""
        port, admin_port = free_port(), free_port()
        config, log = self.directory / f"{name}.toml", self.directory / f"{name}.log"
        more = SETTINGS + self.engine(len(self.members))
        settings = node_settings(
            name, self.directory / name, port=port, admin_port=admin_port, more=more
        )
        config.write_text(settings)
        argv = (str(AIEX), "serve", "--config", str(config))
        process = self.stack.enter_context(running(argv, core=self.core, log=log))
        self.members[name] = Member(name, port, admin_port, process, log)
        return self.members[name]

    def form(self, names: Sequence[str] = NAMES) -> float:
        """Seconds from the first start until all see all and a replicated write succeeds."""
        began_s = time.monotonic()
        members = [self.start(name) for name in names]
        self.until_all_see(dict.fromkeys(names, "up"))
        self.until(members[0].can_write, FORM_S, "a replicated write")
        return time.monotonic() - began_s

    def client_of(self, *names: str) -> Mapping[str, Any]:
        """How a light member becomes a client of one of these nodes' engines (`rig.member`)."""
        if self.servers:
            url = self.servers[NAMES.index(names[0]) % len(self.servers)].url
            return {"url": url, "user": USER, "password": PASSWORD}
        file = next(self.directory.rglob("carriers.json"))
        carriers = json.loads(file.read_bytes())["carriers"]
        chosen = [one for one in carriers if one["name"] in names]
        return {"meeting": str(file.parent), "carriers": chosen}

    def until_all_see(
        self, states: Mapping[str, str], observers: Sequence[str] = (), deadline_s: float = FORM_S
    ) -> float:
        """Seconds until all observers, or all members, see these states."""
        members = [self.members[name] for name in observers or self.members]

        def all_see() -> bool:
            return all(states.items() <= member.states().items() for member in members)

        return self.until(
            all_see, deadline_s, f"all of {[one.name for one in members]} see {states}"
        )

    def until(self, is_true: Callable[[], bool], deadline_s: float, what: str) -> float:
        """Seconds until it is true; raises `RigError` with the ends of the logs when it is not."""
        began_s = time.monotonic()
        while not is_true():
            if time.monotonic() - began_s > deadline_s:
                raise RigError(f"not within {deadline_s:g} s: {what}.\n{self._logs()}")
            time.sleep(POLL_S)
        return time.monotonic() - began_s

    def _logs(self) -> str:
        return "\n".join(
            f"{member.name}: {member.log.read_text(errors='replace')[-LOG_TAIL:]}"
            for member in self.members.values()
        )

    def memory_mb(self) -> tuple[list[float], list[float]]:
        """Resident memory of the nodes, and of their engines."""
        engines = [rss_mb(pid) for one in self.members.values() for pid in one.engine_pids]
        return [rss_mb(one.process.pid) for one in self.members.values()], engines


@contextlib.contextmanager
def loopback_cluster(
    directory: Path, *, is_engine_external: bool, core: int | None = None
) -> Iterator[LoopbackCluster]:
    """A cluster without nodes yet; all of it ends with the block."""
    directory.mkdir()
    with ExitStack() as stack:
        if not is_engine_external:
            yield LoopbackCluster(directory, lambda _: OWN_ENGINES, core, stack)
            return
        servers = NatsProcess.cluster(directory / "servers", len(NAMES))
        for server in servers:
            stack.callback(server.kill)
            server.start()
        for server in servers:
            server.ready()

        def engine(position: int) -> str:
            return EXTERNAL_ENGINE % servers[position % len(servers)].url

        yield LoopbackCluster(directory, engine, core, stack, servers)


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
