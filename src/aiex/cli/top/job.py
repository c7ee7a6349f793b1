"""Another command of `aiex` that runs beside the screen: a profile, or a trace, into a file.

It is a process, so that what it does is what the same command does when typed, and so that it can
be ended as one ends it: by SIGINT, after which it tells what it has.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

END_S = 5.0
# What it prints is short; only its last line is shown.
TAIL_BYTES = 4096


class Job:
    """`file` is where its output goes, None when it writes one itself."""

    def __init__(
        self,
        what: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        file: Path | None = None,
    ) -> None:
        self.what = what
        self.arguments = tuple(arguments)
        self._environment = environment
        self._file = file
        self._process: asyncio.subprocess.Process | None = None

    async def run(self) -> str:
        """Until it ends; what came of it, in a line. Raises `OSError` when it cannot be started."""
        with contextlib.ExitStack() as files:
            output = files.enter_context(_new_file(self._file)) if self._file else None
            self._process = process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "aiex",
                *self.arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output or asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=self._environment,
            )
            printed, _ = await process.communicate()
        if self._file is None:
            return _last_line(printed)
        said = _last_line(self._file.read_bytes()[-TAIL_BYTES:])
        return f"{self._file}: {said}"

    async def end(self) -> None:
        """As Ctrl-C would; one that does not go is killed."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGINT)
        try:
            async with asyncio.timeout(END_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _new_file(path: Path) -> BinaryIO:
    """For its owner only; raises `FileExistsError` rather than write over something."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _last_line(printed: bytes) -> str:
    lines = printed.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
