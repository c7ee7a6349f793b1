"""Attributes of plain data, read so that nothing of the object's own code runs.

What `getattr` would do is up to the object: properties, `__getattr__`, a metaclass. Here only what
lies in the instance's dictionary, in a slot, or as plain data in the class is found; whatever would
have to be asked for is not there.
"""

from collections.abc import Iterator, Mapping
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any, Final

import msgspec


class _Nothing:
    def __repr__(self) -> str:
        return "NOTHING"


# What is found where there is no such attribute, or only one that would run code.
NOTHING: Final = _Nothing()

# The type's own descriptors: a metaclass may say anything when asked by attribute.
_type_name = type.__dict__["__name__"].__get__
_type_mro = type.__dict__["__mro__"].__get__
_type_dict = type.__dict__["__dict__"].__get__
_STRUCT_META = type(msgspec.Struct)

TYPE_NAME_CHARS_MAX = 64


class Kinds:
    """A set of types that is asked by identity: comparing types may run a metaclass's code."""

    __slots__ = ("_ids",)

    def __init__(self, *kinds: type) -> None:
        self._ids = frozenset(id(kind) for kind in kinds)

    def have(self, value: object) -> bool:
        """Whether the type of `value` is one of these; not one below."""
        return id(type(value)) in self._ids


NUMBERS = Kinds(int, float, bool)
SCALARS = Kinds(int, float, bool, str, type(None))
CONTAINERS = Kinds(list, tuple, set, frozenset, dict)
SIZED = Kinds(str, bytes, bytearray, list, tuple, set, frozenset, dict)


def type_name(value: object) -> str:
    """How the type of `value` is called, shortened."""
    return name_of(type(value))


def name_of(kind: type) -> str:
    """How a type is called, shortened."""
    name: str = _type_name(kind)
    return name if len(name) <= TYPE_NAME_CHARS_MAX else name[:TYPE_NAME_CHARS_MAX] + "…"


def plain_attribute(owner: object, name: str) -> Any:
    """The value of `owner.name`, or `NOTHING`."""
    in_class = _in_class(type(owner), name)
    kind = type(in_class)
    if kind is MemberDescriptorType:
        return _slot(in_class, owner)
    # Whatever binds (a function, a property) may run code; a method is no data anyhow.
    if in_class is not NOTHING and _in_class(kind, "__get__") is not NOTHING:
        return NOTHING
    attributes = _instance_dict(owner)
    if attributes is not None and name in attributes:
        return attributes[name]
    return in_class


def field_names(value: object) -> tuple[str, ...] | None:
    """The fields of a msgspec struct or a dataclass in their order; None for anything else."""
    kind = type(value)
    if type(kind) is _STRUCT_META:
        names: tuple[str, ...] = _STRUCT_META.__struct_fields__.__get__(kind)  # type: ignore[attr-defined]
        return names
    fields = _in_class(kind, "__dataclass_fields__")
    if type(fields) is dict:
        return tuple(name for name in fields if type(name) is str)
    return None


def _in_class(kind: type, name: str) -> Any:
    for namespace in _namespaces(kind):
        if name in namespace:
            return namespace[name]
    return NOTHING


def _namespaces(kind: type) -> Iterator[Mapping[str, Any]]:
    for one in _type_mro(kind):
        yield _type_dict(one)


def _slot(slot: Any, owner: object) -> Any:
    try:
        return slot.__get__(owner)
    except AttributeError:  # nothing was put there yet
        return NOTHING


def _instance_dict(owner: object) -> dict[str, Any] | None:
    found = _in_class(type(owner), "__dict__")
    if type(found) is not GetSetDescriptorType:
        return None
    attributes = found.__get__(owner)
    return attributes if type(attributes) is dict else None
