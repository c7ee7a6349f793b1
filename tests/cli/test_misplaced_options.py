"""Options that come before a subcommand, where nobody would hear of them."""

from pathlib import Path

import pytest

from aiex.testing.command_line import run_aiex


@pytest.mark.parametrize(
    ("arguments", "misplaced"),
    [
        (("gc", "--on", "all", "tune"), "--on before 'tune'"),
        (("gc", "--seconds", "5", "reset"), "--seconds before 'reset'"),
        (("memory", "--data-dir", "/tmp", "trim"), "--data-dir before 'trim'"),
        (("analyze", "-o", "json", "done", "gc-tune"), "-o before 'done'"),
        (("hot", "--on", "n1", "list"), "--on before 'list'"),
    ],
)
def test_an_option_before_the_subcommand_is_not_taken_for_nothing(
    tmp_path: Path, arguments: tuple[str, ...], misplaced: str
) -> None:
    said = run_aiex(tmp_path, *arguments)
    assert said.exit_code == 2
    assert f"{misplaced} says nothing; options of a subcommand come after it." in said.stderr
