"""The command itself: what it offers, and how mistakes and failures end."""

from importlib import import_module
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from aiex.cli.main import INTERRUPTED, SUBCOMMANDS, LazyGroup, root
from aiex.testing.command_line import run_aiex

# Of nobody: port 9 is not listened on, and a port below 1024 is given to nobody by chance.
NOWHERE = "--admin-url=http://127.0.0.1:9"


def test_help_names_every_command_and_gives_examples(tmp_path: Path) -> None:
    said = run_aiex(tmp_path, "--help")
    assert said.exit_code == 0
    assert "aiex chat " in said.stdout
    for name, subcommand in SUBCOMMANDS.items():
        assert f"  {name} " in said.stdout
        assert subcommand.help in said.stdout


def test_without_a_command_help_is_shown_as_wrong_usage(tmp_path: Path) -> None:
    said = run_aiex(tmp_path)
    assert said.exit_code == 2
    assert "aiex status" in said.output


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_command_helps(name: str, tmp_path: Path) -> None:
    said = run_aiex(tmp_path, name, "-h")
    assert said.exit_code == 0
    assert said.stdout.startswith(f"Usage: aiex {name} ")


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_the_list_says_of_a_command_what_the_command_says(name: str) -> None:
    command = getattr(import_module(SUBCOMMANDS[name].module), SUBCOMMANDS[name].attribute or name)
    assert isinstance(command, click.Command)
    said = command.get_short_help_str(1000).lower()
    assert said.startswith(SUBCOMMANDS[name].help.lower().rstrip("."))


@pytest.mark.parametrize(
    ("word", "hint"),
    [("stauts", "Did you mean 'status'?"), ("frobnicate", "'aiex --help' lists what there is.")],
)
def test_an_unknown_command_is_wrong_usage_with_a_hint(
    word: str, hint: str, tmp_path: Path
) -> None:
    said = run_aiex(tmp_path, word)
    assert said.exit_code == 2
    assert f"There is no command '{word}'. {hint}" in said.stderr
    assert said.stdout == ""


def test_an_unknown_option_is_wrong_usage(tmp_path: Path) -> None:
    assert run_aiex(tmp_path, "--wrong").exit_code == 2
    assert run_aiex(tmp_path, "status", "--wrong").exit_code == 2


def test_a_failure_is_one_sentence_and_status_1(tmp_path: Path) -> None:
    said = run_aiex(tmp_path, "status", NOWHERE)
    assert said.exit_code == 1
    assert said.stdout == ""
    assert said.stderr.startswith("Error: No node answers at http://127.0.0.1:9.")
    assert said.stderr.count("\n") == 1


def test_ctrl_c_is_status_130() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    group = LazyGroup("aiex", callback=interrupted, invoke_without_command=True)
    assert CliRunner().invoke(group, []).exit_code == INTERRUPTED == 130


def test_tab_offers_the_commands_that_begin_so() -> None:
    complete = ShellComplete(root, {}, "aiex", "_AIEX_COMPLETE")
    offered = {item.value for item in complete.get_completions([], "s")}
    assert offered == {name for name in SUBCOMMANDS if name.startswith("s")}
    offered = {item.value for item in complete.get_completions(["keys"], "")}
    assert {"create", "list", "revoke"} <= offered


def test_the_version_is_told(tmp_path: Path) -> None:
    assert run_aiex(tmp_path, "--version").stdout.startswith("aiex ")
