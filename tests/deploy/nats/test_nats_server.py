"""What the chart renders for NATS, read by the real server, and three of them as one cluster.

Only names, ports and directories are other ones: those of the test's machine.
"""

import asyncio
import base64
import json
import os
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from aiex.cli.main import root
from aiex.clock import SystemClock
from aiex.engine import Engine, NewMessage, StreamConfig
from aiex.engine.address import EngineAddress
from aiex.engine.engine_tls import EngineTls
from aiex.engine.session import Session
from aiex.errors import EngineRefused
from aiex.kubernetes.release_secrets import Wanted, changes
from aiex.settings import EngineSettings, Secret
from aiex.testing.engine_cluster import until, until_kept
from aiex.testing.nats_process import PROGRAM, NatsProcess, free_ports
from aiex.testing.pods.environment import environment
from aiex.testing.running import running
from tests.deploy.chart.rendering import Chart, Rendering

pytestmark = pytest.mark.integration

DEADLINE_S = 20.0
STARTED_S = 50.0
POLL_S = 0.05
# In none of the certificates' names but this one.
HOST = "localhost"
AWKWARD = "0123 $x {it} # 'no' \"yes\"".replace("'", "")


def wanted_of(rendering: Rendering) -> Wanted:
    """What the rendered Job is told to make."""
    job = rendering.objects["Job", "r-aiex-secrets"]["spec"]["template"]["spec"]
    given = job["containers"][0]["args"]
    names = tuple(one.removeprefix("--dns-name=") for one in given if "--dns-name=" in one)
    return Wanted("r-aiex", nodes=True, engine_login=True, nats=True, nats_names=names)


def secrets_of(rendering: Rendering) -> dict[str, dict[str, bytes]]:
    """What the rendered Job makes."""
    return {one.secret: one.data for one in changes(wanted_of(rendering), {}, time.time())}


class Servers:
    """The servers of a rendering, each with ports and directories of its own."""

    def __init__(self, rendering: Rendering, directory: Path, secrets: Any) -> None:
        self.secrets = secrets
        self._rendering = rendering
        self._directory = directory
        self.count = rendering.named("StatefulSet", "nats")["spec"]["replicas"]
        ports = free_ports(3 * self.count)
        self.clients, self.routes = ports[: self.count], ports[self.count : 2 * self.count]
        self._monitors = ports[2 * self.count :]
        self.tls = directory / "tls"
        self.tls.mkdir()
        for key, content in secrets["r-aiex-nats-tls"].items():
            (self.tls / key).write_bytes(content)
        self.all = [self._server(number) for number in range(self.count)]

    def environment(self, number: int) -> dict[str, str]:
        def found(kind: str, name: str) -> dict[str, Any]:
            assert kind == "Secret"
            data = self.secrets[name]
            return {
                "kind": kind,
                "data": {key: base64.b64encode(one).decode() for key, one in data.items()},
            }

        pod = self._rendering.named("StatefulSet", "nats")["spec"]["template"]["spec"]
        name = f"r-aiex-nats-{number}"
        return {
            key: self._here(value)
            for key, value in environment(pod["containers"][0], found, lambda _: name, {}).items()
        }

    def until_started_up(self, number: int) -> None:
        """Until the startup probe says so."""
        self.all[number].ready()
        spec = self._rendering.named("StatefulSet", "nats")["spec"]["template"]["spec"]
        path = spec["containers"][0]["startupProbe"]["httpGet"]["path"]
        give_up_at_s = time.monotonic() + STARTED_S
        while not self._answers(number, path):
            assert time.monotonic() < give_up_at_s, self.all[number].output
            time.sleep(POLL_S)

    def pids(self) -> list[int]:
        return [one.process.pid for one in self.all if one.process is not None]

    def renew_certificate(self) -> bytes:
        """Another one of the same authority, in the files that the servers have mounted."""
        (made,) = changes(
            wanted_of(self._rendering),
            {name: data for name, data in self.secrets.items() if name != "r-aiex-nats-tls"},
            time.time(),
        )
        for key, content in made.data.items():
            (self.tls / key).write_bytes(content)
        return made.data["tls.crt"]

    def reload_arguments(self) -> list[str]:
        """Of the CronJob's container."""
        job = self._rendering.named("CronJob", "reload")["spec"]["jobTemplate"]["spec"]
        (container,) = job["template"]["spec"]["containers"]
        arguments: list[str] = container["args"]
        for number, port in enumerate(self.clients):
            name = f"r-aiex-nats-{number}.r-aiex-nats-headless:4222"
            assert f"--server={name}" in arguments
            arguments = [one.replace(name, f"{HOST}:{port}") for one in arguments]
        return arguments

    def _answers(self, number: int, path: str) -> bool:
        connection = HTTPConnection("127.0.0.1", self._monitors[number], timeout=DEADLINE_S)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        finally:
            connection.close()

    def _here(self, value: str) -> str:
        for number, port in enumerate(self.routes):
            name = f"r-aiex-nats-{number}.r-aiex-nats-headless:6222"
            value = value.replace(name, f"{HOST}:{port}")
        return value

    def _server(self, number: int) -> NatsProcess:
        own = self._directory / f"server-{number}"
        config = self._rendering.named("ConfigMap", "nats")["data"]["nats.conf"]
        for rendered, here in (
            ("0.0.0.0:4222", f"127.0.0.1:{self.clients[number]}"),
            ("0.0.0.0:6222", f"127.0.0.1:{self.routes[number]}"),
            ("0.0.0.0:8222", f"127.0.0.1:{self._monitors[number]}"),
            ('"/data/', f'"{own}/data/'),
            ('"/run/nats/', f'"{own}/'),
            ('"/etc/nats/tls/', f'"{self.tls}/'),
        ):
            if "6222" in rendered and self.count == 1:
                continue
            assert rendered in config or "tls" in rendered
            config = config.replace(rendered, here)
        address = self.address(number)
        return NatsProcess(own, config, address, environment=self.environment(number))

    def address(self, number: int, user: str = "", password: str = "") -> EngineAddress:
        login = self.secrets["r-aiex-secrets"]
        return EngineAddress(
            HOST,
            self.clients[number],
            user or login["engine-user"].decode(),
            password or login["engine-password"].decode(),
            "tls",
            EngineTls(ca_file=str(self.tls / "ca.crt")),
        )


