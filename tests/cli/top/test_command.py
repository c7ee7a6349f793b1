"""`aiex top` without a terminal: one snapshot, as text or JSON; and what the command loads."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import aiex
from aiex.cli.top.panes import NAMES
from aiex.testing.command_line import run_aiex
from aiex.testing.http_server import ScriptedServer
from aiex.testing.snapshots import SNAPSHOT, answered

SOURCE = Path(aiex.__file__).parent
OF_THE_SCREEN = {"app.py", "dialogs.py", "rows.py"}


def test_one_snapshot_has_all_panes_as_text(tmp_path: Path) -> None:
    with ScriptedServer(answered({"n1": SNAPSHOT}, {"n2": "it is down"})) as server:
        said = run_aiex(tmp_path, "top", "--once", "--on", "all", "--admin-url", server.url)
    assert said.exit_code == 1
    lines = said.stdout.splitlines()
    headings = [line.split(":")[0] for line in lines if re.match("[A-Z]+: ", line)]
    assert headings == [name.upper() for name in NAMES]
    assert "\x1b" not in said.stdout
    assert "evil[red]:f[/]" in said.stdout
    assert said.stderr == "n2 did not answer: it is down\n"
    (asked,) = server.asked
    assert asked.path == "/admin/v1/performance/snapshot?nodes=all&deadline_s=20.5"
    assert len(json.loads(asked.body)["sections"]) == 10


def test_one_pane_is_asked_for_alone(tmp_path: Path) -> None:
    with ScriptedServer(answered({"n1": SNAPSHOT})) as server:
        said = run_aiex(
            tmp_path, "top", "--once", "--pane", "gc", "-n", "3", "--admin-url", server.url
        )
    assert said.stdout.splitlines()[0] == "GC: generations of objects: 3"
    asked = json.loads(server.asked[0].body)
    assert (asked["sections"], asked["n"]) == (["gc"], 3)


def test_as_json_it_is_the_document_that_came(tmp_path: Path) -> None:
    more = {**msgspec.to_builtins(SNAPSHOT), "more": 1}
    with ScriptedServer(answered({"n1": more})) as server:
        said = run_aiex(tmp_path, "top", "--once", "-o", "json", "--admin-url", server.url)
    assert json.loads(said.stdout)["answers"][0]["answer"]["more"] == 1


def test_what_needs_a_terminal_says_so(tmp_path: Path) -> None:
    said = run_aiex(tmp_path, "top")
    assert (said.exit_code, "--once" in said.stderr) == (2, True)
    said = run_aiex(tmp_path, "top", "-o", "json")
    assert (said.exit_code, "add --once" in said.stderr) == (2, True)


@pytest.mark.parametrize(
    "module", ["aiex.node.node", "aiex.cli.main", "aiex.cli.top.command", "aiex.performance"]
)
def test_textual_is_not_loaded_by_anything_but_the_screen(module: str) -> None:
    program = f"import sys, {module}; sys.exit('textual' in sys.modules or 'rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_textual_is_imported_by_the_files_of_the_screen_and_no_other() -> None:
    importing = {path for path in SOURCE.rglob("*.py") if _imports(path) & {"textual", "rich"}}
    assert importing == {SOURCE / "cli" / "top" / name for name in OF_THE_SCREEN}


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found
