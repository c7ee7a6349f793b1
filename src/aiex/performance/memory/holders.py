"""Who has a container, in words: `attribute _rows of pkg.mod:Class`, `pkg.mod.NAME`, …

The way that a survey found is read from its end: up to what has a name. Names of attributes and
variables are shown, keys and values never.
"""

from collections import deque
from functools import lru_cache, partial
from types import (
    CellType,
    FrameType,
    FunctionType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any, NamedTuple

from aiex.performance.memory.leak import LeakKind
from aiex.performance.memory.survey import Container, Link, running_frame
from aiex.performance.memory.type_names import (
    code_name,
    function_name,
    is_a,
    issubclass_static,
    module_name,
    own_attributes,
    short_file,
    type_name,
)

STEPS_MAX = 6
_CacheType = type(lru_cache(maxsize=1)(len))


class Holder(NamedTuple):
    """`cap` is what a container is kept to by whoever made it; None: nothing that can be seen."""

    text: str
    kind: LeakKind = "container"
    cap: int | None = None
    name: str = ""  # of the attribute or variable
    module: str = ""  # where that is defined
    owner: str = ""  # the class whose attribute it is, as that module calls it
    site: str = ""  # where it gets its items, where the holder itself says it


def holder(container: Container) -> Holder:
    """Who has it."""
    own_cap = _maxlen(container.one) if is_a(container.one, deque) else None
    found = _named(container.one, container.one, container.before, STEPS_MAX)
    return found._replace(cap=own_cap) if own_cap is not None else found


def way_text(link: Link) -> str:
    """Who has an object that a survey was to look for."""
    return _named(link.one, link.one, link.before, STEPS_MAX).text


def _maxlen(one: Any) -> int | None:
    return deque.__dict__["maxlen"].__get__(one)  # type: ignore[no-any-return]


def _named(container: Any, child: Any, link: Link | None, steps: int) -> Holder:
    if link is None or steps == 0:
        return Holder(f"a {type_name(type(child))}, nobody with a name")
    parent, before = link
    if type(parent) is dict and before is not None:
        found = _in_dict(container, child, parent, before, steps)
    elif type(parent) in (tuple, list, CellType, MethodType, partial):
        found = _named(container, parent, before, steps - 1)
    else:
        found = _directly(container, child, parent)
    if found is not None:
        return found
    above = _named(container, parent, before, steps - 1)
    return above._replace(text=f"inside {_a(type_name(type(parent)))} of {above.text}")


def _in_dict(
    container: Any, child: Any, parent: dict[Any, Any], before: Link, steps: int
) -> Holder | None:
    """Of a namespace the name in it; of any other dict, whoever has that."""
    owner = before.one
    if is_a(owner, ModuleType):
        name = _key_of(child, parent)
        return Holder(f"{module_name(owner)}.{name}", name=name, module=module_name(owner))
    if issubclass_static(type(owner), type):
        name = _key_of(child, parent)
        text = f"class attribute {type_name(owner)}.{name}"
        return Holder(text, "registry", name=name, module=_module(type_name(owner)))
    if own_attributes(owner) is parent:
        return _attribute(_key_of(child, parent), owner)
    if type(owner) is _CacheType:
        return _cache(owner)
    above = _named(container, parent, before, steps - 1)
    return above._replace(text=f"an item of {above.text}")


def _directly(container: Any, child: Any, parent: Any) -> Holder | None:
    kind = type(parent)
    if kind is _CacheType:
        return _cache(parent)
    if kind is FunctionType:
        return _of_function(container, parent)
    frame = running_frame(parent)
    if frame is not None:
        return _variable(child, frame)
    if type_name(kind).startswith(("_contextvars:", "_contextvars.")) or kind.__name__ in (
        "Context",
        "hamt_bitmap_node",
        "hamt_array_node",
        "hamt_collision_node",
        "hamt",
    ):
        return Holder("a context variable", "context")
    name = _slot_of(child, parent) or _key_of(child, own_attributes(parent) or {})
    return _attribute(name, parent) if name else None


def _attribute(name: str, owner: Any) -> Holder:
    text = f"attribute {name} of {type_name(type(owner))}"
    if name == "handlers" and any(
        type_name(one) == "logging:Logger" for one in type(owner).__mro__
    ):
        logger = (own_attributes(owner) or {}).get("name", "")
        held = f"{text} '{logger}'"
        return Holder(held, "log handlers", name=name, module="logging", owner="Logger")
    module, _, kind = type_name(type(owner)).partition(":")
    return Holder(text, name=name, module=module, owner=kind)


def _module(name: str) -> str:
    return name.partition(":")[0]


def _cache(wrapper: Any) -> Holder:
    """A functools cache; without a bound it keeps everything for ever."""
    function = (own_attributes(wrapper) or {}).get("__wrapped__")
    cap = wrapper.cache_parameters()["maxsize"]
    if type(function) is not FunctionType:
        return Holder("the cache of a function", "cache", cap)
    name, code = function_name(function), function.__code__
    site = f"{name} ({short_file(code.co_filename)}:{code.co_firstlineno})"
    return Holder(f"the cache of {name}", "cache", cap, site=site)


def _of_function(container: Any, function: FunctionType) -> Holder:
    name = function_name(function)
    for variable, cell in zip(
        function.__code__.co_freevars, function.__closure__ or (), strict=False
    ):
        if _content(cell) is container:
            text = f"variable {variable} in the closure of {name}"
            return Holder(text, name=variable, module=_module(name))
    defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    if any(one is container for one in defaults):
        return Holder(f"a default argument of {name}")
    return Holder(f"{name}")


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # empty yet
        return None


def _variable(child: Any, frame: FrameType) -> Holder:
    module = frame.f_globals.get("__name__", "")
    where = code_name(frame.f_code, module if isinstance(module, str) else "")
    name = next((name for name, value in frame.f_locals.items() if value is child), "")
    text = f"variable {name} of {where}" if name else f"{where}, running"
    return Holder(text, name=name, module=_module(where))


def _slot_of(child: Any, one: Any) -> str:
    for kind in type.__dict__["__mro__"].__get__(type(one)):
        for name, slot in type.__dict__["__dict__"].__get__(kind).items():
            if is_a(slot, MemberDescriptorType):
                try:
                    if slot.__get__(one, type(one)) is child:
                        return str(name)
                except AttributeError:  # empty
                    continue
    return ""


def _key_of(child: Any, names: dict[Any, Any]) -> str:
    """The name in a namespace; not called for dicts whose keys are data."""
    found = next((key for key, value in names.items() if value is child), "")
    return found if isinstance(found, str) else ""


def _a(name: str) -> str:
    return f"an {name}" if name[:1] in "aeiou" else f"a {name}"
