"""`aiex completion`: a script that the shell accepts."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from aiex.testing.command_line import run_aiex


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_asks_the_command_what_fits(shell: str, tmp_path: Path) -> None:
    said = run_aiex(tmp_path, "completion", shell)
    assert said.exit_code == 0
    assert f"_AIEX_COMPLETE={shell}_complete" in said.stdout


def test_another_shell_is_wrong_usage_that_names_those_there_are(tmp_path: Path) -> None:
    said = run_aiex(tmp_path, "completion", "powershell")
    assert said.exit_code == 2
    assert "'bash', 'zsh', 'fish'" in said.stderr


@pytest.mark.integration
def test_bash_takes_the_script_and_registers_the_command(
    need: Callable[[str, str], str], tmp_path: Path
) -> None:
    script = run_aiex(tmp_path, "completion", "bash").stdout + "\ncomplete -p aiex\n"
    done = subprocess.run(
        [need("bash", "bash"), "--norc"],
        input=script,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.rstrip().endswith(" aiex")
    assert done.stderr == ""
