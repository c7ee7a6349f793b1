"""Variables whose value is replaced by an ever larger one: `log += line`, `rows = {**rows, …}`.

No container grows there, for each is another one. So what an attribute or a module's variable holds
is looked up by its name at each look.
"""

from collections.abc import Mapping
from types import ModuleType
from typing import Any, NamedTuple

from aiex.performance.memory.type_names import is_a, module_names, own_attributes

# By type, from which length on: smaller ones are no danger before they are larger.
TEXT_LENGTH_MIN = 4096
ITEMS_MIN = 32
LARGE: Mapping[type, int] = {
    **dict.fromkeys((bytes, str), TEXT_LENGTH_MIN),
    **dict.fromkeys((tuple, frozenset, dict, list, set), ITEMS_MIN),
}


class Variable(NamedTuple):
    """`first` is the id of the value that it had: one that is never replaced is told itself."""

    names: dict[Any, Any]
    name: str
    first: int

    def value(self) -> Any:
        """What it holds now; None once it is gone."""
        return dict.get(self.names, self.name)

    def length(self) -> int:
        value = self.value()
        return len(value) if type(value) in LARGE else 0

    @property
    def is_replaced(self) -> bool:
        return id(self.value()) != self.first


def variable(value: Any, parent: Any, owner: Any) -> Variable | None:
    """The variable of `parent` that has this value; `owner` is who has `parent`."""
    names = _names(parent, owner)
    name = next((key for key, one in names.items() if one is value), None) if names else None
    if names is None or not isinstance(name, str):
        return None
    return Variable(names, name, id(value))


def _names(parent: Any, owner: Any) -> dict[Any, Any] | None:
    """A module's variables or an object's attributes, if that is what `parent` is or has."""
    if type(parent) is not dict:
        return None if is_a(parent, type, ModuleType) else own_attributes(parent)
    if is_a(owner, ModuleType):
        return parent if module_names(owner) is parent else None
    return parent if own_attributes(owner) is parent else None
