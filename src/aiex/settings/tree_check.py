"""A tree of raw values held against the shape of the settings: what fits, and what is wrong."""

import json
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec

from aiex.settings.expectation import expectation, meant
from aiex.settings.secret import Secret
from aiex.settings.settings import Settings
from aiex.settings.sources import Sources, TreePath

type Tree = dict[str, Any]


class Text(str):
    """A value from the environment or a flag: `8080` may mean a number or a name."""

    __slots__ = ()


def opened(value: Any) -> Any:
    """The list or table that a text holds as JSON; everything else as it is."""
    if isinstance(value, Text) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


class TreeCheck:
    """Each method gives the value as `shape`, or None with what is wrong added to the problems.

    A message shows the value it is about, unless that could be or hold a secret. `wrong` has the
    path of each problem.
    """

    def __init__(self, sources: Sources, problems: list[str]) -> None:
        self._sources = sources
        self._problems = problems
        self.wrong: list[TreePath] = []

    def settings(self, tree: Tree) -> Settings:
        """As far as they are right: the rest is at its default, or left out of its table."""
        return Settings(**self._fields(Settings, tree, ()))

    def _section(self, shape: type[msgspec.Struct], value: Any, path: TreePath) -> Any:
        content = opened(value)
        if not isinstance(content, dict):
            return self._problem(path, "expected a section with keys" + _json_error(value))
        count = len(self._problems)
        fields = self._fields(shape, content, path)
        if len(self._problems) > count:
            return None
        try:
            return shape(**fields)
        except TypeError as error:
            return self._problem(path, str(error).replace("argument", "key"))

    def _fields(self, shape: type[msgspec.Struct], content: Tree, path: TreePath) -> Tree:
        """Those that are right."""
        hints = get_type_hints(shape, include_extras=True)
        for key in content:
            if key not in hints:
                self._problem((*path, key), f"unknown{_near(key, hints)}")
        values = {
            key: self._value(hints[key], one, (*path, key))
            for key, one in content.items()
            if key in hints
        }
        return {key: value for key, value in values.items() if value is not None}

    def _value(self, shape: Any, value: Any, path: TreePath) -> Any:
        plain = get_args(shape)[0] if get_origin(shape) is Annotated else shape
        inner = get_args(plain)
        if _is_section(plain):
            return self._section(plain, value, path)
        if get_origin(plain) is dict:
            return self._table(inner[1], value, path)
        if get_origin(plain) is tuple and _is_section(inner[0]):
            return self._sections(shape, inner[0], value, path)
        if Secret in inner:
            return self._secret(value, path)
        return self._leaf(shape, opened(value) if get_origin(plain) is tuple else value, path)

    def _table(self, shape: Any, value: Any, path: TreePath) -> Any:
        content = opened(value)
        if not isinstance(content, dict):
            return self._problem(path, "expected a table" + _json_error(value))
        values = {key: self._value(shape, one, (*path, key)) for key, one in content.items()}
        return {key: value for key, value in values.items() if value is not None}

    def _sections(self, shape: Any, inner: type[msgspec.Struct], value: Any, path: TreePath) -> Any:
        content = opened(value)
        if not isinstance(content, list):
            return self._problem(path, "expected a list of tables" + _json_error(value))
        count = len(self._problems)
        sections = [
            self._section(inner, one, (*path, str(position)))
            for position, one in enumerate(content)
        ]
        return self._leaf(shape, sections, path) if len(self._problems) == count else None

    def _secret(self, value: Any, path: TreePath) -> Any:
        if isinstance(value, str) and value:
            return Secret(str(value))
        return self._problem(path, "expected a text that is not empty")

    def _leaf(self, shape: Any, value: Any, path: TreePath) -> Any:
        is_text = isinstance(value, Text)
        try:
            # A plain str: what is a str stays the object it was, and msgspec encodes no subclass.
            return msgspec.convert(str(value) if is_text else value, shape, strict=not is_text)
        except msgspec.ValidationError:
            near = meant(shape, value)
            hint = f"; did you mean '{near}'?" if near else ""
            # A header's value is a bare `str`; tables and lists may have anything in them.
            is_shown = shape is not str and not isinstance(value, dict | list)
            shown = f" (it is {str(value)!r})" if is_shown else ""
            return self._problem(path, f"expected {expectation(shape)}{shown}{hint}")

    def _problem(self, path: TreePath, text: str) -> None:
        self._problems.append(f"{self._sources.shown(path)}: {text}")
        self.wrong.append(path)


def _is_section(shape: Any) -> bool:
    return isinstance(shape, type) and issubclass(shape, msgspec.Struct)


def _near(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; known are {', '.join(known)}"


def _json_error(value: Any) -> str:
    """Why a text that was meant as JSON is none; the text itself may hold secrets."""
    if not isinstance(value, Text):
        return ""
    try:
        json.loads(value)
    except ValueError as error:
        return f", as JSON: {error}"
    return ", as JSON"
