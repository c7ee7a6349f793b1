"""`aiex serve` called wrongly; what it does when called rightly is in tests/integration."""

from pathlib import Path

import pytest

from aiex.testing.command_line import run_aiex


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--prot=1"], "--port"),
        (["--set", "log.level"], "--set 'log.level' has no '='; write it as"),
        (["--port"], "requires an argument"),
        (["extra"], "unexpected extra argument"),
        (["--config=."], "is a directory"),
    ],
)
def test_wrong_usage_is_status_2_with_a_hint(
    arguments: list[str], hint: str, tmp_path: Path
) -> None:
    said = run_aiex(tmp_path, "serve", *arguments)
    assert said.exit_code == 2
    assert hint in said.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--set=api.port=99999"], "api.port (--set api.port)"),
        (["--set=api.port=http"], "api.port (--set api.port)"),
        (["--set=api.prot=1"], "did you mean 'port'?"),
        (["--config=/no/such.toml"], "/no/such.toml: cannot be read: No such file or directory"),
    ],
)
def test_wrong_settings_are_status_1_and_nothing_is_started(
    arguments: list[str], problem: str, tmp_path: Path
) -> None:
    said = run_aiex(tmp_path, "serve", *arguments)
    assert said.exit_code == 1
    assert problem in said.stderr
    assert said.stdout == ""
    assert list(tmp_path.iterdir()) == []
