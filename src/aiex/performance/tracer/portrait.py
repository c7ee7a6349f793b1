"""Values as a trace shows them: types, lengths, or themselves, less secrets and contents.

Only values of builtin types, enums, and fields of structs and dataclasses are shown; of everything
else the type's name. No code of the value runs (`plain_attribute`), so that no `__repr__` can hang,
raise, or do anything. Depth, width and length are bounded.
"""

from enum import Enum
from itertools import islice
from typing import Any

from aiex.performance.tracer.plain_attribute import (
    CONTAINERS,
    NOTHING,
    NUMBERS,
    SIZED,
    field_names,
    plain_attribute,
    type_name,
)
from aiex.performance.tracer.privacy import DOCUMENT_LABELS, Privacy, may_be_seen, privacy_of
from aiex.settings import Secret

HIDDEN = "<hidden>"
DEPTH_MAX = 3
WIDTH_MAX = 8
CHARS_MAX = 240
INT_BITS_MAX = 128
_BRACKETS: dict[type, tuple[str, str]] = {list: ("[", "]"), tuple: ("(", ")")}


def typed(value: object, privacy: Privacy = Privacy.UNKNOWN) -> str:
    """The type, and the length where one is to be had without asking the value.

    How long a secret is, is not told.
    """
    if value is None:
        return "None"
    if SIZED.have(value) and privacy is not Privacy.SECRET:
        return f"{type_name(value)}({len(value)})"  # type: ignore[arg-type]
    return type_name(value)


def shown(value: object, privacy: Privacy, *, is_carried: bool) -> str:
    """The value itself, as far as it may be seen under a name of that privacy."""
    text = _shown(value, privacy, is_carried, 0)
    return text if len(text) <= CHARS_MAX else text[:CHARS_MAX] + "…"


def _shown(value: Any, privacy: Privacy, is_carried: bool, depth: int) -> str:
    if value is None:
        return "None"
    if privacy is Privacy.SECRET:
        return HIDDEN
    kind = type(value)
    if kind is str:
        is_seen = may_be_seen(value, privacy, is_carried=is_carried)
        return repr(value) if is_seen else typed(value)
    if NUMBERS.have(value):
        return _number(value)
    # A type may be a secret too, whatever it comes under: `Secret`, `SecretStr`, `Token`.
    if kind is Secret or privacy_of(type_name(value)) is Privacy.SECRET:
        return HIDDEN
    if type.__subclasscheck__(Enum, kind):
        return _member(value)
    if privacy is Privacy.CONTENT or depth >= DEPTH_MAX:
        return typed(value)
    return _composed(value, privacy, is_carried, depth)


def _member(value: object) -> str:
    member = plain_attribute(value, "_name_")
    return f"{type_name(value)}.{member}" if type(member) is str else type_name(value)


def _number(value: float) -> str:
    if type(value) is int and value.bit_length() > INT_BITS_MAX:
        return f"int({value.bit_length()} bits)"
    return repr(value)


def _composed(value: Any, privacy: Privacy, is_carried: bool, depth: int) -> str:
    kind = type(value)
    if CONTAINERS.have(value):
        try:
            first = list(islice(value.items() if kind is dict else value, WIDTH_MAX))
        except RuntimeError:  # another thread changed it meanwhile
            return typed(value)
        if kind is dict:
            parts = [_pair(key, one, is_carried, depth) for key, one in first]
        else:
            parts = [_shown(one, privacy, is_carried, depth + 1) for one in first]
        begin, end = _BRACKETS.get(kind, ("{", "}"))
        comma = "," if kind is tuple and len(value) == 1 else ""
        return begin + _joined(parts, len(value)) + comma + end
    names = field_names(value)
    if names is None:
        return typed(value)
    parts = [_field(value, name, is_carried, depth) for name in names[:WIDTH_MAX]]
    return f"{type_name(value)}({_joined(parts, len(names))})"


def _joined(parts: list[str], count: int) -> str:
    more = [f"… {count - len(parts)} more"] if count > len(parts) else []
    return ", ".join([*parts, *more])


def _pair(key: object, value: object, is_carried: bool, depth: int) -> str:
    """A key that is no name of ours may be a content itself."""
    if type(key) is not str:
        return f"{_shown(key, Privacy.UNKNOWN, is_carried, DEPTH_MAX)}: {typed(value)}"
    privacy = privacy_of(key)
    if is_carried and privacy is Privacy.UNKNOWN:
        return f"{typed(key)}: {_shown(value, privacy, is_carried, depth + 1)}"
    if is_carried and privacy is Privacy.LABEL and key not in DOCUMENT_LABELS:
        privacy = Privacy.UNKNOWN
    return f"{key[:40]!r}: {_shown(value, privacy, is_carried, depth + 1)}"


def _field(owner: object, name: str, is_carried: bool, depth: int) -> str:
    value = plain_attribute(owner, name)
    text = "?" if value is NOTHING else _shown(value, privacy_of(name), is_carried, depth + 1)
    return f"{name}={text}"
