"""From a file, the environment and flags to settings: all checked, every problem told at once.

Later sources win: file, then `AIEX_SECTION__KEY` or `AIEX_SECTION__KEY_FILE`, then flags.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from aiex.errors import SettingsError
from aiex.settings.loopback import is_loopback
from aiex.settings.secret import Secret
from aiex.settings.settings import Settings

PREFIX = "AIEX_"
# Variables of the command line that are not settings.
OTHER_VARIABLES = frozenset({"AIEX_CONFIG", "AIEX_API_KEY", "AIEX_URL", "AIEX_ADMIN_URL"})

type Tree = dict[str, Any]


class Loaded(msgspec.Struct, frozen=True):
    settings: Settings
    sources: dict[str, str]  # dotted path -> where its value came from


def load(file: Path | None, environment: Mapping[str, str], flags: Mapping[str, str]) -> Loaded:
    """The settings; raises `SettingsError` with one line for each problem."""
    problems: list[str] = []
    tree: Tree = {}
    sources: dict[str, str] = {}
    if file is not None:
        content = _toml(file, problems)
        for path, value in _leaves(content):
            _put(tree, path, value)
            sources[".".join(path)] = str(file)
    for path, text, source in [*_variables(environment, problems), *_flags(flags)]:
        known = _known_path(tree, path)
        _put(tree, known, _value(text))
        sources[".".join(known)] = source
    settings = _checked(Settings, tree, (), sources, problems)
    if not problems:
        problems += _conflicts(settings)
    if problems:
        raise SettingsError("\n".join(problems))
    return Loaded(settings, sources)


def default_file(environment: Mapping[str, str]) -> Path | None:
    """`$AIEX_CONFIG`, else `aiex.toml` here, else `aiex/aiex.toml` in the XDG config home."""
    if chosen := environment.get("AIEX_CONFIG"):
        return Path(chosen)
    home = (
        environment.get("XDG_CONFIG_HOME") or f"{environment.get('HOME') or '/nonexistent'}/.config"
    )
    candidates = (Path("aiex.toml"), Path(home) / "aiex" / "aiex.toml")
    return next((file for file in candidates if file.is_file()), None)


def _toml(file: Path, problems: list[str]) -> Tree:
    try:
        return tomllib.loads(file.read_text())
    except OSError as error:
        problems.append(f"{file}: cannot be read: {error.strerror}")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{file}: not valid TOML: {error}")
    return {}


def _leaves(tree: Tree, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _variables(
    environment: Mapping[str, str], problems: list[str]
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    for name, text in sorted(environment.items()):
        if not name.startswith(PREFIX) or name in OTHER_VARIABLES:
            continue
        path = tuple(name.removeprefix(PREFIX).lower().split("__"))
        if path[-1].endswith("_file"):
            if f"{name.removesuffix('_FILE')}" in environment:
                problems.append(f"{name}: {name.removesuffix('_FILE')} is set too; set one of them")
                continue
            try:
                text = Path(text).read_text().removesuffix("\n")
            except (OSError, UnicodeDecodeError) as error:
                problems.append(f"{name}: the file {text} cannot be read: {error}")
                continue
            path = (*path[:-1], path[-1].removesuffix("_file"))
        yield path, text, name


def _flags(flags: Mapping[str, str]) -> Iterator[tuple[tuple[str, ...], str, str]]:
    for name, text in flags.items():
        yield tuple(name.split(".")), text, f"--set {name}"


def _known_path(tree: Tree, path: tuple[str, ...]) -> tuple[str, ...]:
    """The path as the file spells it: variables know neither capitals nor dashes."""
    spelled: list[str] = []
    here: Any = tree
    for part in path:
        names = (
            {name.lower().replace("-", "_"): name for name in here}
            if isinstance(here, dict)
            else {}
        )
        spelled.append(names.get(part.lower().replace("-", "_"), part))
        here = here.get(spelled[-1], {}) if isinstance(here, dict) else {}
    return tuple(spelled)


def _put(tree: Tree, path: tuple[str, ...], value: Any) -> None:
    for part in path[:-1]:
        below = tree.setdefault(part, {})
        if not isinstance(below, dict):
            below = tree[part] = {}
        tree = below
    tree[path[-1]] = value


class _Text(str):
    """A value from the environment or a flag: `8080` may mean a number or a name."""

    __slots__ = ()


def _value(text: str) -> Any:
    """Lists and tables are written as JSON; everything else is text until its type is known."""
    if text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except ValueError:
            return _Text(text)
    return _Text(text)


def _checked(
    shape: Any, value: Any, path: tuple[str, ...], sources: Mapping[str, str], problems: list[str]
) -> Any:
    """`value` as `shape`, or None with what is wrong added to `problems`."""
    if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
        return _checked_struct(shape, value, path, sources, problems)
    if get_origin(shape) is dict and get_args(shape)[1] is not str and isinstance(value, dict):
        inner = get_args(shape)[1]
        return {
            key: _checked(inner, one, (*path, key), sources, problems) for key, one in value.items()
        }
    try:
        if isinstance(value, _Text):
            # A plain str: what is a str stays the object it was, and msgspec encodes no subclass.
            return msgspec.convert(str(value), shape, strict=False, dec_hook=_secret)
        return msgspec.convert(value, shape, dec_hook=_secret)
    except msgspec.ValidationError as error:
        shown = "" if Secret in get_args(shape) or "key" in path[-1] else f" (it is {str(value)!r})"
        problems.append(f"{_where(path, sources)}: {error}{shown}")
        return None


def _checked_struct(
    shape: type[msgspec.Struct],
    value: Any,
    path: tuple[str, ...],
    sources: Mapping[str, str],
    problems: list[str],
) -> Any:
    if not isinstance(value, dict):
        problems.append(f"{_where(path, sources)}: expected a section with keys")
        return None
    hints = get_type_hints(shape, include_extras=True)
    for unknown in value.keys() - hints.keys():
        near = get_close_matches(unknown, hints, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else f"; known are {', '.join(hints)}"
        problems.append(f"{_where((*path, unknown), sources)}: unknown{hint}")
    count = len(problems)
    fields = {
        key: _checked(hints[key], one, (*path, key), sources, problems)
        for key, one in value.items()
        if key in hints
    }
    if len(problems) > count:
        return None
    try:
        return shape(**fields)
    except TypeError as error:
        problems.append(f"{_where(path, sources)}: {error}".replace("argument", "key"))
        return None


def _secret(shape: type, value: Any) -> Any:
    if shape is Secret and isinstance(value, str) and value:
        return Secret(value)
    raise ValueError("expected a text that is not empty")


def _where(path: tuple[str, ...], sources: Mapping[str, str]) -> str:
    dotted = ".".join(path) or "the settings"
    below = (source for name, source in sources.items() if f"{name}.".startswith(f"{dotted}."))
    source = next(below, "")
    return f"{dotted} ({source})" if source else dotted


def _conflicts(settings: Settings) -> list[str]:
    """What is wrong between settings that are each right."""
    return [
        *_provider_conflicts(settings),
        *_model_conflicts(settings),
        *_listener_conflicts(settings),
    ]


def _provider_conflicts(settings: Settings) -> Iterator[str]:
    for name, provider in settings.providers.items():
        if provider.kind == "openai" and not provider.base_url.startswith(("http://", "https://")):
            yield f"providers.{name}.base_url: an openai provider needs http(s)://…/v1"
        if any(header.lower() in ("authorization", "x-api-key") for header in provider.headers):
            yield f"providers.{name}.headers: put the secret into api_key instead"


def _model_conflicts(settings: Settings) -> Iterator[str]:
    names = settings.providers.keys()
    for name, model in settings.models.items():
        for target in model.targets:
            if target.provider not in names:
                near = get_close_matches(target.provider, names, n=1)
                hint = f"; did you mean '{near[0]}'?" if near else ""
                yield f"models.{name}: there is no provider '{target.provider}'{hint}"
        for fallback in model.fallbacks:
            if fallback not in settings.models:
                yield f"models.{name}: the fallback '{fallback}' is not a model"


def _listener_conflicts(settings: Settings) -> Iterator[str]:
    if settings.api.auth == "open" and not is_loopback(settings.api.host):
        yield "api.auth: 'open' is possible on loopback only"
    same_host = settings.api.host == settings.admin.host
    if same_host and settings.api.port == settings.admin.port != 0:
        yield "admin.port: the API is on this port already"
    if settings.engine.url and settings.engine.server_path:
        yield "engine.server_path: an external engine (engine.url) has no program here"
