"""The sentinel's side in the node: runs the child that looks from outside, takes what it saw.

The child may read this process's memory, as py-spy does it (process_vm_readv), when it has the
same user and, under Yama's `ptrace_scope` 1, when this process says so: `PR_SET_PTRACER` names
the sentinel, its own children included, and nobody else. No capability is needed. Where the
kernel refuses all the same (`ptrace_scope` 2 and 3, a seccomp profile) the sentinel goes without
the stack and says so.
"""

import contextlib
import ctypes
import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from aiex.child_process import ChildProcess
from aiex.errors import AiexError
from aiex.events import Emit
from aiex.performance.loop.events import EarlierStallFound, SentinelLimited
from aiex.performance.loop.sentinel_report import ModuleOf, SentinelReport, unfinished
from aiex.performance.loop.stall import Stall
from aiex.service import Ready

# Imported by its own name, so that its bytecode is used: compiling it would leave the child a
# third larger for all its life. Nothing of the package is.
RUN = "import sys; sys.path.append(sys.argv.pop(1)); from sentinel_child import main; main()"
PYTHON = (sys.executable, "-I", "-S", "-E")
FILE = "stall.json"
# A node this late answers nobody: worth a process that reads its stack.
AFTER_S = 1.0
# A liveness probe waits for longer; whoever reads the log should know before it strikes.
LOST_AFTER_S = 8.0
STOP_GRACE_S = 0.2
PR_SET_PTRACER = 0x59616D61  # linux/prctl.h
FILE_BYTES_MAX = 64 * 1024


class SentinelEnded(AiexError):
    """The sentinel's process ended."""


class Sentinel:
    """`seen` gets each look of the child at this node, once the loop turns again."""

    name = "performance.sentinel"

    def __init__(
        self,
        data_dir: Path,
        seen: Callable[[SentinelReport], None],
        *,
        node: str,
        life: str,
        emit: Emit,
        spy: Callable[[], str] = lambda: spy_path(),
        after_s: float = AFTER_S,
        lost_after_s: float = LOST_AFTER_S,
    ) -> None:
        """`life` is another for each process, so that what an earlier one left is told apart."""
        self._file = data_dir / FILE
        self._seen = seen
        self._node = node
        self._life = life
        self._emit = emit
        self._spy = spy
        self._after_s = after_s
        self._lost_after_s = lost_after_s
        self._child: ChildProcess | None = None
        self._beats: int | None = None
        self._problem = ""
        self.earlier: Stall | None = None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None else None

    def sentence(self) -> str:
        """How it is now."""
        if self._child is None:
            return "The sentinel does not run."
        if self._problem:
            return f"The sentinel watches, but cannot read stacks: {self._problem}."
        return "The sentinel watches and reads stacks from outside."

    def beat(self) -> None:
        """The loop turns."""
        self._say(b".")

    def pause(self) -> None:
        """No beat is to be waited for."""
        self._say(b"p")

    async def run(self, ready: Ready) -> None:
        """Raises `SentinelEnded` when its process ends; ready at once, as nobody waits for it."""
        ready()
        self._take_what_is_left()
        spy = self._spy()
        self._limit("" if spy else "py-spy is not installed")
        read_end, write_end = os.pipe()
        os.set_blocking(write_end, False)
        self._beats = write_end
        try:
            child = await self._spawn(read_end, spy)
            self._child = child
            _let_read(child.pid)
            raise SentinelEnded(f"The sentinel ended with status {await child.wait()}.")
        finally:
            self._beats = None
            os.close(write_end)
            if self._child is not None:
                _let_read(0)
                await self._child.stop(STOP_GRACE_S)
                self._child = None

    async def _spawn(self, read_end: int, spy: str) -> ChildProcess:
        """The child, with the end of the pipe that is its own from now on."""
        log = os.dup(sys.__stderr__.fileno() if sys.__stderr__ is not None else 2)
        facts = {
            "node": self._node,
            "life": self._life,
            "pid": os.getpid(),
            "tid": threading.get_native_id(),
            "beats": read_end,
            "log": log,
            "after_s": self._after_s,
            "lost_after_s": self._lost_after_s,
            "file": self._file,
            "spy": spy,
        }
        arguments = [f"{name}={value}" for name, value in facts.items()]
        try:
            return await ChildProcess.spawn(
                [*PYTHON, "-c", RUN, str(Path(__file__).parent), *arguments],
                on_line=self._read,
                pass_fds=(read_end, log),
                env={},
            )
        finally:
            os.close(read_end)
            os.close(log)

    def _read(self, line: str) -> None:
        report = _report(line.encode())
        if report is None:
            return
        if report.is_refused or report.stack:
            self._limit(report.problem)
        self._seen(report)

    def _limit(self, problem: str) -> None:
        if problem and problem != self._problem:
            self._emit(SentinelLimited(problem))
        self._problem = problem

    def _take_what_is_left(self) -> None:
        """What a sentinel wrote of a stall and did not live to delete: of this life or another."""
        try:
            content = self._file.read_bytes()[:FILE_BYTES_MAX]
            self._file.unlink()
        except OSError:
            return
        report = _report(content)
        if report is None:
            return
        if report.life == self._life:
            self._seen(report)
            return
        self.earlier = unfinished(report, module_of())
        self._emit(EarlierStallFound(self.earlier))

    def _say(self, word: bytes) -> None:
        if self._beats is not None:
            # A sentinel that is stopped or gone hears nothing, and nothing depends on it.
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                os.write(self._beats, word)


def standing_stall(data_dir: Path, pid: int, module_of: ModuleOf) -> Stall | None:
    """What the sentinel of a node saw of a stall that is not over; None while its loop turns.

    For another process than the node's: nothing is taken away.
    """
    try:
        report = _report((data_dir / FILE).read_bytes()[:FILE_BYTES_MAX])
    except OSError:
        return None
    return unfinished(report, module_of) if report is not None and report.pid == pid else None


def spy_path() -> str:
    """Where py-spy is: beside this interpreter, or on PATH; empty when it is nowhere."""
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if os.access(beside, os.X_OK) else shutil.which("py-spy") or ""


def module_of() -> ModuleOf:
    """By a source file the name of the module that was loaded from it."""
    names = {
        file: name
        for name, module in list(sys.modules.items())
        if isinstance(file := getattr(module, "__file__", None), str)
    }
    return lambda file: names.get(file, "")


def _report(content: bytes) -> SentinelReport | None:
    try:
        return msgspec.json.decode(content, type=SentinelReport)
    except msgspec.DecodeError:
        return None


def _let_read(pid: int) -> None:
    """Under Yama let this process and its children read our memory; 0: nobody any more."""
    if sys.platform == "linux":
        # EINVAL where there is no Yama: then nobody needs to be let.
        ctypes.CDLL(None).prctl(PR_SET_PTRACER, pid, 0, 0, 0)
