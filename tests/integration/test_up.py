"""`aiex up` as a newcomer meets it: what it prints works, and Ctrl-C leaves nothing behind."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

import pytest

from aiex.testing.node_process import (
    MOCK_ONLY,
    START_TIMEOUT_S,
    STOP_TIMEOUT_S,
    children_of,
    http_status,
    is_running,
    wait_until,
)

pytestmark = pytest.mark.integration

FREE_PORTS = ("--port=0", "--admin-port=0")
LAST_LINE = "Ctrl-C stops it."


def home_environment(directory: Path, **variables: str) -> dict[str, str]:
    """A user's environment with nothing of Aiex in it, and a home of its own."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith("AIEX_")}
    places = ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR")
    return {**clean, **{place: str(directory / place.lower()) for place in places}, **variables}


class Up:
    """`aiex up` in a session of its own, as a terminal's; use it in a `with` block."""

    def __init__(self, directory: Path, *arguments: str, **variables: str) -> None:
        self.environment = home_environment(directory, **variables)
        self.output_file = directory / f"output-{time.monotonic_ns()}"
        with self.output_file.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "aiex", "up", *arguments],
                env=self.environment,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(STOP_TIMEOUT_S)

    @property
    def output(self) -> str:
        return self.output_file.read_text()

    def ready(self) -> list[int]:
        """Wait until it said all; the processes that it started."""
        wait_until(
            lambda: LAST_LINE in self.output or self.process.poll() is not None,
            START_TIMEOUT_S,
            lambda: f"not up: {self.output}",
        )
        assert LAST_LINE in self.output, self.output
        children = children_of(self.process.pid)
        assert len(children) >= 2, "the node and its engine"
        return children

    def url(self, label: str) -> str:
        """An address it printed."""
        return next(line.split()[1] for line in self.output.splitlines() if label in line.split())

    def snippet(self, heading: str) -> str:
        """What it printed to be pasted."""
        block = self.output.partition(heading + "\n")[2].partition("\n\n")[0]
        return "\n".join(line.removeprefix("  ") for line in block.splitlines())

    def interrupt(self) -> None:
        """Ctrl-C: the terminal signals the whole foreground group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> int:
        """The exit status once it ended."""
        return self.process.wait(STOP_TIMEOUT_S)


def assert_gone(processes: list[int]) -> None:
    wait_until(lambda: not any(map(is_running, processes)), 5, f"the end of {processes}")


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    """`up(argument…, variable=…)` is one that runs until the test ends."""
    with ExitStack() as running:
        yield lambda *arguments, **variables: running.enter_context(
            Up(tmp_path, *MOCK_ONLY, *arguments, **variables)
        )


def test_what_it_prints_to_paste_works(
    up: Callable[..., Up], need: Callable[[str, str], str]
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


def test_with_an_api_key_what_it_prints_asks_for_it(up: Callable[..., Up]) -> None:
    it = up(*FREE_PORTS, AIEX_API__KEY="sk-secret", AIEX_API__AUTH="required")
    it.ready()
    words = shlex.split(it.snippet("Try it:"))
    assert "Authorization: Bearer $AIEX_API_KEY" in words
    assert 'os.environ["AIEX_API_KEY"]' in it.snippet("or in Python:")
    assert "sk-secret" not in it.output
    assert http_status(it.url("API") + "/models", key="sk-secret") == 200


def test_ctrl_c_ends_everything_with_0(up: Callable[..., Up], tmp_path: Path) -> None:
    it = up(*FREE_PORTS)
    children = it.ready()
    it.interrupt()
    assert it.end() == 0
    assert it.output.endswith("Stopping … stopped.\n")
    assert_gone(children)
    assert not list(tmp_path.rglob("node.json"))


def test_sigterm_ends_everything_with_0(up: Callable[..., Up]) -> None:
    it = up(*FREE_PORTS)
    children = it.ready()
    it.process.terminate()
    assert it.end() == 0
    assert_gone(children)


def test_ctrl_c_while_it_starts_leaves_nothing_behind(up: Callable[..., Up]) -> None:
    it = up(*FREE_PORTS)
    wait_until(lambda: children_of(it.process.pid), 20, "the node")
    children = children_of(it.process.pid)
    it.interrupt()
    assert it.end() in (0, 130)
    assert "Traceback" not in it.output
    assert_gone(children)


def test_a_second_ctrl_c_does_not_wait(up: Callable[..., Up]) -> None:
    it = up(*FREE_PORTS, "--set=node.propagation_delay_s=600")
    children = it.ready()
    it.interrupt()
    wait_until(lambda: "Stopping" in it.output, 5, "the first one to be heard")
    it.interrupt()
    assert it.process.wait(10) == 0
    assert_gone(children)


def test_kill_9_leaves_no_node_behind_and_the_next_one_starts(up: Callable[..., Up]) -> None:
    it = up(*FREE_PORTS)
    children = it.ready()
    it.process.kill()
    it.process.wait(10)
    assert_gone(children)
    up(*FREE_PORTS).ready()


def test_a_node_that_dies_ends_it_with_a_sentence(up: Callable[..., Up]) -> None:
    it = up(*FREE_PORTS)
    node, *_ = it.ready()
    os.kill(node, signal.SIGKILL)
    assert it.end() == 1
    assert "Error: The node ended with status -9; its log is " in it.output
    assert "Traceback" not in it.output


def test_a_node_that_cannot_start_says_why_in_one_sentence(up: Callable[..., Up]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        it = up(f"--port={port}", "--admin-port=0")
        assert it.end() == 1
    last = it.output.splitlines()[-1]
    assert last.startswith(f"Error: Cannot listen on 127.0.0.1:{port}: Address already in use.")
    assert "Traceback" not in it.output


def test_a_second_one_says_that_it_is_up_already(up: Callable[..., Up]) -> None:
    first = up(*FREE_PORTS)
    first.ready()
    second = up(*FREE_PORTS)
    assert second.end() == 1
    assert second.output.startswith("Error: Aiex runs here already: " + first.url("API")[:-3])
    assert "--name NAME" in second.output
    another = up(*FREE_PORTS, "--name=another")
    another.ready()
    assert another.url("API") != first.url("API")


def test_a_taken_default_port_is_replaced_and_said(up: Callable[..., Up]) -> None:
    # Whoever else has it on this machine serves as well.
    with ExitStack() as taken:
        with suppress(OSError):
            taken.enter_context(socket.create_server(("127.0.0.1", 8080)))
        it = up("--admin-port=0")
        it.ready()
        assert "  port 8080 is taken, api.port is " in it.output
        assert not it.url("API").endswith(":8080/v1")
        assert http_status(it.url("API") + "/models") == 200


def test_its_data_is_private(up: Callable[..., Up], tmp_path: Path) -> None:
    it = up(*FREE_PORTS)
    it.ready()
    (data_dir,) = (tmp_path / "xdg_data_home" / "aiex").iterdir()
    assert data_dir.stat().st_mode & 0o777 == 0o700


@pytest.mark.local_model
def test_a_newcomer_sees_the_small_model_answer(tmp_path: Path) -> None:
    with Up(tmp_path, *FREE_PORTS) as it:
        wait_until(lambda: LAST_LINE in it.output, 120, lambda: it.output)
        question, answer = it.output.partition("  You     ")[2].splitlines()[:2]
        assert question == "What is the opposite of hot?"
        assert "cold" in answer.lower()
        it.interrupt()
        assert it.end() == 0