@pytest.fixture(scope="module")
def servers(chart: Chart, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    rendering = chart()
    secrets = secrets_of(rendering)
    # As in a Secret that somebody else made: NATS reads variables as if they stood in its file.
    secrets["r-aiex-secrets"]["engine-password"] = AWKWARD.encode()
    servers = Servers(rendering, tmp_path_factory.mktemp("nats"), secrets)
    try:
        for one in servers.all:
            one.start()
        for number in range(servers.count):
            servers.until_started_up(number)
        yield servers
    finally:
        for one in servers.all:
            one.kill()


def engine_at(servers: Servers, number: int) -> Engine:
    address = servers.address(number)
    settings = EngineSettings(
        url=f"tls://{HOST}:{address.port}",
        user=address.user,
        password=Secret(address.password),
        tls_ca_file=str(servers.tls / "ca.crt"),
    )
    return Engine(settings, Path("/nowhere"), clock=SystemClock(), emit=lambda _: None)


async def test_three_are_one_cluster_by_tls_and_keep_everything_three_times(
    servers: Servers,
) -> None:
    assert [await written_at(servers, number) for number in range(3)] == [(3, 1), (3, 2), (3, 3)]


async def written_at(servers: Servers, number: int) -> tuple[int, int]:
    """After a write at that server: how many keep the stream, and how many messages are in it."""
    engine = engine_at(servers, number)
    stream = engine.stream(StreamConfig("T_notes_0", followed="notes.>"))
    message = NewMessage(f"notes.{number}", b"value")
    async with running(engine.services()):
        await until(lambda: engine.status().state == "up")
        await until_kept(lambda: stream.write(message, timeout_s=DEADLINE_S))
        facts = await stream.facts(timeout_s=DEADLINE_S)
    assert facts is not None
    return facts.replica_count, facts.message_count


async def test_nobody_comes_in_without_the_password_or_without_tls(servers: Servers) -> None:
    with pytest.raises(EngineRefused, match="refuses the user name or password"):
        await Session.open(servers.address(0, password="wrong"), DEADLINE_S)
    assert all("TLS handshake error" not in one.output for one in servers.all), "routes verify"


async def test_operators_see_the_servers_by_the_system_account(servers: Servers) -> None:
    password = servers.secrets["r-aiex-nats-auth"]["system-password"].decode()
    session = await Session.open(servers.address(0, "system", password), DEADLINE_S)
    try:
        answer = await session.request("$SYS.REQ.SERVER.PING.JSZ", timeout_s=DEADLINE_S)
        assert b'"sync_always":true' in answer.data
    finally:
        await session.close()


async def test_a_renewed_certificate_is_shown_without_a_restart_once_the_job_ran(
    servers: Servers, tmp_path: Path
) -> None:
    """The CronJob's own command, but for where servers and files are."""
    await told(servers, tmp_path)  # another test may have renewed it
    assert await told(servers, tmp_path) == [False] * 3, "nothing was renewed"
    pids, session = servers.pids(), await Session.open(servers.address(0), DEADLINE_S)
    after = servers.renew_certificate()
    assert await told(servers, tmp_path) == [True] * 3
    for number in range(servers.count):
        renewed = await Session.open(servers.address(number), DEADLINE_S)
        assert renewed.server_certificate == ssl.PEM_cert_to_DER_cert(after.decode())
        await renewed.close()
    await session.request("$JS.API.INFO", timeout_s=DEADLINE_S)  # who was connected is still
    await session.close()
    assert servers.pids() == pids
    replicas, _ = await written_at(servers, 0)
    assert replicas == 3, "the servers have lost each other"


async def test_a_server_that_cannot_be_told_is_named(servers: Servers, tmp_path: Path) -> None:
    servers.renew_certificate()
    wrong = {"system-password": b"wrong"}
    done = await asyncio.to_thread(reloaded, servers, tmp_path, wrong, "--wait=0")
    assert done.exit_code == 1
    assert f"localhost:{servers.clients[1]} does not show it: " in done.stdout
    assert "refuses the user name or password" in done.stdout


async def told(servers: Servers, directory: Path) -> list[bool]:
    """Who of the servers had to be told to read its files."""
    done = await asyncio.to_thread(reloaded, servers, directory, {}, "-o", "json")
    assert done.exit_code == 0, done.output
    return [one["was_told"] for one in json.loads(done.stdout)]


def reloaded(servers: Servers, directory: Path, given: dict[str, bytes], *more: str) -> Result:
    """What the container of the CronJob says, its files below that directory."""
    arguments = [
        one.replace("/etc/nats/tls", str(servers.tls)).replace("/etc/nats/auth", str(directory))
        for one in servers.reload_arguments()
    ]
    for key, content in (servers.secrets["r-aiex-nats-auth"] | given).items():
        (directory / key).write_bytes(content)
    return CliRunner().invoke(root, [*arguments, *more])


async def test_it_leaves_as_a_lame_duck_and_minds_no_sigterm_then(servers: Servers) -> None:
    """As the pod's preStop tells it to, and the kubelet right after it.

    Without a client it would end at once.
    """
    session = await Session.open(servers.address(2), DEADLINE_S)
    one = servers.all[2]
    assert one.process is not None
    pid_file = servers.tls.parent / "server-2" / "nats.pid"
    assert int(pid_file.read_text()) == one.process.pid
    subprocess.run([PROGRAM, f"-sl=ldm={pid_file}"], check=True, timeout=DEADLINE_S)
    await until(lambda: "lame duck mode" in one.output)
    os.kill(one.process.pid, signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        one.process.wait(1.0)
    await session.close()
    one.kill()
    one.start()
    servers.until_started_up(2)


@pytest.mark.parametrize("values", [{"replicas": 1}, {"replicas": 5}, {"tls": {"enabled": False}}])
def test_the_server_takes_each_form_of_the_configuration(
    chart: Chart, tmp_path: Path, values: dict[str, Any]
) -> None:
    secrets = secrets_of(chart())
    servers = Servers(chart(nats=values), tmp_path, secrets)
    for number, one in enumerate(servers.all):
        done = subprocess.run(
            [PROGRAM, "-t", "-c", one.config],
            env=servers.environment(number),
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
