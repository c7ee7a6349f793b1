"""Whose code an object leads to: a callback's function, a coroutine's, an exception's frame.

For what a library holds on somebody's behalf, a timer or a finalizer, where the library's own lines
say nothing.
"""

import gc
from collections.abc import Sequence
from types import CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any

from aiex.performance.memory.companions import is_library
from aiex.performance.memory.survey import running_frame
from aiex.performance.memory.type_names import code_name, is_a, short_file

STEPS_MAX = 4
OBJECTS_MAX = 500


def origin(items: Sequence[Any]) -> str:
    """`pkg.mod:function (file.py:12)` of the first code that is not Python's library's, or nothing.

    What items come to that is not theirs alone is no origin, so the nearest counts.
    """
    seen: set[int] = set()
    front = list(items)
    for _ in range(STEPS_MAX):
        behind: list[Any] = []
        for one in front:
            if id(one) in seen or len(seen) > OBJECTS_MAX or is_a(one, type, ModuleType):
                continue
            seen.add(id(one))
            found = _own_code(one)
            if found:
                return found
            behind += _behind(one)
        front = behind
    return ""


def _own_code(one: Any) -> str:
    if type(one) is FunctionType:
        return _told(one.__code__, one.__module__)
    frame = running_frame(one)
    return _told(frame.f_code, frame.f_globals.get("__name__")) if frame is not None else ""


def _told(code: CodeType, module: Any) -> str:
    if type(module) is not str or is_library(module):
        return ""
    return f"{code_name(code, module)} ({short_file(code.co_filename)}:{code.co_firstlineno})"


def _behind(one: Any) -> list[Any]:
    kind = type(one)
    if kind is FunctionType:
        return [cell.cell_contents for cell in one.__closure__ or () if _is_full(cell)]
    if kind is MethodType:
        return [one.__func__]  # not the object that has it, nor all that one knows
    if kind is FrameType:
        return [one.f_back] if one.f_back is not None else []
    return gc.get_referents(one)


def _is_full(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False
