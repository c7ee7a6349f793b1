"""The embedded engine: nats-server as a child process, its files below the data directory."""

import asyncio
import fcntl
import importlib
import logging
import os
import shutil
import socket
from collections import deque
from pathlib import Path

from aiex.child_process import ChildProcess
from aiex.clock import Clock
from aiex.engine.address import EngineAddress
from aiex.engine.events import EngineFroze
from aiex.engine.server_config import EngineFiles, load_credentials, server_config
from aiex.engine.server_log import cause_of_end, is_disk_full, parse_line
from aiex.engine.server_probe import answers
from aiex.engine.server_program import find_server_program
from aiex.engine.silence import Silence
from aiex.errors import DataDirectoryError, EngineUnavailable
from aiex.events import Emit
from aiex.private_file import write_private
from aiex.service import Ready
from aiex.settings import EngineSettings

HOST = "127.0.0.1"
LAST_LINES = 50
# JetStream closes its files within milliseconds; the rest is for slow discs.
STOP_GRACE_S = 8.0
START_POLL_S = 0.02
START_PROBE_S = 1.0
PROBE_EVERY_S_MAX = 1.0
PROBES_UNTIL_FROZEN = 5
# Enough for the server to write again for a while; below that it would only stop once more.
ROOM_BYTES_MIN = 16 * 1024 * 1024
# The old server of a node that was killed ends within milliseconds of its node.
LOCK_WAIT_S = 3.0

_log = logging.getLogger("aiex.engine.server")


