"""From `pkg.mod:Class.method` to the code that runs when it is called. Nothing is imported or run.

Found are functions, methods (inherited ones too), properties, class and static methods, what
decorators wrap, and functions within functions by their `<locals>` path, lambdas among them.

Limits: only what is written in Python has code to watch. A module that was loaded again has new
functions: those are found, and who still holds an old one is not seen.
"""

import inspect
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cached_property, partial, partialmethod, singledispatchmethod
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

WRAPPERS_MAX = 32
NESTED_MAX = 10_000
LISTED_MAX = 5

type Modules = Mapping[str, ModuleType]

_NOTHING = object()
_LOCALS = ".<locals>."


class TargetUnknown(LookupError):
    """There is no such function; the text says what there is."""


class Found(NamedTuple):
    """`note` says what of it may surprise; empty for a plain function."""

    name: str  # pkg.mod:qualified.name
    module: str
    code: CodeType
    note: str = ""


def find(target: str, modules: Modules) -> list[Found]:
    """Every function that is meant, one at least; raises `TargetUnknown`."""
    module_name, separator, path = target.partition(":")
    if not module_name or not separator or not path:
        raise TargetUnknown(_without_colon(target, modules))
    module = modules.get(module_name)
    if not isinstance(module, ModuleType):
        raise TargetUnknown(_module_unknown(module_name, modules))
    outer, nested, _ = path.partition(_LOCALS)
    *owners, last = outer.split(".")
    if "*" in last and not nested:
        found = list(_matching(module, owners, last))
    else:
        found = _found(module, module, outer)
    if nested:
        found = _nested(found, path)
    unique = {id(one.code): one for one in found}
    return list(unique.values())


def _found(module: ModuleType, start: object, path: str) -> list[Found]:
    owner, value = None, start
    for part in path.split("."):
        owner, value = value, _member(value, part)
        if value is _NOTHING:
            raise TargetUnknown(_member_unknown(module, owner, part, path))
    if isinstance(value, type):
        raise TargetUnknown(_is_class(module, path, value))
    found = list(_functions(module.__name__, value, _inherited(owner, path.rpartition(".")[2])))
    if not found:
        raise TargetUnknown(_no_function(module, path, value))
    return [_told_of_others(one, path) for one in found]


def _told_of_others(found: Found, path: str) -> Found:
    """A decorator without `functools.wraps` made it, and all else that it decorates runs it too."""
    made_by, is_made, _ = found.code.co_qualname.rpartition(_LOCALS)
    if not is_made or found.code.co_qualname == path:
        return found
    note = f"made by {made_by}: calls of all that it made are seen"
    return found._replace(note="; ".join(filter(None, [found.note, note])))


def _functions(module: str, value: Any, note: str = "") -> Iterator[Found]:
    """The functions that run when this is called or read, inside of what wraps them."""
    notes = [note] if note else []
    for _ in range(WRAPPERS_MAX):
        if isinstance(value, property):
            accessors = {"getter": value.fget, "setter": value.fset, "deleter": value.fdel}
            for what, accessor in accessors.items():
                if accessor is not None:
                    yield from _functions(module, accessor, "; ".join([*notes, what]))
            return
        inside, what = _inside(value)
        if inside is _NOTHING:
            break
        if what and what not in notes:
            notes.append(what)
        value = inside
    if isinstance(value, FunctionType):
        code = value.__code__
        home = value.__module__ if isinstance(value.__module__, str) else module
        yield Found(f"{home}:{code.co_qualname}", home, code, "; ".join(notes))


def _inside(value: Any) -> tuple[Any, str]:
    if isinstance(value, FunctionType):
        wrapped = value.__dict__.get("__wrapped__", _NOTHING)
        return wrapped, "decorated: the function inside is seen, when it is called"
    if isinstance(value, classmethod | staticmethod | MethodType):
        return value.__func__, ""
    if isinstance(value, cached_property):
        return value.func, "runs once for each object"
    if isinstance(value, partial | partialmethod | singledispatchmethod):
        return value.func, ""
    if isinstance(value, type):
        return _NOTHING, ""
    wrapped = inspect.getattr_static(value, "__wrapped__", _NOTHING)
    if wrapped is not _NOTHING:
        return wrapped, "decorated: the function inside is seen, when it is called"
    call = inspect.getattr_static(type(value), "__call__", _NOTHING)
    is_own = isinstance(call, FunctionType) and not isinstance(value, FunctionType)
    return (call, "an object that is called") if is_own else (_NOTHING, "")


def _member(owner: object, name: str) -> Any:
    if isinstance(owner, ModuleType):
        return owner.__dict__.get(name, _NOTHING)
    return inspect.getattr_static(owner, name, _NOTHING)


def _inherited(owner: object, name: str) -> str:
    if not isinstance(owner, type) or name in owner.__dict__:
        return ""
    above = next((one for one in owner.__mro__ if name in one.__dict__), None)
    if above is None:
        return ""
    return f"inherited from {above.__qualname__}: calls of all its classes are seen"


