"""A program run as the node's child: its output comes line by line, and it never outlives the node.

On Linux the kernel kills the child when the node dies, `kill -9` included (see `child_shim`). Other
systems have nothing like it: there a killed node leaves its children behind.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

LINE_BYTES_MAX = 64 * 1024
_SHIM = Path(__file__).with_name("child_shim.py")


class ChildProcess:
    """A running child. It is in a session of its own: a terminal's Ctrl-C reaches the node only."""

    def __init__(self, process: asyncio.subprocess.Process, on_line: Callable[[str], None]) -> None:
        self._process = process
        self._reading = asyncio.create_task(self._read(on_line), name=f"child {process.pid}")

    @classmethod
    async def spawn(
        cls,
        argv: Sequence[str],
        *,
        on_line: Callable[[str], None],
        env: Mapping[str, str] | None = None,
    ) -> "ChildProcess":
        """Start a program; call from the main thread. A missing one exits 1 and says so in a line."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-S",
            str(_SHIM),
            str(os.getpid()),
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=LINE_BYTES_MAX,
            env=dict(env) if env is not None else None,
            start_new_session=True,
        )
        return cls(process, on_line)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.returncode is None

    async def wait(self) -> int:
        """Its exit status, negative for a signal, once it ended and its output was read."""
        status = await self._process.wait()
        # Whoever inherited the pipe may hold it open; the child's own lines are here by now.
        await asyncio.wait({self._reading}, timeout=1.0)
        self._reading.cancel()
        return status

    async def stop(self, grace_s: float) -> int:
        """SIGTERM, then after `grace_s` SIGKILL to its whole group; the exit status."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                return await self.wait()
        self.kill()
        return await self.wait()

    def kill(self) -> None:
        """End it and its own children now."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.is_running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    async def _read(self, on_line: Callable[[str], None]) -> None:
        assert self._process.stdout is not None
        while True:
            try:
                line = await self._process.stdout.readuntil(b"\n")
            except asyncio.IncompleteReadError as end:
                if end.partial:
                    on_line(end.partial.decode(errors="replace"))
                return
            except asyncio.LimitOverrunError as overrun:
                line = await self._process.stdout.readexactly(overrun.consumed or 1)
            on_line(line.decode(errors="replace").rstrip("\r\n"))
