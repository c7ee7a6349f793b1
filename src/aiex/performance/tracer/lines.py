"""Lines of a trace: kept in the least time while the traced call waits, made when they are read."""

from collections.abc import Callable, Mapping
from types import FrameType
from typing import NamedTuple

from aiex.performance.tracer import portrait
from aiex.performance.tracer.plain_attribute import NOTHING, name_of
from aiex.performance.tracer.privacy import Privacy
from aiex.performance.tracer.requests import LineKind, Shown, ShownArgument, TraceLine
from aiex.performance.tracer.watched import Watched
from aiex.work import NOBODY, Work

STACK_MAX = 12
# Longer texts are shown as lengths, and would only take room.
KEPT_CHARS_MAX = 200


class OpenCall:
    """A call that has begun, and is followed to its end.

    Times are of `perf_counter_ns`; `resumed_ns` is 0 while it is suspended.
    """

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
    """Values are such as `taken` made of them."""

    n: int
    kind: LineKind
    at_ns: int
    number: int  # of the call
    watched: Watched
    args: list[object] | None
    value: object = NOTHING
    took_ns: int = 0
    ran_ns: int = 0
    pauses: int = 0
    stack: tuple[str, ...] = ()
    work: Work = NOBODY
    thread: int = 0


class Ready(str):
    """A text that is shown as it is."""

    __slots__ = ()


def arguments(watched: Watched, frame: FrameType, shows: Shown) -> list[object]:
    """What is to be shown of each, in their order."""
    values = watched.arguments(frame)
    if shows == "types":
        return [type(values.get(name, NOTHING)) for name in watched.names_shown]
    return [
        taken(values.get(name, NOTHING), privacy, shows, watched.is_carrier)
        for name, privacy in zip(watched.names_shown, watched.privacies, strict=True)
    ]


def taken(value: object, privacy: Privacy, shows: Shown, is_carried: bool) -> object:
    """As much of a value as may be shown: what cannot change any more by itself, all else as text.

    A text that is made while the traced call waits is work that can as well be done when it is
    read; so numbers and short texts are kept.
    """
    if shows == "types":
        return type(value)
    if shows == "args":
        return Ready(portrait.typed(value, privacy))
    kind = type(value)
    if kind is int or kind is float or kind is bool or value is None:
        return value
    if kind is str and len(value) <= KEPT_CHARS_MAX:  # type: ignore[arg-type]
        return value
    return Ready(portrait.shown(value, privacy, is_carried=is_carried))


def told(line: KeptLine, wall_s: Callable[[int], float], threads: Mapping[int, str]) -> TraceLine:
    """As it is read; `threads` are those that still go by a name."""
    watched = line.watched
    names_and_values = zip(watched.names_shown, watched.privacies, line.args or (), strict=False)
    value = line.value
    return TraceLine(
        n=line.n,
        call=line.number,
        kind=line.kind,
        function=watched.name,
        at_s=wall_s(line.at_ns),
        args=tuple(_argument(*one, watched.is_carrier) for one in names_and_values)
        + (_further(watched) if line.args else ()),
        value="" if value is NOTHING else _text(value, watched.returned, watched.is_carrier),
        took_ms=round(line.took_ns / 1e6, 3),
        ran_ms=round(line.ran_ns / 1e6, 3),
        pauses=line.pauses,
        stack=line.stack,
        thread=threads.get(line.thread, ""),
        service=line.work.service,
        route=line.work.route,
        model=line.work.model,
    )


def _argument(name: str, privacy: Privacy, value: object, is_carried: bool) -> ShownArgument:
    return ShownArgument("" if isinstance(value, type) else name, _text(value, privacy, is_carried))


def _further(watched: Watched) -> tuple[ShownArgument, ...]:
    """That there are more than are shown."""
    count = len(watched.names) - len(watched.names_shown)
    return (ShownArgument("", f"… {count} more"),) if count else ()


def _text(value: object, privacy: Privacy, is_carried: bool) -> str:
    if isinstance(value, type):
        return name_of(value)
    if type(value) is Ready:
        return str(value)
    return portrait.shown(value, privacy, is_carried=is_carried)


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
