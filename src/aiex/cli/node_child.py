"""A node started by `aiex up`: an `aiex serve` beside this process, its log kept in a file."""

import asyncio
import contextlib
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from aiex.child_process import ChildProcess
from aiex.cli.node_lookup import RunningNode, read_node
from aiex.errors import AiexError

READY_TIMEOUT_S = 60.0
READY_POLL_S = 0.02
LOG_BYTES_MAX = 10 * 1024 * 1024
LAST_WORDS_MAX = 20


class NodeEnded(AiexError):
    """The node ended by itself."""


class NodeLog:
    """The node's output in a file; what is no log line is kept aside, since it says why it ended.

    The file of an earlier start is kept as `node.log.1` once it is large.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if file.exists() and file.stat().st_size > LOG_BYTES_MAX:
            file.replace(file.with_name(file.name + ".1"))
        self._output = file.open("a", encoding="utf-8")
        self._words: deque[str] = deque(maxlen=LAST_WORDS_MAX)

    def add(self, line: str) -> None:
        """Take one line of output."""
        if not line.startswith("{"):
            self._words.append(line)
        # A full disc takes the log, not the node.
        with contextlib.suppress(OSError):
            self._output.write(line + "\n")
            self._output.flush()

    @property
    def last_words(self) -> str:
        """What the node said outside its log, an error as a rule."""
        return "\n".join(self._words).removeprefix("Error: ").strip()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._output.close()


class NodeChild:
    """One node as a child of this process; it never outlives it."""

    def __init__(self, child: ChildProcess, log: NodeLog, data_dir: Path) -> None:
        self._child = child
        self._log = log
        self._data_dir = data_dir
        self.ended = asyncio.create_task(child.wait(), name="node")

    @classmethod
    async def start(cls, arguments: Sequence[str], data_dir: Path) -> "NodeChild":
        """Start `aiex serve` with `arguments`; `ready` tells when it serves."""
        log = NodeLog(data_dir / "log" / "node.log")
        argv = [sys.executable, "-m", "aiex", "serve", *arguments]
        return cls(await ChildProcess.spawn(argv, on_line=log.add), log, data_dir)

    @property
    def log_file(self) -> Path:
        return self._log.file

    async def ready(self) -> RunningNode:
        """The node once it serves; raises `NodeEnded` with its own words when it ended instead."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_TIMEOUT_S):
                while not self.ended.done():
                    node = read_node(self._data_dir)
                    if node is not None and node.pid == self._child.pid:
                        return node
                    await asyncio.wait({self.ended}, timeout=READY_POLL_S)
        raise NodeEnded(self.end_text())

    def end_text(self) -> str:
        """Why there is no node any more, in its own words."""
        if self._log.last_words:
            return self._log.last_words
        how = f"ended with status {self.ended.result()}" if self.ended.done() else "is not ready"
        return f"The node {how}; its log is {self.log_file}."

    async def stop(self, grace_s: float) -> None:
        """Let it drain for up to `grace_s`, then end it."""
        self.ended.cancel()
        await self._child.stop(grace_s)
        self._log.close()

    def kill(self) -> None:
        self._child.kill()
