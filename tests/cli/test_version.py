"""`aiex version`: what is installed, in words and as JSON."""

import json
import platform
from importlib.metadata import version
from pathlib import Path

from aiex.testing.command_line import run_aiex


def test_versions_are_those_installed(tmp_path: Path) -> None:
    lines = run_aiex(tmp_path, "version").stdout.splitlines()
    assert lines[0].startswith(f"aiex {version('aiex')}, Python {platform.python_version()}, ")
    assert ["granian", version("granian")] in [line.split() for line in lines]


def test_versions_are_json_for_programs(tmp_path: Path) -> None:
    told = json.loads(run_aiex(tmp_path, "version", "-o", "json").stdout)
    assert told["aiex"] == version("aiex")
    assert told["libraries"]["nats-py"] == version("nats-py")
