"""`aiex cluster explain`: findings first, then what they were read from."""

import json
from pathlib import Path
from typing import Any

from aiex.testing.command_line import run_aiex
from aiex.testing.http_server import ScriptedServer, http_answer

FINDING = {"rule": "wrong_secret", "text": "a and b differ.", "next_step": "Make them alike."}


def node(name: str, **states: str) -> dict[str, Any]:
    return {
        "node": name,
        "clock_ahead_ms": 2.0,
        "description": {
            "version": "0.1.0",
            "protocol": 1,
            "settings": {"api": name, "models": "same"},
            "engine": {"state": "up"},
            "members": [{"name": one, "state": state} for one, state in states.items()],
            "formation": {
                "discovery": "static",
                "seat": "carrier",
                "epoch": 4,
                "carriers": ["c1", "c2"],
                "found": ["c1", "c2"],
                "servers": {"c1": True, "c2": False},
                "waiting_for": "waits for n9" if name == "n2" else "",
                "shared_settings": {"models": name},
                "milestones": {"carriers found": 0.2} if name == "n1" else {},
            },
        },
        "contacts": [
            {"host": "h", "route_port": 6222, "client_port": 4222, "route": "silent"}
            | {"client": "open", "server": "c2"}
        ],
    }


TOLD = {
    "asked": "n1",
    "findings": [FINDING],
    "witnesses": [node("n1", n1="up", n2="up", n3="down"), node("n2", n1="down", n2="up")],
    "silences": [{"node": "n3", "reason": "down", "text": "n3 is down"}],
}


def said(tmp_path: Path, document: Any, *arguments: str) -> Any:
    with ScriptedServer(http_answer(json.dumps(document).encode())) as server:
        told = run_aiex(tmp_path, "cluster", "explain", *arguments, "--admin-url", server.url)
    assert server.asked[0].path == "/admin/v1/cluster/explain"
    return told


def test_findings_come_first_and_end_it_with_1(tmp_path: Path) -> None:
    told = said(tmp_path, TOLD)
    assert told.exit_code == 1
    assert told.stdout.splitlines()[:3] == ["1. a and b differ.", "   Make them alike.", ""]


def test_who_sees_whom_is_a_table(tmp_path: Path) -> None:
    lines = said(tmp_path, TOLD).stdout.splitlines()
    begin = next(n for n, line in enumerate(lines) if line.startswith("WHO SEES WHOM"))
    assert [line.split() for line in lines[begin + 1 : begin + 3]] == [
        ["n1", "itself", "up", "down"],
        ["n2", "down", "itself", "unknown"],
    ]
    assert lines[begin + 3] == "n3 was not asked: n3 is down"


def test_what_it_was_read_from_follows(tmp_path: Path) -> None:
    text = said(tmp_path, TOLD).stdout
    assert "n1 (asked)   up       carrier   4         1 of 2    2 (static)" in text
    assert "n2 says: waits for n9" in text
    assert "n1     h           6222 silent   4222 open   c2" in text
    assert "n2            not yet" in text
    assert "settings that must be alike and differ: models" in text
    assert "sections in which others differ, as they may: api" in text


def test_a_healthy_cluster_ends_with_0(tmp_path: Path) -> None:
    told = said(tmp_path, {**TOLD, "findings": []})
    assert told.exit_code == 0
    assert told.stdout.splitlines()[0] == "Nothing wrong: 2 nodes looked at."


def test_for_programs_it_is_as_it_came(tmp_path: Path) -> None:
    told = said(tmp_path, TOLD, "-o", "json")
    assert (told.exit_code, json.loads(told.stdout)) == (1, TOLD)


def test_nothing_of_it_reaches_the_terminal_as_a_command(tmp_path: Path) -> None:
    hostile = {**FINDING, "text": "\x1b[2Jgone"}
    assert "\x1b" not in said(tmp_path, {**TOLD, "findings": [hostile]}).stdout


def test_an_older_node_that_tells_little_is_shown_too(tmp_path: Path) -> None:
    told = said(tmp_path, {"asked": "n1", "witnesses": [{"node": "n1"}]})
    assert told.exit_code == 0
    assert "n1 (asked)" in told.stdout
