"""values.yaml as a tree of values, each with its default and the comment that tells its meaning."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from scripts.chart.tools import CHART

_MEANING = re.compile(r"^\s*# -- (.*)$")
_MORE = re.compile(r"^\s*# (.*)$")


@dataclass(frozen=True)
class Value:
    """One key of values.yaml."""

    path: tuple[str, ...]
    default: Any
    # What `# -- …` above the key says; empty when nothing does.
    meaning: str
    # Not a mapping, or an empty one.
    is_leaf: bool

    @property
    def name(self) -> str:
        return ".".join(self.path)


class Values:
    """All keys of one values.yaml, in its order."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        self.tree: dict[str, Any] = yaml.safe_load(text)
        root = yaml.compose(text, yaml.SafeLoader)
        assert isinstance(root, yaml.MappingNode), "values are a mapping"
        self.all = tuple(self._below(root, ()))

    @classmethod
    def load(cls, chart: Path = CHART) -> "Values":
        return cls((chart / "values.yaml").read_text())

    def _below(self, node: yaml.MappingNode, path: tuple[str, ...]) -> Iterator[Value]:
        for key, value in node.value:
            here = (*path, str(key.value))
            is_leaf = not (isinstance(value, yaml.MappingNode) and value.value)
            yield Value(here, self._default(here), self._meaning(key.start_mark.line), is_leaf)
            if not is_leaf:
                yield from self._below(value, here)

    def _default(self, path: tuple[str, ...]) -> Any:
        value: Any = self.tree
        for key in path:
            value = value[key]
        return value

    def _meaning(self, line: int) -> str:
        """The comment that ends right above a line, from its `# --` on."""
        found: list[str] = []
        for above in reversed(self._lines[:line]):
            if start := _MEANING.match(above):
                return " ".join([start.group(1), *found])
            if not (more := _MORE.match(above)):
                return ""
            found.insert(0, more.group(1).strip())
        return ""

    @cached_property
    def leaves(self) -> tuple[Value, ...]:
        """Values that are set by themselves: all below a key with a meaning is one value."""
        found: list[Value] = []
        for one in self.all:
            if (
                found
                and not found[-1].is_leaf
                and one.path[: len(found[-1].path)] == found[-1].path
            ):
                continue
            if one.is_leaf or one.meaning:
                found.append(one)
        return tuple(found)

    def untold(self) -> Iterator[str]:
        for one in self.leaves:
            if not one.meaning:
                yield f"values.yaml: {one.name} has no comment `# -- …` that tells what it is"
