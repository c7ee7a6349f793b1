"""The embedded engine: nats-server as a child process, its files below the data directory."""

import asyncio
import contextlib
import fcntl
import importlib
import logging
import os
import shutil
import socket
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from aiex.child_process import ChildProcess
from aiex.clock import Clock
from aiex.engine.address import EngineAddress
from aiex.engine.events import EngineFroze
from aiex.engine.server_config import EngineFiles, load_credentials, server_config
from aiex.engine.server_log import cause_of_end, is_disk_full, parse_line
from aiex.engine.server_probe import answers
from aiex.engine.server_program import find_server_program, usual_places
from aiex.engine.silence import Silence
from aiex.errors import DataDirectoryError, EngineUnavailable
from aiex.events import Emit
from aiex.private_file import write_private
from aiex.service import Ready

LAST_LINES = 50
STOP_GRACE_S = 8.0
START_POLL_S = 0.02
PROBE_EVERY_S = 1.0
PROBE_TIMEOUT_S = 2.0
# Enough for the server to write again for a while; below that it would only stop once more.
ROOM_BYTES_MIN = 16 * 1024 * 1024
# The old server of a node that was killed ends within milliseconds of its node.
LOCK_WAIT_S = 2.0

_log = logging.getLogger("aiex.engine.server")


class EngineServer:
    """Runs nats-server; fails, to be restarted, when it ends, freezes or has to be restarted."""

    name = "engine.server"

    def __init__(
        self,
        data_dir: Path,
        *,
        server_path: str,
        start_timeout_s: float,
        frozen_after_s: float,
        clock: Clock,
        emit: Emit,
    ) -> None:
        self._files = EngineFiles.below(data_dir)
        self._server_path = server_path
        self._start_timeout_s = start_timeout_s
        self._frozen_after_s = frozen_after_s
        self._clock = clock
        self._emit = emit
        self._child: ChildProcess | None = None
        self._address: EngineAddress | None = None
        self._last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._is_disk_full = False

    @property
    def pid(self) -> int | None:
        """Of the nats-server; None when none runs."""
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
        """Start the server, say so once JetStream answers, watch over it, stop it by SIGTERM.

        Raises `EngineRefused` without a usable program, `DataDirectoryError` when its files cannot
        be written, `EngineUnavailable` with the cause when it does not start, ends or freezes.
        """
        program = await find_server_program(self._server_path, **_places())
        address = self._prepare()
        self._is_disk_full = False
        self._last_lines.clear()
        with self._held_lock() as lock:
            child = await ChildProcess.spawn(
                [str(program.path), "-c", str(self._files.config)],
                on_line=self._note_line,
                pass_fds=(await lock,),
            )
            self._child = child
            try:
                # The client library takes 0.2 s to import; that time the server needs anyhow.
                preload = asyncio.to_thread(importlib.import_module, "nats.aio.client")
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(preload, name="preload")
                    ...
            finally:
                self._child = None
                await child.stop(STOP_GRACE_S)
