"""`aiex config`: are the settings right, and where does each one come from?"""

import click
import msgspec

from aiex.cli.output import Output, output_option, print_json, print_table
from aiex.cli.settings_options import GivenSettings, settings_options
from aiex.errors import SettingsError
from aiex.settings import shown_settings


class Verdict(msgspec.Struct, frozen=True):
    """`aiex config check -o json`."""

    is_valid: bool
    file: str | None
    problems: list[str]


@click.group()
def config() -> None:
    """Check and show the settings.

    They come from a TOML file, then the environment (AIEX_SECTION__KEY, or AIEX_SECTION__KEY_FILE
    for what a file holds), then flags; later ones win.

    \b
    Examples:
      aiex config check --config aiex.toml
      aiex config show
      AIEX_API__PORT=9000 aiex config show -o json
    """


@config.command()
@output_option
@settings_options
def check(output: Output, given: GivenSettings) -> None:
    """Tell every problem at once; ends with status 1 if there is one."""
    try:
        given.load()
        problems: list[str] = []
    except SettingsError as error:
        problems = str(error).splitlines()
    file = str(given.file) if given.file is not None else None
    if output == "json":
        print_json(Verdict(not problems, file, problems))
    elif problems:
        click.echo("\n".join(problems), err=True)
        click.echo(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}.", err=True)
    else:
        click.echo(f"The settings are right ({file or 'no file'}).")
    if problems:
        click.get_current_context().exit(1)


@config.command()
@click.option("--all", "show_all", is_flag=True, help="Defaults too, not only what was set.")
@output_option
@settings_options
def show(show_all: bool, output: Output, given: GivenSettings) -> None:
    """Show each setting, its value and where it comes from; secrets are masked."""
    rows = [
        one for one in shown_settings(given.load()) if one.source or show_all or output == "json"
    ]
    if output == "json":
        print_json(rows)
        return
    if not rows:
        click.echo("Everything is at its default; --all shows it.")
        return
    cells = [(one.setting, _text(one.value), one.source or "default") for one in rows]
    print_table(("SETTING", "VALUE", "SOURCE"), cells)


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
