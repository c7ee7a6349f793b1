"""The object that hot values are read from: plain attributes, as cheap to read as a literal.

The interpreter remembers, at each place that reads an attribute, where in the object it is, as long
as the object's class stays as it is. So each schema gets a class of its own, made once and never
touched: no `__getattr__`, no property, no value on the class. Measured in decision 0010.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

type Set = Callable[[Any], None]


def namespace(name: str, values: Mapping[str, Any]) -> tuple[Any, Mapping[str, Set]]:
    """An object with these values as attributes, and what sets each of them.

    Nobody else can: assigning to an attribute raises `AttributeError`.
    """
    made = _namespace_class(name, tuple(values))
    one = made()
    setters: dict[str, Set] = {}
    for field, value in values.items():
        setters[field] = _setter(made, field, one)
        setters[field](value)
    return one, setters


def _namespace_class(name: str, fields: Sequence[str]) -> type[Any]:
    def refuse(self: Any, field: str, *_: Any) -> NoReturn:
        raise AttributeError(f"{name}.{field} is a hot value: change it with `put`")

    def no_subclass(cls: type[Any]) -> NoReturn:
        raise TypeError(f"{name} is final: its values are read by its exact class")

    def text(self: Any) -> str:
        return f"{name}({', '.join(f'{field}={getattr(self, field)!r}' for field in fields)})"

    return type(
        name,
        (),
        {
            "__slots__": fields,
            "__setattr__": refuse,
            "__delattr__": refuse,
            "__init_subclass__": classmethod(no_subclass),
            "__repr__": text,
        },
    )


def _setter(made: type[Any], field: str, one: Any) -> Set:
    slot = getattr(made, field)  # the descriptor, which knows nothing of `__setattr__`
    return lambda value: slot.__set__(one, value)