def _matching(module: ModuleType, owners: list[str], pattern: str) -> Iterator[Found]:
    """Functions of the module or class itself, none that are imported or inherited."""
    owner: Any = module
    for part in owners:
        owner = _member(owner, part)
    if not isinstance(owner, ModuleType | type):
        raise TargetUnknown(
            f"{module.__name__}:{'.'.join(owners)} is neither a module nor a class."
        )
    is_found = False
    for name, value in list(owner.__dict__.items()):
        is_special = name.startswith("__") and not pattern.startswith("__")
        if isinstance(value, type) or is_special or not fnmatchcase(name, pattern):
            continue
        for one in _functions(module.__name__, value):
            if one.module == module.__name__:
                is_found = True
                yield one
    if not is_found:
        raise TargetUnknown(f"No function of {module.__name__} is like '{pattern}'.")


def _nested(outers: list[Found], path: str) -> list[Found]:
    """Code of functions within functions lies among the constants of the outer one's code."""
    rest = path.partition(_LOCALS)[2]
    found = []
    near: set[str] = set()
    for outer in outers:
        prefix = outer.code.co_qualname + _LOCALS
        for code in _codes_in(outer.code):
            near.add(code.co_qualname.removeprefix(prefix))
            if code.co_qualname == prefix + rest:
                found.append(Found(f"{outer.module}:{code.co_qualname}", outer.module, code))
    if not found:
        raise TargetUnknown(
            f"There is no function '{rest}' in {outers[0].name}{_did_you_mean(rest, near)}"
        )
    return [one._replace(note="one of several") for one in found] if len(found) > 1 else found


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    stack = [code]
    for _ in range(NESTED_MAX):
        if not stack:
            return
        for constant in stack.pop().co_consts:
            if isinstance(constant, CodeType):
                yield constant
                stack.append(constant)


def _without_colon(target: str, modules: Modules) -> str:
    parts = target.rstrip(":").split(".")
    for length in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:length])
        if module in modules:
            return (
                f"A target is like pkg.mod:Class.method, with a colon behind the module. Did you "
                f"mean '{module}:{'.'.join(parts[length:])}'?"
            )
    return f"A target is like pkg.mod:Class.method, with a colon behind the module, not '{target}'."


def _module_unknown(name: str, modules: Modules) -> str:
    near = get_close_matches(name, modules, n=3, cutoff=0.75)
    last = name.rpartition(".")[2]
    near += [one for one in modules if one.rpartition(".")[2] == last and one not in near]
    hint = f" Did you mean {' or '.join(near[:LISTED_MAX])}?" if near else ""
    return f"The module '{name}' is not imported in this node, and tracing imports nothing.{hint}"


def _no_function(module: ModuleType, path: str, value: object) -> str:
    if isinstance(value, ModuleType):
        return f"{module.__name__}:{path} is a module; name one of its functions: '{path}:…'."
    return (
        f"{module.__name__}:{path} is of type {type(value).__name__}; only functions written in "
        "Python can be traced: name one that calls it."
    )


def _member_unknown(module: ModuleType, owner: object, part: str, path: str) -> str:
    names = _names_in(owner)
    where = module.__name__
    if inner := _nested_called(part, owner):
        return f"There is no '{part}' in {where} itself. Did you mean '{where}:{inner}'?"
    if owner is not module:
        where += ":" + path.rpartition(f".{part}")[0]
    return f"There is no '{part}' in {where}{_did_you_mean(part, names)}"


def _nested_called(name: str, owner: object) -> str:
    """The path of a function within a function of that owner, or of the function that it is."""
    outers = owner.__dict__.values() if isinstance(owner, ModuleType | type) else [owner]
    for outer in list(outers):
        if isinstance(outer, FunctionType):
            for code in _codes_in(outer.__code__):
                if code.co_name == name:
                    return code.co_qualname
    return ""


def _is_class(module: ModuleType, path: str, value: type) -> str:
    methods = [name for name, one in value.__dict__.items() if next(_functions("", one), None)]
    listed = ", ".join(methods[:LISTED_MAX]) + (", …" if len(methods) > LISTED_MAX else "")
    return (
        f"{module.__name__}:{path} is a class; name one of its methods"
        f"{f' ({listed})' if methods else ''}, or '{path}.*' for all of them."
    )


def _names_in(owner: object) -> set[str]:
    if isinstance(owner, ModuleType):
        return set(owner.__dict__)
    kind = owner if isinstance(owner, type) else type(owner)
    return {name for one in kind.__mro__ for name in one.__dict__}


def _did_you_mean(name: str, names: set[str]) -> str:
    near = get_close_matches(name, names, n=2, cutoff=0.6)
    return f". Did you mean '{near[0]}'?" if near else "."
