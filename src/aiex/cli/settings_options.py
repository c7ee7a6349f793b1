"""The options by which `serve`, `up` and `config` are told their settings."""

import functools
import os
from collections.abc import Callable
from pathlib import Path

import click

from aiex.settings import Loaded, default_file, load

# Flags with a name of their own, for what is changed most often.
SHORT_FLAGS = {
    "name": "node.name",
    "data_dir": "node.data_dir",
    "host": "api.host",
    "port": "api.port",
    "admin_port": "admin.port",
}


class Port(click.ParamType[str]):
    """A flag's own value is usage, and status 2; what --set says is judged with all settings."""

    name = "port"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not (value.isascii() and value.isdecimal() and int(value) <= 65535):
            self.fail(f"{value!r} is no port; a port is 0 to 65535", param, ctx)
        return value


def settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds --config, --set and the short flags; the command gets `given`, what was said."""

    @click.option(
        "-c",
        "--config",
        "config_file",
        type=click.Path(dir_okay=False, path_type=Path),
        help="The settings file; aiex.toml here or ~/.config/aiex/aiex.toml if not given.  "
        "[env: AIEX_CONFIG]",
    )
    @click.option(
        "--set",
        "assignments",
        metavar="PATH=VALUE",
        multiple=True,
        help="One setting, as in --set log.level=debug; may be repeated.",
    )
    @click.option("--name", metavar="NAME", help="The node's name; the host's if not given.")
    @click.option("--data-dir", metavar="DIR", help="Where the node keeps its state.")
    @click.option("--host", metavar="ADDRESS", help="Where the API listens.")
    @click.option("--port", metavar="PORT", type=Port(), help="The API's port; 0 picks a free one.")
    @click.option(
        "--admin-port", metavar="PORT", type=Port(), help="The admin port; 0 picks a free one."
    )
    @functools.wraps(command)
    def with_settings(
        *args: object,
        config_file: Path | None,
        assignments: tuple[str, ...],
        name: str | None,
        data_dir: str | None,
        host: str | None,
        port: str | None,
        admin_port: str | None,
        **others: object,
    ) -> None:
        short = {
            "name": name,
            "data_dir": data_dir,
            "host": host,
            "port": port,
            "admin_port": admin_port,
        }
        flags = {SHORT_FLAGS[flag]: value for flag, value in short.items() if value is not None}
        given = GivenSettings(config_file, {**_assigned(assignments), **flags})
        command(*args, given=given, **others)

    return with_settings


class GivenSettings:
    """Where the settings come from, as the command line says."""

    def __init__(self, file: Path | None, flags: dict[str, str]) -> None:
        self.file = file or default_file(os.environ)
        self.flags = flags

    def load(self) -> Loaded:
        """The settings; raises `SettingsError` with every problem."""
        return load(self.file, os.environ, self.flags)

    def arguments(self) -> list[str]:
        """The same, as arguments for another `aiex` command."""
        file = ["--config", str(self.file)] if self.file is not None else []
        return file + [f"--set={path}={value}" for path, value in self.flags.items()]


def _assigned(assignments: tuple[str, ...]) -> dict[str, str]:
    flags: dict[str, str] = {}
    for assignment in assignments:
        path, equals, value = assignment.partition("=")
        if not equals or not path:
            raise click.UsageError(
                f"--set {assignment!r} has no '='; write it as --set log.level=debug."
            )
        flags[path] = value
    return flags
