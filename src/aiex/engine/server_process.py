"""One nats-server as a child process: its store locked, its configuration written, ended in time.

Services that run a server watch over it by their own rules; this is what they have in common.
"""

import asyncio
import fcntl
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Self

from aiex.child_process import ChildProcess
from aiex.clock import Clock
from aiex.engine.server_log import cause_of_end
from aiex.engine.server_plan import ServerPlan
from aiex.engine.server_probe import answers
from aiex.errors import DataDirectoryError, EngineUnavailable
from aiex.private_file import write_private

LAST_LINES = 50
# JetStream closes its files within milliseconds; the rest is for slow discs.
STOP_GRACE_S = 8.0
LAST_WORDS_S = 2.0
START_POLL_S = 0.02
START_PROBE_S = 1.0
# The old server of a node that was killed ends within milliseconds of its node.
LOCK_WAIT_S = 3.0


class ServerProcess:
    """Made by `start`; somebody must await `stop`."""

    def __init__(self, plan: ServerPlan, child: ChildProcess, clock: Clock, lines: deque[str]):
        self.plan = plan
        self._child = child
        self._clock = clock
        self._last_lines = lines
        self._ended = asyncio.create_task(child.wait(), name="nats-server end")

    @classmethod
    async def start(
        cls, program: Path, plan: ServerPlan, *, clock: Clock, on_line: Callable[[str], None]
    ) -> Self:
        """The server, started and not yet ready; raises `DataDirectoryError`."""
        lines: deque[str] = deque(maxlen=LAST_LINES)

        def note(line: str) -> None:
            lines.append(line)
            on_line(line)

        root = plan.config_file.parent
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = await _take_lock(plan, clock)
            try:
                write_private(plan.config_file, plan.config.encode())
                command = [str(program), "-c", str(plan.config_file)]
                child = await ChildProcess.spawn(command, on_line=note, pass_fds=(lock,))
            finally:
                os.close(lock)
        except OSError as error:
            raise DataDirectoryError(
                f"The engine's files in {root} cannot be used: {error.strerror}."
            ) from error
        return cls(plan, child, clock, lines)

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def is_port_taken(self) -> bool:
        """Whether it says that another program listens at its address."""
        return any("address already in use" in line for line in self._last_lines)

    async def until_it_answers(self, timeout_s: float) -> None:
        """Come back once it lets us in and, on its own, has JetStream.

        A clustered server has JetStream only with a quorum, for which it needs the others. Raises
        `EngineUnavailable` with the cause when it ended or took too long.
        """
        give_up_at_s = self._clock.monotonic_s() + timeout_s
        while not await self.answers(START_PROBE_S):
            if await self.has_ended_within(START_POLL_S):
                raise self.end()
            if self._clock.monotonic_s() >= give_up_at_s:
                last = self._last_lines[-1] if self._last_lines else "nothing"
                raise EngineUnavailable(
                    f"The embedded engine did not answer within {timeout_s:g} s; "
                    f"the last it said: {last}"
                )

    async def answers(self, timeout_s: float) -> bool:
        needs_jetstream = not self.plan.is_clustered
        return await answers(self.plan.address, timeout_s, needs_jetstream=needs_jetstream)

    async def has_ended_within(self, timeout_s: float) -> bool:
        done, _ = await asyncio.wait({self._ended}, timeout=timeout_s)
        return bool(done)

    @property
    def ended(self) -> "asyncio.Task[int]":
        """Done once the server ended."""
        return self._ended

    def end(self) -> EngineUnavailable:
        """Why it ended, once it has."""
        cause = cause_of_end(self._ended.result(), self._last_lines, str(self.plan.store))
        return EngineUnavailable(f"The embedded engine (nats-server) ended: {cause}.")

    def reload(self, plan: ServerPlan) -> None:
        """Take another list of servers to meet, without a stop. Raises `DataDirectoryError`."""
        try:
            write_private(plan.config_file, plan.config.encode())
        except OSError as error:
            raise DataDirectoryError(
                f"{plan.config_file} cannot be written: {error.strerror}."
            ) from error
        self.plan = plan
        self._child.hang_up()

    def kill(self) -> None:
        """For a frozen one, which does not see SIGTERM."""
        self._child.kill()

    async def stop(self) -> None:
        """End it by SIGTERM: a clustered one hands over what it leads within milliseconds."""
        try:
            await self._child.stop(STOP_GRACE_S)
        finally:
            # Who is cancelled meanwhile has killed it; its last words are read all the same.
            await asyncio.wait({self._ended}, timeout=LAST_WORDS_S)
            self._ended.cancel()


async def _take_lock(plan: ServerPlan, clock: Clock) -> int:
    """A locked descriptor. The server inherits it, so the store stays locked while it lives,
    even when its node is gone (which macOS allows): two servers would ruin one store.
    """
    lock = os.open(plan.lock, os.O_RDWR | os.O_CREAT, 0o600)
    give_up_at_s = clock.monotonic_s() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if clock.monotonic_s() < give_up_at_s:
                await asyncio.sleep(START_POLL_S)
                continue
            os.close(lock)
            raise DataDirectoryError(
                f"Another nats-server still uses {plan.store}; "
                "stop it, or choose another data directory with --data-dir."
            ) from None
        return lock
