"""What a type is called and how large its objects are, without running code of theirs.

A class may answer `__module__`, `__sizeof__` or `__len__` with code of its own; none of it runs.
"""

import sys
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from types import (
    AsyncGeneratorType,
    CodeType,
    CoroutineType,
    FunctionType,
    GeneratorType,
    GetSetDescriptorType,
    ModuleType,
    WrapperDescriptorType,
)
from types import MethodDescriptorType as _CMethod
from typing import Any

from aiex.performance.memory.buffers import BUFFERS

_module_of: Callable[[type], Any] = type.__dict__["__module__"].__get__
_qualname_of: Callable[[type], Any] = type.__dict__["__qualname__"].__get__
_BUILTIN = ("builtins", "")
_LENGTHS: tuple[tuple[type, Callable[[Any], int]], ...] = (
    (list, list.__len__),
    (dict, dict.__len__),
    (set, set.__len__),
    (deque, deque.__len__),
    (SimpleQueue, SimpleQueue.qsize),
    *BUFFERS,
)


def type_name(kind: type) -> str:
    """`pkg.mod:Class`; of the built-in ones the name alone."""
    try:
        module, name = _module_of(kind), _qualname_of(kind)
    except Exception:  # noqa: BLE001 - a type half made or half gone has no name, and is counted all the same
        return "unknown"
    if not isinstance(module, str) or module in _BUILTIN:
        return str(name)
    return f"{module}:{name}"


def code_name(code: CodeType, module: str = "") -> str:
    """`pkg.mod:Class.method`; without the module the file's own name stands for it."""
    return f"{module or code.co_filename.rpartition('/')[2]}:{code.co_qualname}"


def short_file(file: str) -> str:
    """The last two parts of a path, which tell it apart well enough."""
    return "/".join(file.split("/")[-2:])


def function_name(function: FunctionType) -> str:
    module = function.__module__
    return code_name(function.__code__, module if isinstance(module, str) else "")


def running_code(kind: type, one: Any) -> CodeType | None:
    """What a coroutine or generator runs; None of anything else."""
    if kind is CoroutineType:
        return one.cr_code  # type: ignore[no-any-return]
    if kind is GeneratorType:
        return one.gi_code  # type: ignore[no-any-return]
    if kind is AsyncGeneratorType:
        return one.ag_code  # type: ignore[no-any-return]
    return None


def own_size(kind: type) -> Callable[[Any], int]:
    """What measures an object of `kind`, in bytes with the collector's header."""
    method = getattr_static(kind, "__sizeof__")
    if is_a(method, _CMethod, WrapperDescriptorType):
        return sys.getsizeof
    return object.__sizeof__


def is_of_one_size(kind: type) -> bool:
    """Whether all objects of exactly this type are equally large."""
    method = getattr_static(kind, "__sizeof__")
    return kind.__itemsize__ == 0 and method is object.__dict__["__sizeof__"]


def own_length(kind: type) -> Callable[[Any], int] | None:
    """What counts the items of a container that can grow; None of other types."""
    for container, length in _LENGTHS:
        if issubclass_static(kind, container):
            return length
    return None


def issubclass_static(kind: type, other: type) -> bool:
    """By the classes it really has, whatever their metaclass says."""
    return other in type.__dict__["__mro__"].__get__(kind)


def is_a(one: Any, *kinds: type) -> bool:
    """`isinstance`, without asking the object, which may answer `__class__` with code."""
    ancestors = type.__dict__["__mro__"].__get__(type(one))
    return any(kind in ancestors for kind in kinds)


def own_attributes(one: Any) -> dict[Any, Any] | None:
    """An object's `__dict__`, by Python's own way to it and no other."""
    for kind in type.__dict__["__mro__"].__get__(type(one)):
        found = type.__dict__["__dict__"].__get__(kind).get("__dict__")
        if is_a(found, GetSetDescriptorType):
            own = found.__get__(one, type(one))
            return own if is_a(own, dict) else None
        if found is not None:
            return None  # a property of that name, say
    return None


def module_names(module: ModuleType) -> dict[str, Any]:
    """What a module has, without loading one that is lazy."""
    names: dict[str, Any] = vars(ModuleType)["__dict__"].__get__(module)
    return names


def module_name(module: ModuleType) -> str:
    name = module_names(module).get("__name__")
    return name if type(name) is str else "unknown"


def getattr_static(kind: type, name: str) -> Any:
    """What a class says under `name`, its ancestors asked in order; None when none does."""
    for one in type.__dict__["__mro__"].__get__(kind):
        found = type.__dict__["__dict__"].__get__(one).get(name)
        if found is not None:
            return found
    return None
