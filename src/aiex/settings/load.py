"""From a file, the environment and flags to settings: all checked, every problem told at once.

Later sources win: file, then `AIEX_SECTION__KEY` or `AIEX_SECTION__KEY_FILE`, then flags. A table
given as JSON takes the place of the whole table before it.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from aiex.errors import SettingsError
from aiex.settings.conflicts import conflicts
from aiex.settings.settings import Settings
from aiex.settings.sources import Sources, TreePath
from aiex.settings.tree_check import Text, Tree, TreeCheck, opened

PREFIX = "AIEX_"
# Variables of the command line that are not settings.
OTHER_VARIABLES = frozenset(
    {
        "AIEX_CONFIG",
        "AIEX_API_KEY",
        "AIEX_API_KEY_FILE",
        "AIEX_URL",
        "AIEX_ADMIN_URL",
        "AIEX_CA_FILE",
    }
)
# What Kubernetes puts into every pod beside a Service named "aiex" (enableServiceLinks).
_SERVICE_LINK = re.compile(r"AIEX_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)\w*)?)")
# Settings that are themselves paths of files: their variables hold the path, not a secret's place.
FILE_SETTINGS = frozenset({"tls_certificate_file", "tls_key_file", "tls_ca_file", "ca_file"})


class Loaded(msgspec.Struct, frozen=True):
    settings: Settings
    sources: dict[str, str]  # dotted path -> where its value came from


def load(file: Path | None, environment: Mapping[str, str], flags: Mapping[str, str]) -> Loaded:
    """The settings; raises `SettingsError` with one line for each problem."""
    problems: list[str] = []
    tree: Tree = {}
    sources = Sources()
    in_file = _toml(file, problems) if file is not None else {}
    if in_file is not None:
        for path, value in _leaves(in_file):
            _put(tree, path, value)
            sources.put(path, str(file))
    for path, text, source in [*_variables(environment, problems), *_flags(flags)]:
        spelled = _spelled(tree, path)
        _put(tree, spelled, Text(text))
        sources.put(spelled, source)
    check = TreeCheck(sources, problems)
    settings = check.settings(tree)
    if in_file is not None:  # else most of what belongs together is missing
        found = conflicts(settings, check.wrong)
        problems += [f"{sources.shown(path)}: {text}" for path, text in found]
    if problems:
        raise SettingsError("\n".join(problems))
    return Loaded(settings, sources.dotted())


def default_file(environment: Mapping[str, str]) -> Path | None:
    """`$AIEX_CONFIG`, else `aiex.toml` here, else `aiex/aiex.toml` in the XDG config home."""
    if chosen := environment.get("AIEX_CONFIG"):
        return Path(chosen)
    home = (
        environment.get("XDG_CONFIG_HOME") or f"{environment.get('HOME') or '/nonexistent'}/.config"
    )
    candidates = (Path("aiex.toml"), Path(home) / "aiex" / "aiex.toml")
    return next((file for file in candidates if file.is_file()), None)


def _toml(file: Path, problems: list[str]) -> Tree | None:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        problems.append(f"{file}: cannot be read: {error.strerror}")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{file}: not valid TOML: {error}")
    return None


def _leaves(tree: Tree, path: TreePath = ()) -> Iterator[tuple[TreePath, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _variables(
    environment: Mapping[str, str], problems: list[str]
) -> Iterator[tuple[TreePath, str, str]]:
    for name, text in sorted(environment.items()):
        is_other = name in OTHER_VARIABLES or _SERVICE_LINK.fullmatch(name)
        if not name.startswith(PREFIX) or is_other:
            continue
        path = tuple(name.removeprefix(PREFIX).lower().split("__"))
        if path[-1].endswith("_file") and path[-1] not in FILE_SETTINGS:
            if name.removesuffix("_FILE") in environment:
                problems.append(f"{name}: {name.removesuffix('_FILE')} is set too; set one of them")
                continue
            try:
                text = Path(text).read_text("utf-8").removesuffix("\n")
            except OSError as error:
                problems.append(f"{name}: the file {text} cannot be read: {error.strerror}")
                continue
            except UnicodeDecodeError:
                problems.append(f"{name}: the file {text} holds no text (UTF-8)")
                continue
            path = (*path[:-1], path[-1].removesuffix("_file"))
        yield path, text, name


def _flags(flags: Mapping[str, str]) -> Iterator[tuple[TreePath, str, str]]:
    for name, text in flags.items():
        yield tuple(name.split(".")), text, f"--set {name}"


def _spelled(tree: Tree, path: TreePath) -> TreePath:
    """The path as it is spelled already: variables know neither capitals nor dashes."""
    spelled: list[str] = []
    here: Any = tree
    for part in path:
        names = here if isinstance(here, dict) else {}
        alike = {_folded(name): name for name in names}
        spelled.append(part if part in names else alike.get(_folded(part), part))
        here = opened(names.get(spelled[-1]))
    return tuple(spelled)


def _folded(name: str) -> str:
    return name.lower().replace("-", "_")


def _put(tree: Tree, path: TreePath, value: Any) -> None:
    for part in path[:-1]:
        below = opened(tree.get(part))
        tree[part] = below if isinstance(below, dict) else {}
        tree = tree[part]
    tree[path[-1]] = value
