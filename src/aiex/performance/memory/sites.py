"""Where a container gets its items, and whether it loses them there: read off the loaded code.

Nothing runs slower for it. Looked for is what takes the holder's name and then adds to it, in code
of the holder's own module first, then in all; where nothing does, what makes a new value of the old
one: `log += line`, `self._rows = {**self._rows, …}`.
"""

import asyncio
import sys
from collections.abc import Iterator
from itertools import chain
from types import CodeType, ModuleType

from aiex.performance.memory.census import Rest
from aiex.performance.memory.functions import module_codes
from aiex.performance.memory.survey import running_frame
from aiex.performance.memory.type_names import is_a, module_name, short_file
from aiex.performance.memory.uses import ADDING, REMAKES, REMOVING, uses

FOUND_MAX = 8
MODULES_A_CHUNK = 20
_MAKING = frozenset({REMAKES})


async def sites(name: str, module: str, rest: Rest) -> list[str]:
    """`pkg.mod:function (file.py:12)`, in the order of the code; empty when none is found."""
    if not name:
        return []
    own = sys.modules.get(module)
    if own is not None and (found := list(_adding(own, name))):
        return found[:FOUND_MAX]
    found = []
    for number, other in enumerate(list(sys.modules.values())):
        if number % MODULES_A_CHUNK == 0:
            await rest(0.0)
        if is_a(other, ModuleType) and other is not own:
            found += _adding(other, name)
        if len(found) >= FOUND_MAX:
            break
    return found[:FOUND_MAX]


def is_emptied(name: str, module: str, owner: str = "") -> bool:
    """Whether whoever adds to what is called so removes from it too, or keeps it below a length.

    That is, the same function does, or one that it names, or a task that runs. What removes and
    is never called says nothing: an `unsubscribe`, say. Where methods of the class `owner` add,
    others who do so count for nothing: `logging.basicConfig` puts away old handlers,
    `Logger.addHandler` does not.
    """
    own = sys.modules.get(module)
    if own is None or not name:
        return False
    codes = list(module_codes(own))
    adders = [code for code in codes if _first_line(code, name, ADDING | _MAKING)]
    own_adders = [code for code in adders if owner and code.co_qualname.startswith(f"{owner}.")]
    removers = [
        code for code in codes if code.co_name != "__init__" and _first_line(code, name, REMOVING)
    ]
    if not removers:
        return False
    # Tasks come last, and mostly not at all: to list them stops the loop for longer, the more.
    callers = chain(own_adders or adders, _running_codes(module))
    return any(_reaches(caller, remover) for caller in callers for remover in removers)


def _reaches(caller: CodeType, remover: CodeType) -> bool:
    """The same, a function inside of it, or one whose name it has."""
    return (
        caller is remover
        or remover.co_qualname.startswith(f"{caller.co_qualname}.<locals>")
        or remover.co_name in caller.co_names
    )


def _running_codes(module: str) -> Iterator[CodeType]:
    for task in asyncio.all_tasks():
        frame = running_frame(task.get_coro())
        if frame is not None and frame.f_globals.get("__name__") == module:
            yield frame.f_code


def _adding(module: ModuleType, name: str) -> Iterator[str]:
    codes = list(module_codes(module))
    for verbs in (ADDING, _MAKING):
        found = [(code, line) for code in codes if (line := _first_line(code, name, verbs))]
        for code, line in found:
            file = short_file(code.co_filename)
            yield f"{module_name(module)}:{code.co_qualname} ({file}:{line})"
        if found:
            return


def _first_line(code: CodeType, name: str, verbs: frozenset[str]) -> int:
    """0 where it does none of these."""
    return next((use.line for use in uses(code, name) if use.verb in verbs), 0)
