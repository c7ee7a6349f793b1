"""`aiex import`: settings made of another gateway's configuration."""

import os
import tempfile
from pathlib import Path

import click

from aiex.cli.terminal_text import harmless
from aiex.errors import AiexError, SettingsError
from aiex.litellm import Conversion, Loss, converted, load_yaml, toml_text
from aiex.settings import load


class ImportRefused(AiexError):
    """The settings could not be made, or would not be right."""


@click.group("import")
def import_settings() -> None:
    """Make settings of another gateway's configuration."""


@import_settings.command()
@click.argument("config", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The settings file to write; standard output if not given.",
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def litellm(config: Path, output: Path | None, force: bool) -> None:
    """Make settings of CONFIG, the config.yaml of LiteLLM's proxy.

    Secrets are never copied: the file says in comments how to give each. What has no place in the
    settings is listed on standard error, each with its path in CONFIG and the reason.

    \b
    Examples:
      aiex import litellm config.yaml -o aiex.toml
      aiex import litellm config.yaml | less
    """
    conversion = converted(load_yaml(_content(config)), os.environ)
    text = toml_text(conversion, config.name)
    _check(text)
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(output, text, force=force)
    click.echo("\n".join(_told(conversion, output)), err=True)


def _content(config: Path) -> bytes:
    try:
        return config.read_bytes()
    except OSError as error:
        raise ImportRefused(f"{config} cannot be read: {error.strerror}.") from error


def _check(text: str) -> None:
    """What `aiex config check` would say of the file, before there is one."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "aiex.toml"
        file.write_text(text, "utf-8")
        try:
            load(file, {}, {})
        except SettingsError as error:
            problems = str(error).replace(f"{file}", "the settings made")
            raise ImportRefused(
                f"Nothing was written, since the settings made would not be right:\n{problems}"
            ) from error


def _write(output: Path, text: str, *, force: bool) -> None:
    try:
        with output.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise ImportRefused(
            f"{output} is there already; --force writes over it, -o names another."
        ) from error
    except OSError as error:
        raise ImportRefused(f"{output} cannot be written: {error.strerror}.") from error


def _told(conversion: Conversion, output: Path | None) -> list[str]:
    settings = conversion.settings
    models, providers = len(settings.get("models", {})), len(settings.get("providers", {}))
    lines = [f"{_count(models, 'model')}, {_count(providers, 'provider')}."]
    if conversion.secrets:
        lines += ["", "Secrets to give, in the environment or as …_FILE:"]
    for secret in conversion.secrets:
        given = f'="${secret.variable}"' if secret.variable else "  (its value is in the file)"
        lines.append(f"  {secret.aiex_variable}{given}")
    if conversion.losses:
        lines += ["", f"{_count(len(conversion.losses), 'thing')} not as in LiteLLM:"]
    lines += [_line(loss) for loss in conversion.losses]
    if output is not None:
        lines += ["", f"Next: aiex config check --config {output}"]
    return lines


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _line(loss: Loss) -> str:
    return f"  {harmless(loss.path)}: {loss.reason}"
