"""What the sentinel saw, as it wrote it down, and what it adds to a stall. Pure."""

from collections.abc import Callable

import msgspec

from aiex.performance.loop.stacks import Stack, callback_of
from aiex.performance.loop.stall import FROM_OUTSIDE, Stall, StallKind
from aiex.performance.profile import Frame

type ModuleOf = Callable[[str], str]
type Line = tuple[str, str, int]

STOPPED = ("T", "t")
# Letters of proc(5) that mean work, on a CPU or waiting for one.
RUNNABLE = "R"


class SentinelReport(msgspec.Struct, frozen=True):
    """One look. Written by `sentinel_child.py`, perhaps of another release: all has defaults."""

    life: str = ""
    pid: int = 0
    began_at_s: float = 0.0  # wall clock, when the node was last heard
    silent_s: float = 0.0
    seen_s: float = 0.0  # monotonic clock of the machine
    state: str = "?"  # of the loop's thread, a letter of proc(5)
    wchan: str = ""  # what it waits for in the kernel
    syscall: str = ""  # number of the call it is in, or "running"
    stack: tuple[Line, ...] = ()
    has_interpreter: bool = False
    owner: str = ""  # the thread that has the interpreter, if it is not the loop's
    owner_stack: tuple[Line, ...] = ()
    problem: str = ""
    is_refused: bool = False  # the stack cannot be read here, now or later

    def kind(self) -> StallKind:
        """One look tells a function of C from Python code only when it waits."""
        if self.state in STOPPED:
            return "stopped"
        if self.owner:
            return "kept_out"
        if self.has_interpreter:
            return "runs" if self.state == RUNNABLE else "holds"
        return "waits"

    def detail(self) -> str:
        """What is known besides the stack, in a sentence."""
        said = [f"in the kernel at {self.wchan}"] if self.wchan else []
        if self.problem:
            said.append(self.problem)
        return f"Seen from outside: {'; '.join(said)}." if said else ""


def amended(stall: Stall, report: SentinelReport, module_of: ModuleOf = lambda _: "") -> Stall:
    """The stall with what only one outside could see: a stop, and who had the interpreter."""
    kind = report.kind()
    if kind == "stopped":
        return msgspec.structs.replace(
            stall, kind=kind, observer="sentinel", stack=(), seen_count=0, thread="", detail=""
        )
    changed = msgspec.structs.replace(stall, detail=stall.detail or report.detail())
    stack = _stack(report, module_of)
    has_reason = stall.kind in FROM_OUTSIDE
    is_blind = (not stall.stack and not has_reason) or stall.kind in ("stood_still", "kept_out")
    if not (is_blind and stack):
        return changed
    kind = kind if stall.kind == "stood_still" or not stall.stack else stall.kind
    return msgspec.structs.replace(
        changed,
        kind=kind,
        observer="sentinel",
        stack=stack,
        seen_count=1,
        look_count=1,
        thread=report.owner,
        detail=report.detail(),
    )


def unfinished(report: SentinelReport, module_of: ModuleOf = lambda _: "") -> Stall:
    """A stall that nobody came out of, by the last look at it."""
    stack = _stack(report, module_of)
    return Stall(
        report.began_at_s,
        report.silent_s,
        report.kind(),
        "sentinel",
        stack,
        seen_count=int(bool(stack)),
        look_count=1,
        thread=report.owner,
        is_over=False,
        detail=report.detail(),
    )


def _stack(report: SentinelReport, module_of: ModuleOf) -> Stack:
    lines = report.owner_stack if report.owner else report.stack
    stack = tuple(
        Frame(f"{module_of(file) or _stem(file)}:{name}", file, line) for name, file, line in lines
    )
    return stack if report.owner else callback_of(stack)


def _stem(file: str) -> str:
    return file.rpartition("/")[2].removesuffix(".py")
