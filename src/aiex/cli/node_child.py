"""A node started by `aiex up`: an `aiex serve` beside this process, its log kept in a file."""

import asyncio
import contextlib
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from aiex.child_process import ChildProcess
from aiex.cli.node_lookup import RunningNode, announced_node
from aiex.errors import AiexError, DataDirectoryError

READY_TIMEOUT_S = 60.0
READY_POLL_S = 0.02
LOG_BYTES_MAX = 10 * 1024 * 1024
LAST_WORDS_MAX = 20


class NodeEnded(AiexError):
    """The node ended by itself."""


class NodeLog:
    """The node's output in a file; what is no log line is kept aside, since it says why it ended.

    Grown large, the file becomes `node.log.1` and a new one begins. Raises `DataDirectoryError`
    when there can be no file.
    """

    def __init__(self, file: Path, *, bytes_max: int = LOG_BYTES_MAX) -> None:
        self.file = file
        self._bytes_max = bytes_max
        self._words: deque[str] = deque(maxlen=LAST_WORDS_MAX)
        try:
            # The data directory above is private too, if it is made here.
            file.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.parent.mkdir(mode=0o700, exist_ok=True)
            self._output = file.open("a", encoding="utf-8")
            self._turn_over()
        except OSError as error:
            raise DataDirectoryError(
                f"The node's log {file} cannot be written: {error.strerror}. Choose another data "
                "directory with --data-dir."
            ) from error

    def add(self, line: str) -> None:
        """Take one line of output."""
        if not line.startswith("{"):
            self._words.append(line)
        # A full disc takes the log, not the node.
        with contextlib.suppress(OSError):
            self._output.write(line + "\n")
            self._output.flush()
            self._turn_over()

    def _turn_over(self) -> None:
        if self._output.tell() <= self._bytes_max:
            return
        self.file.replace(self.file.with_name(self.file.name + ".1"))
        self._output.close()
        self._output = self.file.open("a", encoding="utf-8")

    @property
    def last_words(self) -> str:
        """What the node said outside its log, an error as a rule."""
        return "\n".join(self._words).removeprefix("Error: ").strip()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._output.close()


class NodeChild:
    """One node as a child of this process; it never outlives it."""

    def __init__(
        self,
        child: ChildProcess,
        log: NodeLog,
        data_dir: Path,
        *,
        left_behind: RunningNode | None = None,
    ) -> None:
        self._child = child
        self._log = log
        self._data_dir = data_dir
        # In a container the pids of one start are those of the last one, which may have crashed.
        self._left_behind = left_behind
        self.ended = asyncio.create_task(child.wait(), name="node")

    @classmethod
    async def start(cls, arguments: Sequence[str], data_dir: Path) -> "NodeChild":
        """Start `aiex serve` with `arguments`; `ready` tells when it serves."""
        log = NodeLog(data_dir / "log" / "node.log")
        left_behind = announced_node(data_dir)
        argv = [sys.executable, "-m", "aiex", "serve", *arguments]
        child = await ChildProcess.spawn(argv, on_line=log.add)
        return cls(child, log, data_dir, left_behind=left_behind)

    @property
    def log_file(self) -> Path:
        return self._log.file

    async def ready(self) -> RunningNode:
        """The node once it serves; raises `NodeEnded` with its own words when it ended instead."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_TIMEOUT_S):
                while not self.ended.done():
                    node = announced_node(self._data_dir)
                    if node and node.pid == self._child.pid and node != self._left_behind:
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
