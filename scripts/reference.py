"""Write `docs/reference/`: every setting, command, route, metric, event and error of the source.

The pages are made of the code, so they cannot differ from it; `--check` fails when they do.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from inspect import getdoc
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import click
import msgspec

from aiex import errors
from aiex.assistant.routes import ROUTES
from aiex.cli.main import SUBCOMMANDS, root
from aiex.kubernetes.diagnosis import RULES
from aiex.node.admin import OPERATIONS
from aiex.node.requests import ALL_REQUESTS
from aiex.settings import Secret, Settings
from aiex.telemetry.metrics import METRICS

DIRECTORY = Path(__file__).parent.parent / "docs" / "reference"
EVENT_MODULES = (
    "aiex.service",
    "aiex.engine.events",
    "aiex.cluster.events",
    "aiex.fastglobal.events",
    "aiex.store.events",
    "aiex.store.view_events",
    "aiex.performance.memory.events",
    "aiex.assistant.events",
    "aiex.performance.collector.events",
    "aiex.performance.sampling.events",
    "aiex.performance.tasks.events",
    "aiex.performance.loop.events",
    "aiex.performance.tracer.events",
)


def pages() -> dict[str, str]:
    """The text of each page by its file name."""
    return {
        "settings.md": _page(_settings()),
        "cli.md": _page(_cli()),
        "http.md": _page(_http()),
        "metrics.md": _page(_metrics()),
        "events.md": _page(_events()),
        "errors.md": _page(_errors()),
        "calls.md": _page(_calls()),
        "doctor.md": _page(_doctor()),
    }


def _page(lines: Iterator[str]) -> str:
    made = "<!-- Made by scripts/reference.py from the source; `make reference` renews it. -->"
    return "\n".join([made, "", *lines]).rstrip() + "\n"


def _settings() -> Iterator[str]:
    yield "# Settings"
    yield ""
    yield (
        "Later sources win: a TOML file (`aiex.toml` here, else `~/.config/aiex/aiex.toml`; or "
        "`--config`, `AIEX_CONFIG`), the environment (`AIEX_API__PORT=9000` is `api.port`), flags "
        "(`--set api.port=9000`). Any variable may end in `_FILE` and name a file that holds the "
        "value, which is how secrets are given: `AIEX_API__KEY_FILE=/run/secrets/key`. Lists and "
        "tables in variables and flags are JSON."
    )
    yield ""
    yield "`aiex config check` tells every problem at once, `aiex config show` what is in force."
    for section, shape in get_type_hints(Settings).items():
        if get_origin(shape) is dict:
            yield from _section(f"{section}.<name>", get_args(shape)[1])
        else:
            yield from _section(section, shape)


def _section(path: str, shape: type[msgspec.Struct]) -> Iterator[str]:
    yield from ("", f"## `[{path}]`", "")
    rows: list[Sequence[str]] = []
    nested: list[tuple[str, type[msgspec.Struct]]] = []
    for field in msgspec.structs.fields(shape):
        kind, meta = _annotation(field.type)
        inner = get_args(kind)[0] if get_origin(kind) is tuple else kind
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            nested.append((f"{path}.{field.name}", inner))
        row = (f"`{field.name}`", _kind(kind, meta), _default(field), meta.description or "")
        rows.append(row)
    yield from _table(("setting", "takes", "default", "meaning"), rows)
    for below, inner in nested:
        yield from _section(below, inner)


def _annotation(hint: Any) -> tuple[Any, msgspec.Meta]:
    """A field's plain type, and all that its annotations say."""
    bounds: dict[str, Any] = {}
    while metas := getattr(hint, "__metadata__", ()):
        for meta in metas:
            known = {key: getattr(meta, key) for key in ("ge", "gt", "le", "description")}
            bounds |= {key: value for key, value in known.items() if value is not None}
        hint = hint.__origin__
    return hint, msgspec.Meta(**bounds)


def _kind(hint: Any, meta: msgspec.Meta) -> str:
    names = {str: "text", int: "number", float: "number", bool: "true or false", Secret: "secret"}
    if get_origin(hint) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(hint))
    if get_origin(hint) is tuple:
        return "list"
    if get_origin(hint) is dict:
        return "table"
    if (optional := [one for one in get_args(hint) if one is not type(None)]) != []:
        return _kind(optional[0], meta)
    bounds = [
        f"{sign} {bound:g}"
        for sign, bound in (("≥", meta.ge), (">", meta.gt), ("≤", meta.le))
        if bound is not None
    ]
    return " ".join([names.get(hint, "table"), ", ".join(bounds)]).strip()


def _default(field: Any) -> str:
    if field.required:
        return "required"
    value = field.default
    if value is msgspec.NODEFAULT:
        value = field.default_factory()
    if value is None or value == "" or isinstance(value, msgspec.Struct):
        return ""
    return f"`{msgspec.json.encode(value).decode()}`"


