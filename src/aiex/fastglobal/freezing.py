"""Values that nobody can change: which types of a schema allow that, and mappings made read-only.

What msgspec decodes into tuples, frozensets and frozen structs is frozen as it comes. A mapping is
not: it is wrapped, which costs a little at each lookup, so only where the schema has one.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import inspect

type Freeze = Callable[[Any], Any]

_CHANGEABLE = (
    inspect.ListType,
    inspect.SetType,
    inspect.ByteArrayType,
    inspect.MemoryViewType,
    inspect.RawType,
    inspect.AnyType,
    inspect.TypedDictType,
    inspect.DataclassType,
    inspect.CustomType,
)


def objection(shape: Any) -> str:
    """Why a value of `shape` could change under its readers; empty when it cannot."""
    for part in _parts(inspect.type_info(shape), set()):
        if isinstance(part, inspect.StructType) and not part.cls.__struct_config__.frozen:
            return f"{part.cls.__name__} is not frozen: declare it with frozen=True"
        if isinstance(part, _CHANGEABLE):
            name = type(part).__name__.removesuffix("Type").lower()
            return f"{name} can change: take a tuple, a frozenset or a frozen Struct"
    return ""


def freezing(shape: Any) -> Freeze:
    """What makes a decoded value of `shape` one that cannot be changed."""
    parts = _parts(inspect.type_info(shape), set())
    return frozen if any(isinstance(part, inspect.DictType) for part in parts) else _as_it_is


def frozen(value: Any) -> Any:
    """The same value, just decoded and nobody else's, with every mapping in it read-only."""
    match value:
        case Mapping():
            return MappingProxyType({key: frozen(one) for key, one in value.items()})
        case tuple():
            return tuple(frozen(one) for one in value)
        case msgspec.Struct():
            for field in value.__struct_fields__:
                msgspec.structs.force_setattr(value, field, frozen(getattr(value, field)))
            return value
        case _:
            return value


def thawed(value: Any) -> Any:
    """A read-only mapping as one that msgspec encodes; raises `TypeError` for anything else."""
    if isinstance(value, MappingProxyType):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be a hot value")


def _as_it_is(value: Any) -> Any:
    return value


def _parts(shape: inspect.Type, seen: set[type]) -> Iterator[inspect.Type]:
    """The type and all that values of it are made of."""
    yield shape
    match shape:
        case inspect.Metadata(type=inner):
            yield from _parts(inner, seen)
        case inspect.UnionType(types=inner) | inspect.TupleType(item_types=inner):
            for one in inner:
                yield from _parts(one, seen)
        case inspect.CollectionType(item_type=inner):
            yield from _parts(inner, seen)
        case inspect.DictType(key_type=key, value_type=inner):
            yield from _parts(key, seen)
            yield from _parts(inner, seen)
        case inspect.StructType(cls=cls) if cls not in seen:
            seen.add(cls)
            for field in shape.fields:
                yield from _parts(field.type, seen)
