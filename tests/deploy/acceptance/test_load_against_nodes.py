"""The acceptance load against real nodes on loopback, a TCP balancer where a Service would be."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from aiex.testing.node_process import NodeProcess, wait_until
from tests.deploy.acceptance.balancer import Balancer
from tests.k8s.load_log import LoadReport, load_report, share_a_moment

LOAD = Path(__file__).parents[2] / "k8s" / "load.py"
ASKERS = 12
# Slow enough that requests are in flight at any moment.
MODEL = (
    '--set=providers={"mock": {"kind": "mock", "latency_ms": 200, "tokens_per_s": 20}}',
    '--set=models={"mock": {"targets": [{"provider": "mock"}]}}',
    "--set=node.propagation_delay_s=0.5",
    # On a machine that is busy with others a node would turn requests away, as it should.
    "--set=api.shed_from_lag_s=60",
    "--set=api.shed_all_lag_s=120",
)
FLOWING = 40  # answers that show that load flows
WAIT_S = 30.0

pytestmark = [pytest.mark.fault, pytest.mark.integration]


class Load:
    """The script as a process, its log in a file."""

    def __init__(self, port: int, log_file: Path) -> None:
        self._log_file = log_file
        command = [sys.executable, "-I", str(LOAD), f"--url=http://127.0.0.1:{port}"]
        with log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--model=mock", f"--askers={ASKERS}"], stdout=log, env={**os.environ}
            )

    def report(self) -> LoadReport:
        return load_report(self._log_file.read_text())

    def answers_more(self, count: int = FLOWING) -> None:
        wanted = self.report().answered_count + count
        wait_until(
            lambda: self.report().answered_count >= wanted, WAIT_S, lambda: str(self.report())
        )

    def ended(self) -> LoadReport:
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(WAIT_S) == 0
        return self.report()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(WAIT_S)


class Nodes:
    """Nodes behind the balancer, each new one with ports and a directory of its own."""

    def __init__(self, directory: Path, balancer: Balancer, stack: ExitStack) -> None:
        self._directory, self._balancer, self._stack = directory, balancer, stack
        self._count = 0

    def start(self) -> tuple[NodeProcess, int]:
        self._count += 1
        directory = self._directory / f"node-{self._count}"
        directory.mkdir()
        node = self._stack.enter_context(NodeProcess(directory, MODEL)).until_ready()
        port = int(node.api_url.split(":")[2].split("/")[0])
        self._balancer.add(port)
        wait_until(lambda: port in self._balancer.ready_ports(), WAIT_S, "the balancer sees it")
        return node, port


@pytest.fixture
def balancer() -> Iterator[Balancer]:
    with Balancer() as balancer:
        yield balancer


@pytest.fixture
def nodes(tmp_path: Path, balancer: Balancer) -> Iterator[Nodes]:
    with ExitStack() as stack:
        yield Nodes(tmp_path, balancer, stack)


@pytest.fixture
def load(tmp_path: Path, balancer: Balancer, nodes: Nodes) -> Iterator[Load]:
    nodes.start()
    load = Load(balancer.port, tmp_path / "load.log")
    yield load
    load.kill()


def test_nodes_replaced_one_by_one_fail_no_request(load: Load, nodes: Nodes) -> None:
    old = [nodes.start() for _ in range(2)]
    load.answers_more()
    for node, _ in old:
        nodes.start()
        assert node.stop() == 0
        load.answers_more()
    report = load.ended()
    assert report.is_ended
    assert (report.failed_count, report.unconnected_count) == (0, 0), report.failures
    assert report.answered_count >= 3 * FLOWING


def test_a_killed_node_fails_what_was_in_flight_on_it_and_nothing_else(
    load: Load, nodes: Nodes, balancer: Balancer
) -> None:
    node, port = nodes.start()
    # Each is busy seven times of eight: that four are idle when the node dies happens to nobody.
    wait_until(lambda: balancer.connection_count(port) >= 4, WAIT_S, "connections to it")
    load.answers_more()
    node.stop(signal.SIGKILL)
    load.answers_more()
    report = load.ended()
    assert 1 <= report.failed_count <= ASKERS, report.failures
    assert share_a_moment(report.failures), report.failures
    assert report.answered_count >= 2 * FLOWING
