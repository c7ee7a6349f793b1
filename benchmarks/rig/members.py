"""Light members in processes of their own (`rig/member.py`), and what they told of each other."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from rig.errors import RigError
from rig.processes import running

PROGRAM = Path(__file__).parent / "member.py"
LOG_TAIL = 2000
POLL_S = 0.01


@dataclass(frozen=True, slots=True)
class Told:
    """One line of a member's log: `observer` saw `of` up or down, or told its views or calls."""

    at_s: float
    observer: str
    what: str
    of: Any


@dataclass(frozen=True, slots=True)
class MemberProcess:
    names: tuple[str, ...]
    process: "subprocess.Popen[bytes]"
    log: Path

    def kill(self) -> float:
        """SIGKILL; when that was."""
        at_s = time.monotonic()
        os.kill(self.process.pid, signal.SIGKILL)
        return at_s

    def told(self) -> Iterator[Told]:
        if self.log.exists():
            for line in self.log.read_text().splitlines():
                yield Told(**json.loads(line))

    def until(self, is_told: Callable[[Sequence[Told]], bool], deadline_s: float) -> Sequence[Told]:
        """All it told, once that is enough; raises `RigError` with its output."""
        give_up_at_s = time.monotonic() + deadline_s
        while not is_told(told := list(self.told())):
            if self.process.poll() is not None or time.monotonic() > give_up_at_s:
                output = self.log.with_suffix(".out").read_text(errors="replace")[-LOG_TAIL:]
                raise RigError(f"the members {self.names} did not do what they should: {output}")
            time.sleep(POLL_S)
        return told

    def views(self, deadline_s: float) -> Mapping[str, Mapping[str, str]]:
        """What each member of the process sees now."""
        known = sum(one.what == "views" for one in self.told())
        os.kill(self.process.pid, signal.SIGUSR1)
        wanted = known + len(self.names)
        told = self.until(
            lambda lines: sum(one.what == "views" for one in lines) >= wanted, deadline_s
        )
        return {
            one.observer: one.of for one in [one for one in told if one.what == "views"][known:]
        }


def start_members(
    stack: ExitStack,
    directory: Path,
    names: Sequence[str],
    where: Mapping[str, Any],
    **more: Any,
) -> MemberProcess:
    """A process with these members, begun and not awaited; it ends with the stack."""
    own = directory / f"members-{names[0]}"
    own.mkdir(parents=True)
    log, plan = own / "told.jsonl", own / "plan.json"
    values = {"names": names, "directory": str(own), "log": str(log), **where, **more}
    plan.write_bytes(msgspec.json.encode(values))
    argv = (sys.executable, str(PROGRAM), str(plan))
    process = stack.enter_context(running(argv, log=log.with_suffix(".out")))
    return MemberProcess(tuple(names), process, log)


def last_at_s(told: Sequence[Told], what: str, of: str, observers: Sequence[str]) -> float | None:
    """When the last of the observers said it first; None while one of them has not."""
    first: dict[str, float] = {}
    for one in told:
        if (one.what, one.of) == (what, of) and one.observer in observers:
            first.setdefault(one.observer, one.at_s)
    return max(first.values()) if first.keys() == set(observers) else None
