"""The settings as people may see them: one row a value, secrets masked, each with its source."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from aiex.settings.load import Loaded
from aiex.settings.secret import Secret
from aiex.settings.settings import Settings

MASK = "***"
# A URL may carry `user:password@`.
_CREDENTIALS = re.compile(r"[^/]*@")


class ShownSetting(msgspec.Struct, frozen=True):
    """`source` is empty for a default."""

    setting: str
    value: Any
    source: str


def shown_settings(loaded: Loaded) -> list[ShownSetting]:
    """Every setting, in the order of the tree."""
    return [
        ShownSetting(path, value, _source(loaded.sources, path))
        for path, value in setting_rows(loaded.settings)
    ]


def setting_rows(settings: Settings) -> Iterator[tuple[str, Any]]:
    """Every setting and its value, secrets masked, in the order of the tree."""
    return _leaves(settings, "")


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, msgspec.Struct):
        below = [(name, getattr(value, name)) for name in value.__struct_fields__]
    elif isinstance(value, dict) and value:
        below = list(value.items())
    elif isinstance(value, tuple) and any(isinstance(one, msgspec.Struct) for one in value):
        below = [(str(position), one) for position, one in enumerate(value)]
    else:
        yield path, _masked(path, value)
        return
    for name, one in below:
        yield from _leaves(one, f"{path}.{name}" if path else name)


def _masked(path: str, value: Any) -> Any:
    if isinstance(value, Secret):
        return MASK
    return _CREDENTIALS.sub(f"{MASK}@", value) if path.endswith("url") else value


def _source(sources: dict[str, str], path: str) -> str:
    """The source of a value, or of the list or table that it came in."""
    while path:
        if path in sources:
            return sources[path]
        path = path.rpartition(".")[0]
    return ""
