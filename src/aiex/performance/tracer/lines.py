"""Lines of a trace: kept in the least time while the traced call waits, made when they are read."""

from collections.abc import Callable, Mapping
from threading import get_ident
from types import FrameType
from typing import NamedTuple

from aiex.performance.tracer import portrait
from aiex.performance.tracer.plain_attribute import NOTHING, type_name
from aiex.performance.tracer.requests import LineKind, Shown, ShownArgument, TraceLine
from aiex.performance.tracer.watched import Watched
from aiex.work import Work, current_work

STACK_MAX = 12


class OpenCall:
    """A call that has begun. Times are of `perf_counter_ns`; `resumed_ns` is 0 while suspended."""

    __slots__ = ("began_ns", "is_shown", "number", "pauses", "ran_ns", "resumed_ns", "watched")

    def __init__(self, number: int, watched: Watched, began_ns: int, *, is_shown: bool) -> None:
        self.number = number
        self.watched = watched
        self.began_ns = began_ns
        self.resumed_ns = began_ns
        self.ran_ns = 0
        self.pauses = 0
        self.is_shown = is_shown

    def pause(self, now_ns: int) -> None:
        if self.resumed_ns:
            self.ran_ns += now_ns - self.resumed_ns
            self.resumed_ns = 0


class KeptLine(NamedTuple):
    n: int
    call: OpenCall
    kind: LineKind
    at_ns: int
    pauses: int
    args: list[tuple[str, str]]
    value: str
    stack: tuple[str, ...]
    work: Work
    thread: int


def kept(
    n: int,
    call: OpenCall,
    kind: LineKind,
    at_ns: int,
    args: list[tuple[str, str]],
    value: str = "",
    stack: tuple[str, ...] = (),
) -> KeptLine:
    """With on whose behalf the calling code runs, and in which thread."""
    return KeptLine(
        n, call, kind, at_ns, call.pauses, args, value, stack, current_work.get(), get_ident()
    )


def told(line: KeptLine, wall_s: Callable[[int], float], threads: Mapping[int, str]) -> TraceLine:
    """As it is read; `threads` are those that still go by a name."""
    call = line.call
    is_over = line.kind in ("return", "raise")
    return TraceLine(
        n=line.n,
        call=call.number,
        kind=line.kind,
        function=call.watched.name,
        at_s=wall_s(line.at_ns),
        args=tuple(ShownArgument(name, text) for name, text in line.args),
        value=line.value,
        took_ms=round((line.at_ns - call.began_ns) / 1e6, 3) if is_over else 0.0,
        ran_ms=round(call.ran_ns / 1e6, 3) if is_over else 0.0,
        pauses=line.pauses,
        stack=line.stack,
        thread=threads.get(line.thread, ""),
        service=line.work.service,
        route=line.work.route,
        model=line.work.model,
    )


def arguments(watched: Watched, frame: FrameType, shows: Shown) -> list[tuple[str, str]]:
    """Name and text of each, as far as `shows` and privacy let them be seen."""
    values = watched.arguments(frame)
    if shows == "types":
        return [("", type_name(values.get(name, NOTHING))) for name, _ in watched.arguments_shown]
    if shows == "args":
        return [
            (name, portrait.typed(values.get(name, NOTHING), privacy))
            for name, privacy in watched.arguments_shown
        ]
    is_carried = watched.is_carrier
    return [
        (name, portrait.shown(values.get(name, NOTHING), privacy, is_carried=is_carried))
        for name, privacy in watched.arguments_shown
    ]


def ending(watched: Watched, kind: LineKind, value: object, shows: Shown) -> str:
    """What came back; of an exception its type, since its message may quote what was sent."""
    if kind == "raise" or shows == "types":
        return type_name(value)
    if shows == "args":
        return portrait.typed(value, watched.returned)
    return portrait.shown(value, watched.returned, is_carried=watched.is_carrier)


def stack(frame: FrameType) -> tuple[str, ...]:
    """Who called, innermost first; of a coroutine those who await it."""
    calls: list[str] = []
    above = frame.f_back
    while above is not None and len(calls) < STACK_MAX:
        module = above.f_globals.get("__name__")
        module = module if type(module) is str else "?"
        calls.append(f"{module}:{above.f_code.co_qualname} line {above.f_lineno}")
        above = above.f_back
    return tuple(calls)
