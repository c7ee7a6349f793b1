"""The embedded engine: one `nats-server` with JetStream, run as the node's child.

Its store is `engine/standalone/` in the data directory. A standalone store must never meet a
configuration with a cluster block (the server deletes it), so clustered servers will have a
directory of their own: `docs/internals/engine-storage.md`.
"""

import asyncio
import json
import logging
import secrets
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiex.child_process import ChildProcess
from aiex.engine.server_program import find_program
from aiex.errors import StartError
from aiex.private_file import write_private
from aiex.service import Ready

# JetStream closes its files within milliseconds; the rest is for slow discs.
STOP_GRACE_S = 10.0
PROBE_EVERY_S = 1.0
PORT_POLL_S = 0.01
USER = "aiex"

_log = logging.getLogger("aiex.engine.server")
_LEVELS = {"INF": logging.DEBUG, "WRN": logging.WARNING, "ERR": logging.ERROR, "FTL": logging.ERROR}


class EngineServer:
    """The server's process. Its port and password stay the same when it is restarted."""

    name = "engine.server"

    def __init__(
        self,
        directory: Path,
        *,
        program: str,
        frozen_after_s: float,
        answers: Callable[[], Awaitable[bool]],
    ) -> None:
        self._directory = directory
        self._wanted_program = program
        self._frozen_after_s = frozen_after_s
        self._answers = answers
        self._child: ChildProcess | None = None
        self._last_lines: deque[str] = deque(maxlen=20)
        self.port = _free_port()
        self.password = secrets.token_urlsafe(24)

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None and self._child.is_running else None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    async def run(self, ready: Ready) -> None:
        program = await asyncio.to_thread(find_program, self._wanted_program)
        self._last_lines.clear()
        child = self._child = await ChildProcess.spawn(
            [program, "--config", str(self._configured())], on_line=self._note
        )
        exited = asyncio.create_task(child.wait(), name="engine.server.exit")
        try:
            await self._listens(exited)
            ready()
            await self._watch(child, exited)
            raise StartError(self._why(exited.result()))
        finally:
            if child.is_running:
                await child.stop(STOP_GRACE_S)
            exited.cancel()

    async def _listens(self, exited: "asyncio.Task[int]") -> None:
        """Return once the port answers; raises `StartError` when the server ends first."""
        while not exited.done():
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.wait({exited}, timeout=PORT_POLL_S)
                continue
            writer.close()
            return
        raise StartError(self._why(exited.result()))

    async def _watch(self, child: ChildProcess, exited: "asyncio.Task[int]") -> None:
        """Return when the server ended; one that answers nothing for too long is killed."""
        loop = asyncio.get_running_loop()
        answered_at_s = loop.time()
        while not (await asyncio.wait({exited}, timeout=PROBE_EVERY_S))[0]:
            if await self._answers():
                answered_at_s = loop.time()
            elif loop.time() - answered_at_s > self._frozen_after_s:
                _log.error("the engine answers nothing for %.0f s: restart", self._frozen_after_s)
                child.kill()
                await asyncio.wait({exited})

    def _configured(self) -> Path:
        store = self._directory / "standalone"
        store.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._directory / "standalone.conf"
        write_private(file, server_config(self.port, self.password, store).encode())
        return file

    def _note(self, line: str) -> None:
        self._last_lines.append(line)
        level = next((level for mark, level in _LEVELS.items() if f"[{mark}]" in line), 10)
        _log.log(level, "%s", line.partition("] ")[2] or line)

    def _why(self, status: int) -> str:
        lines = [line for line in self._last_lines if "[FTL]" in line or "[ERR]" in line]
        said = (lines or list(self._last_lines) or ["nothing"])[-1]
        text = said.partition("] ")[2] or said
        if "no space left" in "".join(self._last_lines):
            return f"The engine stopped: the disc of {self._directory} is full. Free some space."
        return f"The engine (nats-server) ended with status {status}; it said: {text}"


def server_config(port: int, password: str, store: Path) -> str:
    """The configuration of a standalone server: loopback, one user, every write synced."""
    quote = json.dumps
    return f"""\
listen: "127.0.0.1:{port}"
server_name: "aiex"
authorization {{ user: {USER}, password: {quote(password)} }}
max_payload: 8MB
write_deadline: "5s"
ping_interval: "1s"
ping_max: 2
lame_duck_duration: "1s"
lame_duck_grace_period: "0s"
jetstream {{ store_dir: {quote(str(store))}, sync_interval: always }}
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
