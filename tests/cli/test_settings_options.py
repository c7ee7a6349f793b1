"""The options for settings: what was said on the command line, whole and once more as arguments."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from aiex.cli.settings_options import SHORT_FLAGS, GivenSettings, settings_options

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
PATH = st.from_regex(r"[a-z_]{1,8}(\.[a-z_]{1,8}){1,2}", fullmatch=True)


def given_by(arguments: list[str]) -> GivenSettings:
    """What a command is given when called so; raises `click.UsageError`."""
    taken: list[GivenSettings] = []

    @click.command()
    @settings_options
    def command(given: GivenSettings) -> None:
        taken.append(given)

    command.main(arguments, standalone_mode=False)
    return taken[0]


@pytest.mark.parametrize("flag", SHORT_FLAGS)
def test_a_short_flag_is_a_setting(flag: str) -> None:
    given = given_by([f"--{flag.replace('_', '-')}", "7"])
    assert given.flags == {SHORT_FLAGS[flag]: "7"}


@pytest.mark.parametrize("flag", ["--port", "--admin-port"])
@pytest.mark.parametrize("text", ["high", "65536", "²", ""])
def test_a_port_that_is_none_is_wrong_usage(flag: str, text: str) -> None:
    with pytest.raises(click.UsageError) as refused:
        given_by([flag, text])
    assert refused.value.format_message() == (
        f"Invalid value for '{flag}': {text!r} is no port; a port is 0 to 65535"
    )


def test_any_setting_can_be_set_and_a_value_may_have_equals_signs() -> None:
    given = given_by(["--set", "log.level=debug", "--set=node.name=a=b", "--set", "api.key="])
    assert given.flags == {"log.level": "debug", "node.name": "a=b", "api.key": ""}


def test_a_short_flag_wins_over_set() -> None:
    assert given_by(["--port=1", "--set=api.port=2"]).flags == {"api.port": "1"}


@pytest.mark.parametrize("assignment", ["log.level", "=debug", ""])
def test_a_setting_without_a_name_or_an_equals_sign_is_wrong_usage(assignment: str) -> None:
    with pytest.raises(click.UsageError, match=r"write it as --set log\.level=debug"):
        given_by(["--set", assignment])


@given(st.dictionaries(PATH, TEXT))
def test_what_was_said_can_be_said_to_another_command(flags: dict[str, str]) -> None:
    given = GivenSettings(Path("/etc/aiex.toml"), flags)
    again = given_by(given.arguments())
    assert (again.file, again.flags) == (given.file, given.flags)


def test_the_file_is_the_one_named_else_the_environments(tmp_path: Path) -> None:
    file = tmp_path / "aiex.toml"
    file.write_text('[node]\nname = "from-file"\n')

    @click.command()
    @settings_options
    def command(given: GivenSettings) -> None:
        loaded = given.load()
        click.echo(f"{loaded.settings.node.name} {loaded.sources['node.name']}")

    run = CliRunner().invoke
    assert run(command, ["-c", str(file)]).stdout == f"from-file {file}\n"
    assert run(command, [], env={"AIEX_CONFIG": str(file)}).stdout == f"from-file {file}\n"
    both = run(command, ["-c", str(file)], env={"AIEX_CONFIG": "/no/such"})
    assert both.stdout == f"from-file {file}\n"


def test_a_directory_is_no_settings_file(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="is a directory"):
        given_by(["--config", str(tmp_path)])
