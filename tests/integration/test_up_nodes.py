"""`aiex up` with several nodes: one cluster, one port, and whoever dies comes back."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from aiex.testing.nats_process import NatsProcess
from aiex.testing.node_process import MOCK_ONLY, http_status, wait_until
from aiex.testing.up_process import FREE_PORTS, UpProcess, assert_gone, home_environment

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

NAME = "--name=team"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsProcess]:
    """An external engine at which nodes meet."""
    with NatsProcess.as_embedded(tmp_path_factory.mktemp("engine")) as running:
        yield running


@pytest.fixture
def up(tmp_path: Path, engine: NatsProcess) -> Iterator[Callable[..., UpProcess]]:
    """`up(argument…)` is one with three nodes that runs until the test ends."""
    address = engine.address
    at_engine = (
        f"--set=engine.url={address.url}",
        f"--set=engine.user={address.user}",
        f"--set=engine.password={address.password}",
        # The nodes of each test are a cluster of their own at the one engine.
        f"--set=cluster.name=t{os.getpid()}-{abs(hash(tmp_path)) % 10**9}",
    )
    with ExitStack() as running:
        yield lambda *arguments, **variables: running.enter_context(
            UpProcess(tmp_path, "--nodes=3", NAME, *MOCK_ONLY, *at_engine, *arguments, **variables)
        )


def data_dirs(directory: Path) -> dict[str, Path]:
    """The nodes' data directories by name."""
    return {one.name: one for one in sorted((directory / "xdg_data_home" / "aiex").iterdir())}


def node_file(data_dir: Path) -> dict[str, Any]:
    """What the node tells of itself."""
    content: dict[str, Any] = json.loads((data_dir / "node.json").read_text())
    return content


def command(it: UpProcess, directory: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """An `aiex` command of the same user."""
    return subprocess.run(
        [sys.executable, "-m", "aiex", *arguments],
        env=it.environment,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_three_nodes_form_a_cluster_behind_one_port(
    up: Callable[..., UpProcess], tmp_path: Path
) -> None:
    it = up(*FREE_PORTS)
    it.ready()
    assert "  cluster formed after " in it.output
    assert list(data_dirs(tmp_path)) == ["team", "team-2", "team-3"]
    for _ in range(10):
        assert http_status(it.url("API") + "/models") == 200
    for data_dir in data_dirs(tmp_path).values():
        assert http_status(node_file(data_dir)["api_url"] + "/v1/models") == 200
    for arguments in (("status",), ("models",), ("cluster", "status"), ("keys", "list")):
        done = command(it, tmp_path, *arguments)
        assert done.returncode == 0, done.stderr
    status = command(it, tmp_path, "status", "--tree").stdout
    assert status.startswith("team, one of several nodes here; choose another with --node NAME")
    assert "3 (team, team-2, team-3)" in command(it, tmp_path, "cluster", "status").stdout
    assert command(it, tmp_path, "chat", "hello").stdout.strip()


def test_a_node_that_dies_is_started_again_and_said(
    up: Callable[..., UpProcess], tmp_path: Path
) -> None:
    it = up(*FREE_PORTS)
    it.ready()
    for name in ("team-2", "team"):
        killed = node_file(data_dirs(tmp_path)[name])["pid"]
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: f"  {name} is back after" in it.output, 30, lambda: it.output)  # noqa: B023
        assert f"  {name} is gone; a new start in 0.5 s. " in it.output
        assert node_file(data_dirs(tmp_path)[name])["pid"] != killed
    assert http_status(it.url("API") + "/models") == 200


def test_ctrl_c_ends_all_of_them_with_0(up: Callable[..., UpProcess], tmp_path: Path) -> None:
    it = up(*FREE_PORTS)
    children = it.ready()
    assert len(list(tmp_path.rglob("node.json"))) == 3
    it.interrupt()
    assert it.end() == 0
    assert it.output.endswith("Stopping … stopped.\n")
    assert_gone(children)
    assert not list(tmp_path.rglob("node.json"))


def test_a_second_ctrl_c_does_not_wait_for_any(up: Callable[..., UpProcess]) -> None:
    it = up(*FREE_PORTS, "--set=node.propagation_delay_s=600")
    children = it.ready()
    it.interrupt()
    wait_until(lambda: "Stopping" in it.output, 5, "the first one to be heard")
    it.interrupt()
    assert it.process.wait(20) == 0
    assert_gone(children)


def test_a_second_one_says_that_it_runs_already(up: Callable[..., UpProcess]) -> None:
    first = up(*FREE_PORTS)
    first.ready()
    second = up(*FREE_PORTS)
    assert second.end() == 1
    assert (
        f"Error: Aiex runs here already: {first.url('API').removesuffix('/v1')} " in second.output
    )


def test_names_and_directories_are_the_same_each_time_and_one_node_keeps_its_state(
    up: Callable[..., UpProcess], tmp_path: Path
) -> None:
    tokens = []
    for count in (1, 3, 3):
        it = up(*FREE_PORTS, f"--nodes={count}")
        it.ready()
        names = ["team", "team-2", "team-3"][:count]
        assert list(data_dirs(tmp_path)) == names
        tokens.append((data_dirs(tmp_path)["team"] / "admin.token").read_text())
        it.interrupt()
        assert it.end() == 0
    assert len(set(tokens)) == 1


def test_a_node_that_cannot_start_ends_all_with_its_sentence(
    up: Callable[..., UpProcess], tmp_path: Path
) -> None:
    blocked = Path(home_environment(tmp_path)["XDG_DATA_HOME"]) / "aiex" / "team-2"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("in the way")
    it = up(*FREE_PORTS)
    assert it.end() == 1
    last = it.output.splitlines()[-1]
    assert last.startswith("Error: The node's log ")
    assert "Traceback" not in it.output


def test_a_node_that_is_told_to_leave_stays_away(tmp_path: Path) -> None:
    with UpProcess(tmp_path, "--nodes=3", NAME, *MOCK_ONLY, *FREE_PORTS) as it:
        it.ready()
        left = command(it, tmp_path, "cluster", "leave", "--node", "team-3", "-o", "json")
        assert left.returncode == 0, left.stderr
        assert json.loads(left.stdout)["node"] == "team-3"
        wait_until(lambda: "team-3 has left the cluster" in it.output, 30, lambda: it.output)
        assert "team-3 is gone; a new start" not in it.output
        seen = json.loads(command(it, tmp_path, "cluster", "nodes", "-o", "json").stdout)
        up = {one["name"] for one in seen["members"] if one["state"] == "up"}
        assert up == {"team", "team-2"}
        it.interrupt()
        assert it.end() == 0
