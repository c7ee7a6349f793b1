"""Lines that begin with a slash: commands, near misses, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.cli.slash_command import SLASH_COMMANDS, SlashCommand, slash_command, slash_help


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("/help", ("help", "")),
        ("/HELP  ", ("help", "")),
        ("/model sonnet", ("model", "sonnet")),
        ("/model\tsonnet ", ("model", "sonnet")),
        ("/model", ("model", "")),
        ("/save two words.json", ("save", "two words.json")),
        ("/system\nBe brief.\nBe kind.", ("system", "Be brief.\nBe kind.")),
        ("/quit", ("exit", "")),
    ],
)
def test_a_command_and_its_argument_are_told_apart(line: str, command: tuple[str, str]) -> None:
    assert slash_command(line) == SlashCommand(*command)


@pytest.mark.parametrize("line", ["", "hello", " /help", "what is /etc?", "\n/help"])
def test_what_begins_otherwise_is_a_prompt(line: str) -> None:
    assert slash_command(line) is None


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("/modle x", "There is no /modle. Did you mean /model?"),
        ("/etc/passwd is what?", "/help lists what there is. To send it as a prompt, begin with"),
        ("/", "There is no /. /help lists"),
        ("/ clear", "There is no /."),
        ("/save", "/save needs FILE: /save FILE"),
        ("/load   ", "/load needs FILE"),
        ("/clear everything", "/clear takes nothing after it."),
    ],
)
def test_a_mistake_is_answered_with_what_to_do(line: str, sentence: str) -> None:
    answer = slash_command(line)
    assert isinstance(answer, str)
    assert sentence in answer


@given(st.text())
def test_every_line_is_a_prompt_or_a_known_command_or_a_sentence(line: str) -> None:
    command = slash_command(line)
    assert (command is None) == (not line.startswith("/"))
    assert not isinstance(command, SlashCommand) or command.name in SLASH_COMMANDS


def test_help_has_a_line_for_every_command() -> None:
    lines = slash_help()
    for name, (argument, _) in SLASH_COMMANDS.items():
        assert any(line.startswith(f"  /{name} {argument}".rstrip()) for line in lines)
