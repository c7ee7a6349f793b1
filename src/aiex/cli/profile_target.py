"""Where a profile goes: `-o` names a file, or what is printed."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click

from aiex.errors import AiexError
from aiex.performance.formats import FORMATS, OutputFormat, format_of
from aiex.private_file import write_private

TEXT = "text"
_SUFFIXES = ", ".join(one.suffixes[0] for one in FORMATS.values())


class FileTrouble(AiexError):
    """The file cannot be written."""


class Target(NamedTuple):
    """`format` None: a text for people. `path` None: it is printed."""

    format: OutputFormat | None = None
    path: Path | None = None

    def put(self, content: bytes, *, is_difference: bool = False) -> None:
        """Write the file, whole or not at all, or print; raises `FileTrouble`."""
        if self.path is None:
            is_binary = self.format is not None and not self.format.is_text
            click.echo(content, nl=not is_binary and not content.endswith(b"\n"))
            return
        try:
            write_private(self.path, content)
        except OSError as error:
            raise FileTrouble(f"{self.path} cannot be written: {error.strerror}.") from error
        click.echo(f"{self.path}: {len(content):,} bytes, {self._hint(is_difference)}", err=True)

    def _hint(self, is_difference: bool) -> str:
        match self.format.name if self.format else "":
            case "html":
                return "open it in a browser."
            case "speedscope":
                return "open it at https://www.speedscope.app, which keeps it in your browser."
            case "pprof":
                return f"look at it with `go tool pprof -http=: {self.path}`."
            case "collapsed":
                return f"draw it with `flamegraph.pl {self.path}`."
            case _ if is_difference:
                return "what changed of each function, for programs."
            case _:
                return "read it again with `aiex profile convert` or `aiex profile diff`."


def target_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds -o and --format, read by `target_of`."""
    for option in (
        click.option(
            "--format",
            "format_name",
            type=click.Choice(list(FORMATS)),
            help="What is written, where the file's name does not say it.",
        ),
        click.option(
            "-o",
            "--output",
            metavar="FILE",
            default=TEXT,
            help=f"The file to write, by its end: {_SUFFIXES}. Or what to print: "
            f"{', '.join([TEXT, *FORMATS])}.  [default: {TEXT}]",
        ),
    ):
        command = option(command)
    return command


def target_of(output: str, format_name: str | None) -> Target:
    """What `-o` and `--format` mean; raises `click.UsageError` when they leave it open."""
    if output == TEXT:
        return Target(FORMATS[format_name] if format_name else None)
    if output in FORMATS or output == "-":
        target = Target(FORMATS.get(format_name or output))
        if target.format is None:
            raise click.UsageError("-o - needs --format, to say what is printed.")
    else:
        path = Path(output)
        if path.is_dir():
            raise click.UsageError(f"'{path}' is a directory; name a file in it.")
        target = Target(FORMATS[format_name] if format_name else format_of(path), path)
        if target.format is None:
            raise click.UsageError(
                f"The end of '{path.name}' says no format: give it one of {_SUFFIXES}, or add "
                "--format."
            )
        if not path.absolute().parent.is_dir():
            raise click.UsageError(f"There is no directory '{path.parent}'.")
        # Said before anything is looked at: what was seen would be lost with the file.
        if not os.access(path.absolute().parent, os.W_OK | os.X_OK):
            raise click.UsageError(f"Nothing can be written in '{path.absolute().parent}'.")
    if target.path is None and not target.format.is_text and sys.stdout.isatty():
        raise click.UsageError(
            f"{target.format.name} is not for a terminal; name a file: "
            f"-o profile{target.format.suffixes[0]}"
        )
    return target
