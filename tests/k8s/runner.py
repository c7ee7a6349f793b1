"""Starts programs and says what came of it: the one place where these tests touch the world."""

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

POLL_S = 0.5


class Unfulfilled(Exception):
    """What was waited for did not come in time, or a command failed; the message says which."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a program left: its exit status and what it wrote."""

    status: int
    out: str
    err: str = ""


class Runner(Protocol):
    """Runs a program; collaborators and tests are handed one."""

    def run(self, command: Sequence[str], text: str, timeout_s: float) -> Done:
        """Run it with `text` as its standard input. Too slow counts as failed, with status 124."""

    def now_s(self) -> float:
        """A clock that only goes forwards."""

    def pause(self, seconds_s: float) -> None:
        """Let time go by."""


class ProgramRunner:
    """The real one."""

    def run(self, command: Sequence[str], text: str, timeout_s: float) -> Done:
        try:
            done = subprocess.run(
                command, input=text, capture_output=True, text=True, timeout=timeout_s, check=False
            )
        except subprocess.TimeoutExpired:
            return Done(124, "", f"not done within {timeout_s:g} s")
        except FileNotFoundError:
            return Done(127, "", f"there is no program {command[0]}")
        return Done(done.returncode, done.stdout, done.stderr)

    def now_s(self) -> float:
        return time.monotonic()

    def pause(self, seconds_s: float) -> None:
        time.sleep(seconds_s)


def wait_until(runner: Runner, is_true: Callable[[], bool], limit_s: float, what: str) -> float:
    """Look again and again; the seconds it took. Raises `Unfulfilled` when it took too long."""
    began_s = runner.now_s()
    while not is_true():
        if runner.now_s() - began_s > limit_s:
            raise Unfulfilled(f"not within {limit_s:g} s: {what}")
        runner.pause(POLL_S)
    return runner.now_s() - began_s