def _cli() -> Iterator[str]:
    yield "# Command line"
    yield ""
    yield "Exit status: 0 done, 1 a finding or a failure, 2 wrong usage, 130 Ctrl-C."
    context = click.Context(root, info_name="aiex", terminal_width=100, **root.context_settings)
    yield from _help(root, context)
    for name in SUBCOMMANDS:
        command = root.get_command(context, name)
        assert command is not None
        yield from _command(command, click.Context(command, info_name=name, parent=context))


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    yield from ("", f"## `{context.command_path}`")
    yield from _help(command, context)
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from _command(below, click.Context(below, info_name=name, parent=context))


def _help(command: click.Command, context: click.Context) -> Iterator[str]:
    yield from ("", "```text", *command.get_help(context).splitlines(), "```")


def _doctor() -> Iterator[str]:
    yield "# What `aiex k8s doctor` looks for"
    yield ""
    yield (
        "In this order. What a rule finds stands below a finding of a rule it comes after, of the "
        "same component, since it most likely follows from that "
        "([the guide](../guides/kubernetes-doctor.md))."
    )
    yield ""
    yield from _table(
        ("rule", "severity", "question", "comes after"),
        [
            (f"`{one.name}`", one.severity, one.meaning, ", ".join(f"`{n}`" for n in one.after))
            for one in RULES
        ],
    )


def _http() -> Iterator[str]:
    yield "# HTTP"
    yield ""
    yield "## API listener (`api.host`, `api.port`)"
    yield ""
    yield from _table(
        ("method", "path", "credential", "meaning"),
        [
            (one.method, f"`{one.path}`", "API key" if one.needs_key else "none", one.summary)
            for one in ROUTES
        ],
    )
    yield from ("", "## Admin listener (`admin.host`, `admin.port`)", "")
    yield "`/` shows this table with every answer's shape; `/openapi.json` is OpenAPI 3.1."
    yield ""
    yield from _table(
        ("method", "path", "credential", "meaning"),
        [
            (one.method, f"`{one.path}`", "token" if one.needs_token else "none", one.summary)
            for one in OPERATIONS
        ],
    )


def _metrics() -> Iterator[str]:
    yield "# Metrics"
    yield ""
    yield "Prometheus' text format, at `/metrics` of the admin listener."
    yield ""
    yield from _table(
        ("metric", "kind", "labels", "meaning"),
        [
            (f"`{one.name}`", one.kind, ", ".join(f"`{name}`" for name in one.labels), one.text)
            for one in METRICS.values()
        ],
    )


def _events() -> Iterator[str]:
    yield "# Events"
    yield ""
    yield "What parts say happened. Telemetry listens; nothing waits for it."
    for name in EVENT_MODULES:
        for event in _defined(name, lambda one: issubclass(one, msgspec.Struct)):
            fields = ", ".join(f"`{field}`" for field in event.__struct_fields__)
            yield from ("", f"## {event.__name__}", "", getdoc(event) or "", "", fields)


def _errors() -> Iterator[str]:
    yield "# Errors"
    yield ""
    yield "A class's meaning is also its message when nothing more is known."
    yield ""
    yield from _table(
        ("error", "is a", "meaning"),
        [
            (f"`{one.__name__}`", f"`{one.__base__.__name__}`", (getdoc(one) or "").split("\n")[0])
            for one in _defined(errors.__name__, lambda one: issubclass(one, Exception))
            if one.__base__ is not None
        ],
    )


def _calls() -> Iterator[str]:
    yield "# Calls between nodes"
    yield ""
    yield (
        "The requests that nodes put to each other; `docs/internals/calls.md` has how they travel. "
        "What a node does not know it refuses in words."
    )
    for kind in ALL_REQUESTS:
        yield from ("", f"## `{kind.name}`", "", kind.text, "")
        shapes = (("request", kind.request), ("answer", kind.answer))
        rows = [(what, f"`{shape.__name__}`", _fields(shape)) for what, shape in shapes]
        yield from _table(("", "type", "fields"), rows)


def _fields(shape: type[Any]) -> str:
    return ", ".join(f"`{field}`" for field in shape.__struct_fields__) or "none"


def _defined(module: str, is_meant: Callable[[type], bool]) -> list[type[Any]]:
    """The classes that a module itself defines, in its order."""
    classes = [one for one in vars(import_module(module)).values() if isinstance(one, type)]
    return [one for one in classes if one.__module__ == module and is_meant(one)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', r'\\|') for cell in row)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    is_check = parser.parse_args().check
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    stale = [
        name
        for name, text in pages().items()
        if not (file := DIRECTORY / name).is_file() or file.read_text() != text
    ]
    if is_check and stale:
        sys.exit(
            f"docs/reference is not what the source says: {', '.join(stale)}. Run `make reference`."
        )
    for name in stale:
        (DIRECTORY / name).write_text(pages()[name])
        print(f"wrote docs/reference/{name}")


if __name__ == "__main__":
    main()
