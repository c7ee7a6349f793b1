"""`aiex up` with one node: what it prints works, and Ctrl-C leaves nothing behind."""

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from aiex.testing.node_process import MOCK_ONLY, children_of, http_status, wait_until
from aiex.testing.up_process import FREE_PORTS, LAST_LINE, UpProcess, assert_gone

pytestmark = pytest.mark.integration


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., UpProcess]]:
    """`up(argument…, variable=…)` is one that runs until the test ends."""
    with ExitStack() as running:
        yield lambda *arguments, **variables: running.enter_context(
            UpProcess(tmp_path, "--nodes=1", *MOCK_ONLY, *arguments, **variables)
        )


def test_what_it_prints_to_paste_works(
    up: Callable[..., UpProcess], need: Callable[[str, str], str]
) -> None:
    need("curl", "curl")
    it = up(*FREE_PORTS)
    it.ready()
    assert http_status(it.url("API") + "/models") == 200
    assert http_status(it.url("Admin") + "/livez") == 200
    assert Path(it.url("Log")).exists()
    curl = it.snippet("Try it:") + " --silent --fail-with-body"
    for command in (["bash", "-c", curl], [sys.executable, "-c", it.snippet("or in Python:")]):
        pasted = subprocess.run(
            command, env=it.environment, capture_output=True, text=True, timeout=30, check=False
        )
        assert pasted.returncode == 0, pasted.stderr
        assert pasted.stdout.strip()


def test_with_an_api_key_what_it_prints_asks_for_it(up: Callable[..., UpProcess]) -> None:
    it = up(*FREE_PORTS, AIEX_API__KEY="sk-secret", AIEX_API__AUTH="required")
    it.ready()
    words = shlex.split(it.snippet("Try it:"))
    assert "Authorization: Bearer $AIEX_API_KEY" in words
    assert 'os.environ["AIEX_API_KEY"]' in it.snippet("or in Python:")
    assert "sk-secret" not in it.output
    assert http_status(it.url("API") + "/models", key="sk-secret") == 200


def test_ctrl_c_ends_everything_with_0(up: Callable[..., UpProcess], tmp_path: Path) -> None:
    it = up(*FREE_PORTS)
    children = it.ready()
    assert len(children) >= 2, "the node and its engine"
    it.interrupt()
    assert it.end() == 0
    assert it.output.endswith("Stopping … stopped.\n")
    assert_gone(children)
    assert not list(tmp_path.rglob("node.json"))


def test_sigterm_ends_everything_with_0(up: Callable[..., UpProcess]) -> None:
    it = up(*FREE_PORTS)
    children = it.ready()
    it.process.terminate()
    assert it.end() == 0
    assert_gone(children)


def test_ctrl_c_while_it_starts_leaves_nothing_behind(up: Callable[..., UpProcess]) -> None:
    it = up(*FREE_PORTS)
    wait_until(lambda: children_of(it.process.pid), 20, "the node")
    children = children_of(it.process.pid)
    it.interrupt()
    assert it.end() in (0, 130)
    assert "Traceback" not in it.output
    assert_gone(children)


def test_a_second_ctrl_c_does_not_wait(up: Callable[..., UpProcess]) -> None:
    it = up(*FREE_PORTS, "--set=node.propagation_delay_s=600")
    children = it.ready()
    it.interrupt()
    wait_until(lambda: "Stopping" in it.output, 5, "the first one to be heard")
    it.interrupt()
    assert it.process.wait(10) == 0
    assert_gone(children)


def test_kill_9_leaves_no_node_behind_and_the_next_one_starts(up: Callable[..., UpProcess]) -> None:
    it = up(*FREE_PORTS)
    children = it.ready()
    it.process.kill()
    it.process.wait(10)
    assert_gone(children)
    up(*FREE_PORTS).ready()


def test_a_node_that_dies_ends_it_with_a_sentence(up: Callable[..., UpProcess]) -> None:
    it = up(*FREE_PORTS)
    node, *_ = it.ready()
    os.kill(node, signal.SIGKILL)
    assert it.end() == 1
    assert "Error: The node ended with status -9; its log is " in it.output
    assert "Traceback" not in it.output


def test_a_node_that_cannot_start_says_why_in_one_sentence(up: Callable[..., UpProcess]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        it = up(f"--port={port}", "--admin-port=0")
        assert it.end() == 1
    last = it.output.splitlines()[-1]
    assert last.startswith(f"Error: Cannot listen on 127.0.0.1:{port}: Address already in use.")
    assert "Traceback" not in it.output


def test_a_second_one_says_that_it_is_up_already(up: Callable[..., UpProcess]) -> None:
    first = up(*FREE_PORTS)
    first.ready()
    second = up(*FREE_PORTS)
    assert second.end() == 1
    assert second.output.startswith("Error: Aiex runs here already: " + first.url("API")[:-3])
    assert "--name NAME" in second.output
    another = up(*FREE_PORTS, "--name=another")
    another.ready()
    assert another.url("API") != first.url("API")


def test_a_taken_default_port_is_replaced_and_said(up: Callable[..., UpProcess]) -> None:
    # Whoever else has it on this machine serves as well.
    with ExitStack() as taken:
        with suppress(OSError):
            taken.enter_context(socket.create_server(("127.0.0.1", 8080)))
        it = up("--admin-port=0")
        it.ready()
        assert "  port 8080 is taken, api.port is " in it.output
        assert not it.url("API").endswith(":8080/v1")
        assert http_status(it.url("API") + "/models") == 200


def test_its_data_is_private(up: Callable[..., UpProcess], tmp_path: Path) -> None:
    it = up(*FREE_PORTS)
    it.ready()
    (data_dir,) = (tmp_path / "xdg_data_home" / "aiex").iterdir()
    assert data_dir.stat().st_mode & 0o777 == 0o700


@pytest.mark.local_model
def test_a_newcomer_sees_the_small_model_answer(tmp_path: Path) -> None:
    with UpProcess(tmp_path, "--nodes=1", *FREE_PORTS) as it:
        wait_until(lambda: LAST_LINE in it.output, 120, lambda: it.output)
        question, answer = it.output.partition("  You     ")[2].splitlines()[:2]
        assert question == "What is the opposite of hot?"
        assert "cold" in answer.lower()
        it.interrupt()
        assert it.end() == 0