class EngineServer:
    """Runs nats-server and watches over it. Its port and password outlive its restarts."""

    name = "engine.server"

    def __init__(
        self, settings: EngineSettings, data_dir: Path, *, clock: Clock, emit: Emit
    ) -> None:
        self._settings = settings
        self._files = EngineFiles.below(data_dir)
        self._clock = clock
        self._emit = emit
        self._child: ChildProcess | None = None
        self._address: EngineAddress | None = None
        self._last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._is_disk_full = False

    @property
    def pid(self) -> int | None:
        """Of nats-server; None while none runs."""
        return self._child.pid if self._child is not None else None

    @property
    def address(self) -> EngineAddress:
        """Where the server is; raises `EngineUnavailable` before its first start."""
        if self._address is None:
            raise EngineUnavailable("The embedded engine was not started yet.")
        return self._address

    @property
    def trouble(self) -> str:
        """What keeps a running server from its work, as a phrase; empty when nothing does."""
        if not self._is_disk_full:
            return ""
        return f"the disk that holds {self._files.store} is full; free some space"

    async def run(self, ready: Ready) -> None:
        """Start the server, say so once JetStream answers, watch over it, end it by SIGTERM.

        Raises `EngineRefused` without a usable program, `DataDirectoryError` when its files cannot
        be written, and `EngineUnavailable` with the cause when it does not start, ends, freezes or
        needs a restart to write again.
        """
        program = await find_server_program(self._settings.server_path)
        child = self._child = await self._spawn(program.path)
        ended = asyncio.create_task(child.wait(), name="engine.server end")
        try:
            # The client library takes 0.2 s to import: in a thread, while the server starts.
            loop = asyncio.get_running_loop()
            preload = loop.run_in_executor(None, importlib.import_module, "nats.aio.client")
            await self._until_it_answers(ended)
            await preload
            ready()
            await self._watch_over(ended)
        finally:
            try:
                await child.stop(STOP_GRACE_S)
            finally:
                self._child = None
                ended.cancel()

    async def _spawn(self, program: Path) -> ChildProcess:
        self._last_lines.clear()
        self._is_disk_full = False
        try:
            self._files.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = await self._take_lock()
            try:
                self._write_config()
                command = [str(program), "-c", str(self._files.config)]
                return await ChildProcess.spawn(command, on_line=self._note_line, pass_fds=(lock,))
            finally:
                os.close(lock)
        except OSError as error:
            raise DataDirectoryError(
                f"The engine's files in {self._files.root} cannot be used: {error.strerror}. Mend "
                "that, or choose another data directory with --data-dir."
            ) from error

    async def _take_lock(self) -> int:
        """A locked descriptor. The server inherits it, so the store stays locked while it lives,
        even when its node is gone (which macOS allows): two servers would ruin one store.
        """
        lock = os.open(self._files.lock, os.O_RDWR | os.O_CREAT, 0o600)
        give_up_at_s = self._clock.monotonic_s() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if self._clock.monotonic_s() < give_up_at_s:
                    await asyncio.sleep(START_POLL_S)
                    continue
                os.close(lock)
                raise DataDirectoryError(
                    f"Another nats-server still uses {self._files.store}; "
                    "stop it, or choose another data directory with --data-dir."
                ) from None
            return lock

    def _write_config(self) -> None:
        credentials = load_credentials(self._files.credentials)
        port = self._address.port if self._address is not None else _free_port()
        self._address = EngineAddress(HOST, port, credentials.user, credentials.password)
        text = server_config(self._address, self._files.store, server_name="aiex")
        write_private(self._files.config, text.encode())

    async def _until_it_answers(self, ended: "asyncio.Task[int]") -> None:
        timeout_s = self._settings.start_timeout_s
        give_up_at_s = self._clock.monotonic_s() + timeout_s
        while not await answers(self.address, START_PROBE_S):
            await asyncio.wait({ended}, timeout=START_POLL_S)
            if ended.done():
                raise self._end(ended.result())
            if self._clock.monotonic_s() >= give_up_at_s:
                last = self._last_lines[-1] if self._last_lines else "nothing"
                raise EngineUnavailable(
                    f"The embedded engine did not answer within {timeout_s:g} s; "
                    f"the last it said: {last}"
                )

    async def _watch_over(self, ended: "asyncio.Task[int]") -> None:
        """Never returns; raises when the server ended or has to be restarted."""
        frozen_after_s = self._settings.frozen_after_s
        every_s = min(PROBE_EVERY_S_MAX, max(0.1, frozen_after_s / PROBES_UNTIL_FROZEN))
        silence = Silence(self._clock.monotonic_s())
        while not (await asyncio.wait({ended}, timeout=every_s))[0]:
            is_alive = await answers(self.address, timeout_s=every_s)
            now_s = self._clock.monotonic_s()
            silence = Silence(now_s) if is_alive else silence.missed()
            if silence.is_frozen(now_s, frozen_after_s):
                raise self._freeze(now_s - silence.heard_at_s)
            self._check_room()
        raise self._end(ended.result())

    def _freeze(self, silent_s: float) -> EngineUnavailable:
        assert self._child is not None, "only a running server is watched"
        # A frozen process does not see SIGTERM.
        self._child.kill()
        self._emit(EngineFroze(silent_s))
        return EngineUnavailable(
            f"The embedded engine gave no answer for {silent_s:.0f} s; it was killed."
        )

    def _check_room(self) -> None:
        # A server that once found no room for a stream refuses its writes until it is restarted,
        # however much room there is by then.
        if self._is_disk_full and shutil.disk_usage(self._files.root).free >= ROOM_BYTES_MIN:
            raise EngineUnavailable(
                "The disk was full and has room again; the engine restarts to write again."
            )

    def _end(self, exit_status: int) -> EngineUnavailable:
        if any("address already in use" in line for line in self._last_lines):
            self._address = None  # the next start chooses another port
        cause = cause_of_end(exit_status, self._last_lines, str(self._files.store))
        return EngineUnavailable(f"The embedded engine (nats-server) ended: {cause}.")

    def _note_line(self, line: str) -> None:
        self._last_lines.append(line)
        level, text = parse_line(line)
        if is_disk_full(text):
            self._is_disk_full = True
        _log.log(level, "%s", text)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
