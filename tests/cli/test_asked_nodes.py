"""Nodes that do not answer are told alike by every command that asks several."""

import json
from pathlib import Path

import pytest

from aiex.testing.command_line import run_aiex
from aiex.testing.http_server import ScriptedServer, http_answer

SILENT = {"node": "n2", "reason": "deadline", "text": "no answer within 20 s"}
COMMANDS = [
    ["analyze"],
    ["analyze", "recommendations"],
    ["analyze", "done", "gc-tune"],
    ["gc"],
    ["gc", "tune", "--dry-run"],
    ["gc", "reset"],
    ["hot"],
    ["info", "17"],
    ["loop"],
    ["memory"],
    ["memory", "--types"],
    ["memory", "--holders"],
    ["memory", "--growth", "1"],
    ["memory", "trim"],
    ["profile", "cpu"],
    ["profile", "wall"],
    ["profile", "memory"],
    ["tasks"],
    ["tasks", "--sort", "age"],
    ["tasks", "--sort", "cpu"],
    ["tasks", "--tree"],
    ["tasks", "--deadlocks"],
    ["top", "--once"],
    ["trace", "json:dumps"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_node_that_does_not_answer_is_named_and_fails_the_command(
    command: list[str], tmp_path: Path
) -> None:
    none = http_answer(json.dumps({"answers": [], "failures": [SILENT]}).encode())
    with ScriptedServer(none) as server:
        said = run_aiex(tmp_path, *command, "--on", "n1,n2", "--admin-url", server.url)
    assert said.exit_code == 1
    assert "n2 did not answer: no answer within 20 s" in said.stderr.splitlines()


def test_a_node_that_would_not_is_not_said_to_be_silent(tmp_path: Path) -> None:
    unwilling = {"node": "n2", "reason": "refused", "text": "There is no such function."}
    came = http_answer(json.dumps({"answers": [], "failures": [unwilling]}).encode())
    with ScriptedServer(came) as server:
        said = run_aiex(tmp_path, "trace", "a:b", "--on", "n1,n2", "--admin-url", server.url)
    assert "n2 refused: There is no such function." in said.stderr.splitlines()


@pytest.mark.parametrize("output", ["text", "json"])
def test_what_the_others_say_is_shown_all_the_same(output: str, tmp_path: Path) -> None:
    hot = {"began_at_s": 1.0, "seconds": 60.0, "cpu_s": 1.0, "hot": [], "notes": []}
    came = {"answers": [{"node": "n1", "answer": hot}], "failures": [SILENT]}
    with ScriptedServer(http_answer(json.dumps(came).encode())) as server:
        said = run_aiex(tmp_path, "hot", "--on", "all", "-o", output, "--admin-url", server.url)
    assert said.exit_code == 1
    assert "n1" in said.stdout
