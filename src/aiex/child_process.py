"""A program run beside the node that never outlives it, its output handed over line by line.

On Linux the kernel kills the child when the thread that spawned it ends, `kill -9` of the node
included (`PR_SET_PDEATHSIG`, set by `aiex.child_shim` in the child). Spawn from the event loop's
thread, which lives as long as the node. macOS has no such call: there a child survives the
`kill -9` of its node.

The child leads a session and process group of its own: a terminal's Ctrl-C reaches only the node.

Cost: a spawn takes 14 ms instead of 1 ms, the shim being one more interpreter start (measured on 2
cores with Python 3.13, median of 15).
"""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import aiex.child_shim
from aiex.errors import StartError

LINE_BYTES_MAX = 16 * 1024
# For output still in the pipe when the child ends; a grandchild may hold the pipe open for ever.
LAST_WORDS_S = 1.0
_CHUNK_BYTES = 64 * 1024
_CUT_MARK = " … (line cut)"


class ChildNotStarted(StartError):
    """The program could not be started."""


class ChildProcess:
    """A running child. Made by `spawn`; ends by itself, by `stop` or by `kill`.

    Somebody must await `wait` or `stop` to the end: that is what releases its pipe.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        output: "_Pipe",
        on_line: Callable[[str], None],
    ) -> None:
        self._process = process
        self._output = output
        self._pump = asyncio.create_task(
            _pump(output.reader, on_line), name=f"output of {process.pid}"
        )

    @classmethod
    async def spawn(
        cls,
        argv: Sequence[str],
        *,
        on_line: Callable[[str], None],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        pass_fds: Sequence[int] = (),
    ) -> Self:
        """The child, once the program runs; raises `ChildNotStarted` with the reason if it cannot.

        `on_line` gets each line of stdout and stderr, without its end, at most `LINE_BYTES_MAX`
        bytes of it; it must neither block nor raise. `pass_fds` stay open in the child.
        """
        program = shutil.which(argv[0])
        if program is None:
            raise ChildNotStarted(f"{argv[0]} cannot be started: there is no such program.")
        async with _Pipe() as output, _Pipe() as report:
            shim = [aiex.child_shim.__file__, str(os.getpid()), str(report.write_end), "--"]
            process = await asyncio.create_subprocess_exec(
                *[sys.executable, "-I", "-S", "-E", *shim, program, *argv[1:]],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output.write_end,
                stderr=output.write_end,
                start_new_session=True,
                env=env,
                cwd=cwd,
                pass_fds=(report.write_end, *pass_fds),
            )
            output.close_write_end()
            report.close_write_end()
            output.keep_open()
            child = cls(process, output, on_line)
            try:
                failure = await report.reader.read()
                if failure:
                    raise ChildNotStarted(f"{argv[0]} cannot be started: {failure.decode()}.")
            except BaseException:
                child.kill()
                await child.wait()
                raise
        return child

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """The exit status, negative for a signal; None while the child runs."""
        return self._process.returncode

    async def wait(self) -> int:
        """The exit status, negative for a signal, once the child ended and its output was read."""
        status = await self._process.wait()
        # What the child itself started would be nobody's now.
        self.kill()
        await asyncio.wait({self._pump}, timeout=LAST_WORDS_S)
        self._output.close()
        await self._pump
        return status

    async def stop(self, grace_s: float) -> int:
        """Ask the child to end (SIGTERM), kill its whole group after `grace_s`; the exit status.

        Cancelled meanwhile, it kills at once, and reads what is left of the output all the same.
        """
        try:
            if self.exit_status is None:
                self._process.terminate()
            async with asyncio.timeout(grace_s):
                await self._process.wait()
        except (TimeoutError, ProcessLookupError):
            pass
        finally:
            self.kill()
            status = await self.wait()
        return status

    def hang_up(self) -> None:
        """SIGHUP to the child alone: to many servers, read your configuration again."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGHUP)

    def kill(self) -> None:
        """SIGKILL to the child and all of its group, now; `wait` still tells the exit status."""
        # The group's id is the child's pid; it is not given to others while the group has members.
        # PermissionError is macOS's answer when only zombies are left.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


class LineSplitter:
    """Lines out of chunks of bytes; what is beyond `LINE_BYTES_MAX` of a line is dropped."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._is_cut = False

    def lines(self, chunk: bytes) -> list[str]:
        """The lines that `chunk` completes."""
        *complete, rest = chunk.split(b"\n")
        done = []
        for piece in complete:
            self._extend(piece)
            done.append(self._take())
        self._extend(rest)
        return done

    def last(self) -> list[str]:
        """The line without an end, if there is one."""
        return [self._take()] if self._rest else []

    def _extend(self, piece: bytes) -> None:
        room = LINE_BYTES_MAX - len(self._rest)
        self._rest += piece[:room]
        self._is_cut = self._is_cut or len(piece) > room

    def _take(self) -> str:
        line = self._rest.removesuffix(b"\r").decode(errors="replace")
        line += _CUT_MARK if self._is_cut else ""
        self._rest.clear()
        self._is_cut = False
        return line


class _Pipe:
    """A pipe to read from in the loop; its descriptor for writing is for a child.

    asyncio's own pipe of a subprocess cannot be closed while a grandchild holds the other end.
    """

    reader: asyncio.StreamReader
    write_end: int

    async def __aenter__(self) -> Self:
        read_end, self.write_end = os.pipe()
        self._is_write_end_open = True
        self._is_kept = False
        self.reader = asyncio.StreamReader()
        self._transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(self.reader),
            os.fdopen(read_end, "rb", buffering=0),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close_write_end()
        if not self._is_kept:
            self.close()

    def keep_open(self) -> None:
        """Leave the reading end to whoever calls `close`."""
        self._is_kept = True

    def close_write_end(self) -> None:
        if self._is_write_end_open:
            os.close(self.write_end)
            self._is_write_end_open = False

    def close(self) -> None:
        # Closing alone does not wake a reader.
        self.reader.feed_eof()
        self._transport.close()


async def _pump(output: asyncio.StreamReader, on_line: Callable[[str], None]) -> None:
    splitter = LineSplitter()
    while chunk := await output.read(_CHUNK_BYTES):
        for line in splitter.lines(chunk):
            on_line(line)
    for line in splitter.last():
        on_line(line)
