"""Which function a line of a file is in, by the code that is loaded; no file is read."""

import sys
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from aiex.performance.memory.type_names import is_a, module_name, module_names, type_name

FILES_MAX = 512
OWN = "aiex.performance.memory."  # what looking makes itself


class Place(NamedTuple):
    """`line` is where the function begins."""

    function: str
    file: str
    line: int


class Functions:
    """Remembers the functions of the files it was asked about."""

    def __init__(self) -> None:
        self._by_file: dict[str, list[tuple[int, int, str]]] = {}
        self._modules: dict[str, list[str]] = {}  # their names, by file
        self._module_count = 0

    def at(self, file: str, line: int) -> Place:
        """The innermost function there; the module's own code when it is in none."""
        found = self._by_file.get(file)
        if found is None:
            if len(self._by_file) >= FILES_MAX:
                self._by_file.clear()
            found = self._by_file[file] = list(_spans(file, self._modules_of(file)))
        inside = [one for one in found if one[0] <= line <= one[1]]
        if not inside:
            return Place(f"{_short(file)}:<module>", file, 1)
        first, _, name = max(inside)
        return Place(name, file, first)

    def _modules_of(self, file: str) -> list[str]:
        if len(sys.modules) != self._module_count:
            self._modules, self._module_count = {}, len(sys.modules)
            for name, module in list(sys.modules.items()):
                own = module_names(module).get("__file__") if is_a(module, ModuleType) else None
                if type(own) is str:
                    self._modules.setdefault(own, []).append(name)
        return self._modules.get(file, [])


def _spans(file: str, names: Iterable[str]) -> Iterator[tuple[int, int, str]]:
    for module in filter(None, map(sys.modules.get, names)):
        if is_a(module, ModuleType) and module_names(module).get("__file__") == file:
            for code in module_codes(module):
                lines = [line for _, _, line in code.co_lines() if line]
                if lines:
                    name = f"{module_name(module)}:{code.co_qualname}"
                    yield code.co_firstlineno, max(lines), name


def module_codes(module: ModuleType) -> Iterator[CodeType]:
    """Of all functions a module defines, in classes and in each other too."""
    file = module_names(module).get("__file__")
    waiting: list[Any] = list(module_names(module).values())
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if type(one) is CodeType:
            if one.co_filename == file:
                yield one
                waiting += one.co_consts
        else:
            waiting += _inside(one, module_name(module))


def _inside(one: Any, module: str) -> list[Any]:
    kind = type(one)
    if kind is FunctionType:
        wrapped = one.__dict__.get("__wrapped__")
        return [one.__code__, wrapped] if wrapped is not None else [one.__code__]
    if kind in (staticmethod, classmethod):
        return [one.__func__]
    if kind is property:
        return [one.fget, one.fset]
    if is_a(one, type) and type_name(one).partition(":")[0] == module:
        return list(type.__dict__["__dict__"].__get__(one).values())
    return []


def _short(file: str) -> str:
    return file.rpartition("/")[2]
