"""`aiex up` as a process of its own, in a home of its own, as a person would run it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from aiex.testing.node_process import (
    START_TIMEOUT_S,
    STOP_TIMEOUT_S,
    children_of,
    is_running,
    wait_until,
)

FREE_PORTS = ("--port=0", "--admin-port=0")
LAST_LINE = "Ctrl-C stops it."
PLACES = ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR")


def home_environment(directory: Path, **variables: str) -> dict[str, str]:
    """A user's environment with nothing of Aiex in it, and a home of its own."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith("AIEX_")}
    return {**clean, **{place: str(directory / place.lower()) for place in PLACES}, **variables}


class UpProcess:
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
        assert children, "a node"
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
    """Wait until none of them runs any more."""
    wait_until(lambda: not any(map(is_running, processes)), 5, f"the end of {processes}")
