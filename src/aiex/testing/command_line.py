"""The `aiex` command run in this process, in a home of its own."""

import os
from pathlib import Path

from click.testing import CliRunner, Result

from aiex.cli.main import root


def run_aiex(home: Path, *arguments: str, piped: str | bytes = "", **variables: str) -> Result:
    """What a command said and its exit status; nothing of the caller's environment reaches it.

    It runs in `home`, with `piped` on its standard input and the `variables` set.
    """
    foreign = {name: None for name in os.environ if name.startswith(("AIEX_", "XDG_"))}
    runner = CliRunner(env={**foreign, "HOME": str(home), **variables})
    before = Path.cwd()
    os.chdir(home)
    try:
        return runner.invoke(root, arguments, input=piped, prog_name="aiex")
    finally:
        os.chdir(before)
