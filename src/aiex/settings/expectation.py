"""What a setting may be, in words: `a whole number from 0 to 65535`, `debug, info or error`."""

from difflib import get_close_matches
from typing import Any

from msgspec import inspect


def expectation(shape: Any) -> str:
    """What a value of `shape` is, as an operator would say it."""
    return _words(_of_value(shape))


def meant(shape: Any, value: Any) -> str:
    """The word of a choice that is nearest to `value`; empty when none is, or `shape` is none."""
    wanted = _of_value(shape)
    if not isinstance(wanted, inspect.LiteralType):
        return ""
    near = get_close_matches(str(value), [str(one) for one in wanted.values], n=1)
    return near[0] if near else ""


def _of_value(shape: Any) -> inspect.Type:
    """What may be written: no file can hold None, so what may be left out is the rest of it."""
    wanted = inspect.type_info(shape)
    if isinstance(wanted, inspect.Metadata):
        wanted = wanted.type
    if isinstance(wanted, inspect.UnionType):
        return next(one for one in wanted.types if not isinstance(one, inspect.NoneType))
    return wanted


def _words(wanted: inspect.Type) -> str:
    match wanted:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return "a whole number" + _bounds(wanted)
        case inspect.FloatType():
            return "a number" + _bounds(wanted)
        case inspect.LiteralType(values=values):
            *others, last = map(str, values)
            return f"{', '.join(others)} or {last}" if others else last
        case inspect.StrType():
            return _text(wanted)
        case inspect.VarTupleType(min_length=at_least):
            return f"a list of at least {at_least}" if at_least else "a list of texts"
        case _:
            raise AssertionError(f"no setting is {wanted!r}")


def _bounds(wanted: inspect.IntType | inspect.FloatType) -> str:
    at_most = "" if wanted.le is None else _number(wanted.le)
    if wanted.ge is not None:
        at_least = _number(wanted.ge)
        return f" from {at_least} to {at_most}" if at_most else f" of at least {at_least}"
    if wanted.gt is not None:
        return f" above {_number(wanted.gt)}" + (f" and at most {at_most}" if at_most else "")
    return ""


def _number(bound: float) -> str:
    """60 and 60.0 alike: `typing` takes them for one, so which it is depends on what came first."""
    return f"{int(bound):,}" if bound == int(bound) else f"{bound:,}"


def _text(wanted: inspect.StrType) -> str:
    if wanted.pattern is not None:
        return f"a text that matches {wanted.pattern}"
    if wanted.min_length:
        return "a text that is not empty"
    return f"a text of at most {wanted.max_length} characters" if wanted.max_length else "a text"
