"""What a condition may do with values: compare, calculate, look into; on builtin types only.

Each takes any value at all. What would run a value's own code is `CannotTell`, and so is what the
value may not be asked for.
"""

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from itertools import islice
from typing import Any

from aiex.performance.tracer.plain_attribute import (
    CONTAINERS,
    NOTHING,
    NUMBERS,
    SCALARS,
    SIZED,
    plain_attribute,
    type_name,
)
from aiex.performance.tracer.privacy import Privacy, may_be_seen, privacy_of

INT_BITS_MAX = 256
ITEMS_MAX = 1000


class CannotTell(Exception):
    """Of this call the condition cannot be told; the text says why, without the value."""


def truth(value: Any) -> bool:
    """As Python has it for builtin types; everything else is true."""
    return bool(value) if SCALARS.have(value) or SIZED.have(value) else True


def visible(value: Any, privacy: Privacy, is_carried: bool) -> Any:
    """The value, if it may be looked into; an enum's member by its value or its name."""
    kind = type(value)
    if NUMBERS.have(value) or value is None:
        return value
    if privacy_of(type_name(value)) is Privacy.SECRET:
        raise CannotTell("a secret cannot be asked for")
    if type.__subclasscheck__(Enum, kind):
        return _member(value)
    if kind is str and may_be_seen(value, privacy, is_carried=is_carried):
        return value
    texts = (value,) if kind is str else _texts(value) if CONTAINERS.have(value) else ()
    if all(may_be_seen(text, privacy, is_carried=is_carried) for text in texts):
        return value
    raise CannotTell("a text that may be a message can be asked for its len() only")


def attribute(owner: Any, name: str) -> Any:
    """`owner.name`, where that is plain data."""
    if privacy_of(type_name(owner)) is Privacy.SECRET:
        raise CannotTell("a secret cannot be asked for")
    value = plain_attribute(owner, name)
    if value is NOTHING:
        raise CannotTell(f"{type_name(owner)} has no plain attribute '{name}'")
    return value


def item(owner: Any, key: Any) -> Any:
    """`owner[key]` of lists, tuples and dictionaries."""
    kind = type(owner)
    if (kind is list or kind is tuple) and type(key) is int:
        if not -len(owner) <= key < len(owner):
            raise CannotTell(f"there is no item {key}")
        return owner[key]
    if kind is dict and SCALARS.have(key):
        # Found by looking at keys of builtin types, since a lookup may ask any key's __eq__.
        for one, value in _first(owner.items()):
            if type(one) is type(key) and one == key:
                return value
        raise CannotTell("there is no such key")
    raise CannotTell(f"{type_name(owner)} has no items to a condition")


def negated(value: Any) -> Any:
    return -_number(value)


def calculated(calculate: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    try:
        result = calculate(_number(left), _number(right))
    except ArithmeticError as error:
        raise CannotTell(type_name(error)) from None
    return _number(result)


def called(method: Callable[..., Any], text: Any, arguments: Sequence[Any]) -> Any:
    for one in (text, *arguments):
        if type(one) is not str:
            raise CannotTell(f"{type_name(one)} is no text")
    return method(text, *arguments)


def length(value: Any) -> int:
    if not SIZED.have(value):
        raise CannotTell(f"{type_name(value)} has no length to a condition")
    return len(value)


def _number(value: Any) -> Any:
    if not NUMBERS.have(value):
        raise CannotTell(f"{type_name(value)} is no number")
    if type(value) is int and value.bit_length() > INT_BITS_MAX:
        raise CannotTell("the number is too large")
    return value


def _equal(left: Any, right: Any) -> bool:
    """Scalars only; two of different kinds differ, as in Python."""
    for one in (left, right):
        if not SCALARS.have(one):
            raise CannotTell(f"{type_name(one)} cannot be compared")
    return bool(left == right)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compared(left: Any, right: Any) -> bool:
        if type(left) is str and type(right) is str:
            return compare(left, right)
        return compare(_number(left), _number(right))

    return compared


def _contained(left: Any, right: Any) -> bool:
    if type(right) is str:
        if type(left) is not str:
            raise CannotTell(f"{type_name(left)} cannot be in a text")
        return left in right
    if not CONTAINERS.have(right):
        raise CannotTell(f"{type_name(right)} cannot be searched")
    if not SCALARS.have(left):
        raise CannotTell(f"{type_name(left)} cannot be compared")
    return any(SCALARS.have(one) and one == left for one in _first(right))


def _first(items: Any) -> list[Any]:
    """All of them, unless they are too many, or another thread is changing them."""
    try:
        taken = list(islice(items, ITEMS_MAX + 1))
    except RuntimeError:
        raise CannotTell("it was changed meanwhile") from None
    if len(taken) > ITEMS_MAX:
        raise CannotTell(f"more than {ITEMS_MAX} items")
    return taken


def _texts(container: Any) -> list[str]:
    return [one for one in _first(container) if type(one) is str]


def _member(value: Any) -> Any:
    for name in ("_value_", "_name_"):
        found = plain_attribute(value, name)
        if SCALARS.have(found):
            return found
    raise CannotTell(f"{type_name(value)} cannot be compared")


ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: _equal,
    ast.NotEq: lambda left, right: not _equal(left, right),
    ast.Lt: _ordered(operator.lt),
    ast.LtE: _ordered(operator.le),
    ast.Gt: _ordered(operator.gt),
    ast.GtE: _ordered(operator.ge),
    ast.In: _contained,
    ast.NotIn: lambda left, right: not _contained(left, right),
}
FUNCTIONS: Mapping[str, Callable[[Any], Any]] = {
    "len": length,
    "type": type_name,
}
# With the number of arguments beside the text itself.
METHODS: Mapping[str, tuple[Callable[..., Any], int]] = {
    "startswith": (str.startswith, 1),
    "endswith": (str.endswith, 1),
    "lower": (str.lower, 0),
    "upper": (str.upper, 0),
}
