"""`aiex config`: are the settings right, and where does each one come from?"""

from collections.abc import Sequence

import click
import msgspec

from aiex.cli.admin_client import decoded
from aiex.cli.answers.hot import HotList, Overridden
from aiex.cli.hot import HOT_PATH
from aiex.cli.node_lookup import NodeChoice
from aiex.cli.node_options import client_of
from aiex.cli.output import Output, output_option, print_json, print_table
from aiex.cli.settings_options import GivenSettings, settings_options
from aiex.errors import SettingsError
from aiex.settings import ShownSetting, shown_settings


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
      aiex config show --live
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
@click.option("--live", is_flag=True, help="With the hot values that a running node has instead.")
@output_option
@settings_options
def show(show_all: bool, live: bool, output: Output, given: GivenSettings) -> None:
    """Show each setting, its value and where it comes from; secrets are masked.

    With --live a running node is asked which hot values are in force instead of settings: the one
    of --data-dir or --name, else the only one here.
    """
    settings = shown_settings(given.load())
    if live:
        choice = NodeChoice(
            given.flags.get("node.name", ""), data_dir=given.flags.get("node.data_dir", "")
        )
        found = decoded(client_of(choice).get(HOT_PATH), HotList)
        settings = with_hot_values(settings, found.overridden)
    rows = [one for one in settings if one.source or show_all or output == "json"]
    if output == "json":
        print_json(rows)
        return
    if not rows:
        click.echo("Everything is at its default; --all shows it.")
        return
    cells = [(one.setting, _text(one.value), one.source or "default") for one in rows]
    print_table(("SETTING", "VALUE", "SOURCE"), cells)


def with_hot_values(
    settings: Sequence[ShownSetting], overridden: Sequence[Overridden]
) -> list[ShownSetting]:
    """The settings with what is in force instead, as far as they are there to be overridden."""
    instead = {one.setting: one for one in overridden}
    return [
        ShownSetting(one.setting, hot.value, f"hot value {hot.key}")
        if (hot := instead.get(one.setting)) is not None
        else one
        for one in settings
    ]


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
