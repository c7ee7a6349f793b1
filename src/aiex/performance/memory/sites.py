"""Where a container gets its items, read off the code that is loaded: nothing runs slower for it.

Looked for are lines that take the holder's name and then add to it: `self._rows.append(…)`,
`CACHE[key] = …`. Code of the holder's own module is looked at first, then all.
"""

import dis
import sys
from collections.abc import Iterator
from types import CodeType, ModuleType

from aiex.performance.memory.census import Rest
from aiex.performance.memory.functions import module_codes
from aiex.performance.memory.type_names import is_a, module_name, short_file

ADDING = frozenset(
    (
        "add",
        "append",
        "appendleft",
        "extend",
        "extendleft",
        "insert",
        "put",
        "put_nowait",
        "setdefault",
        "update",
        "write",
    )
)
# From the name to what adds there is not much between: an index, an argument or two.
REACH = 6
FOUND_MAX = 8
MODULES_A_CHUNK = 20


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


def _adding(module: ModuleType, name: str) -> Iterator[str]:
    for code in module_codes(module):
        names = (code.co_names, code.co_freevars, code.co_cellvars, code.co_varnames)
        if any(name in one for one in names) and (line := _adding_line(code, name)):
            file = short_file(code.co_filename)
            yield f"{module_name(module)}:{code.co_qualname} ({file}:{line})"


def _adding_line(code: CodeType, name: str) -> int:
    """The first line that adds to what is called so; 0 when there is none."""
    left, line = 0, 0
    for step in dis.get_instructions(code):
        if step.argval == name and step.opname.startswith("LOAD"):
            left, line = REACH, step.positions.lineno or 0 if step.positions else 0
        elif left:
            left -= 1
            if step.opname == "STORE_SUBSCR" or (
                step.argval in ADDING and step.opname in ("LOAD_ATTR", "LOAD_METHOD")
            ):
                return line
    return 0
