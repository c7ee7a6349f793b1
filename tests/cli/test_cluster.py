"""`aiex cluster`: who is there, for people and for programs, and when it ends with 1."""

import json
from pathlib import Path
from typing import Any

import pytest

from aiex.testing.command_line import run_aiex
from aiex.testing.http_server import ScriptedServer, http_answer

UP = {
    "name": "n1",
    "state": "up",
    "state_age_s": 61.0,
    "version": "0.1.0",
    "api_url": "http://a",
    "in_flight": 3,
    "in_flight_max": 4096,
    "hot_revision": 12,
    "is_self": True,
    "mood": "a field of a newer node",
}
DOWN = {"name": "n2", "state": "down", "reason": "silent for 2.5 s", "zone": "b"}
SPLIT = {
    "name": "aiex",
    "condition": "split",
    "reason": "n2 is missing without a goodbye",
    "members": [UP, DOWN],
    "outsiders": [{"name": "n9", "reason": "it speaks protocol 7"}],
}
WHOLE = {"name": "aiex", "condition": "whole", "reason": "", "members": [UP], "outsiders": []}


def said(tmp_path: Path, document: Any, *arguments: str, path: str = "/admin/v1/cluster") -> Any:
    with ScriptedServer(http_answer(json.dumps(document).encode())) as server:
        told = run_aiex(tmp_path, "cluster", *arguments, "--admin-url", server.url)
    assert server.asked[0].path == path
    return told


def test_a_whole_cluster_is_told_in_three_lines(tmp_path: Path) -> None:
    told = said(tmp_path, WHOLE, "status")
    assert told.exit_code == 0
    assert told.stdout.splitlines() == ["cluster   aiex", "condition whole", "up        1 (n1)"]


def test_a_split_one_says_who_is_missing_and_ends_with_1(tmp_path: Path) -> None:
    told = said(tmp_path, SPLIT, "status")
    assert told.exit_code == 1
    assert told.stdout.splitlines()[1:] == [
        "condition split: n2 is missing without a goodbye",
        "up        1 (n1)",
        "down      n2 for 0 s: silent for 2.5 s",
        "kept out  n9: it speaks protocol 7",
        "next      aiex cluster explain says why, and what to do",
    ]


FORMING = {**WHOLE, "condition": "forming", "reason": "waits for a quorum of the carriers"}


def test_one_that_forms_says_what_for_and_what_to_do_next(tmp_path: Path) -> None:
    told = said(tmp_path, FORMING, "status")
    assert told.exit_code == 1
    assert told.stdout.splitlines()[1::2] == [
        "condition forming: waits for a quorum of the carriers",
        "next      aiex cluster explain says why, and what to do",
    ]
    nodes = said(tmp_path, FORMING, "nodes")
    assert nodes.stderr.startswith("forming: waits for a quorum of the carriers; aiex cluster")


PINGS = {
    "asked_by": "n1",
    "pings": [
        {"node": "n1", "round_trip_ms": 0.041, "clock_ahead_ms": 0.0},
        {"node": "n2", "round_trip_ms": 1.5, "clock_ahead_ms": -3600000.4},
    ],
    "failures": [],
}
FAILED = {"node": "n3", "reason": "deadline", "text": "n3 gave no answer within 2 s"}


def test_a_ping_says_how_long_it_took_and_how_wrong_a_clock_is(tmp_path: Path) -> None:
    told = said(tmp_path, PINGS, "ping", path="/admin/v1/cluster/ping")
    assert told.exit_code == 0
    assert [line.split("   ")[0].strip() for line in told.stdout.splitlines()] == [
        "NODE",
        "n1 (asked)",
        "n2",
    ]
    assert told.stdout.splitlines()[2].split() == ["n2", "1.50", "ms", "-3600000", "ms"]


def test_a_member_that_does_not_answer_is_told_with_the_reason(tmp_path: Path) -> None:
    told = said(tmp_path, {**PINGS, "failures": [FAILED]}, "ping", path="/admin/v1/cluster/ping")
    assert told.exit_code == 1
    assert told.stdout.endswith("deadline: n3 gave no answer within 2 s\n")


def test_a_ping_for_programs_has_everything(tmp_path: Path) -> None:
    told = said(tmp_path, PINGS, "ping", "-o", "json", path="/admin/v1/cluster/ping")
    assert json.loads(told.stdout) == PINGS


def test_nodes_are_listed_with_state_and_reason(tmp_path: Path) -> None:
    told = said(tmp_path, SPLIT, "nodes")
    assert told.exit_code == 0
    heading, first, second = told.stdout.splitlines()
    columns = ["NODE", "STATE", "FOR", "CARRIES", "ZONE", "VERSION", "LOAD", "HOT", "API"]
    assert heading.split() == columns
    assert first.split("   ")[0] == "n1 (asked)"
    assert "1 min 1 s" in first
    assert "3 of 4096   12" in first
    assert second.endswith("silent for 2.5 s")


@pytest.mark.parametrize(("command", "exit_code"), [("status", 1), ("nodes", 0)])
def test_for_programs_nothing_is_left_out(command: str, exit_code: int, tmp_path: Path) -> None:
    told = said(tmp_path, SPLIT, command, "-o", "json")
    assert (told.exit_code, json.loads(told.stdout)) == (exit_code, SPLIT)


def test_a_name_never_reaches_the_terminal_as_a_command(tmp_path: Path) -> None:
    hostile = {**WHOLE, "members": [{**UP, "name": "\x1b[2Jn1"}]}
    for command in ("status", "nodes"):
        assert "\x1b" not in said(tmp_path, hostile, command).stdout


LEASES = {
    "leases": [
        {"name": "housekeeping", "holder": "n2", "fence": 7, "since": "2026-01-02T03:04:05.000Z"},
        {"name": "spare", "holder": None, "fence": 0, "since": None},
    ]
}


def test_leases_are_listed_with_their_holders(tmp_path: Path) -> None:
    with ScriptedServer(http_answer(json.dumps(LEASES).encode())) as server:
        told = run_aiex(tmp_path, "cluster", "leases", "--admin-url", server.url)
    assert server.asked[0].path == "/admin/v1/cluster/leases"
    assert [line.split() for line in told.stdout.splitlines()] == [
        ["LEASE", "HOLDER", "FENCE", "SINCE"],
        ["housekeeping", "n2", "7", "2026-01-02T03:04:05.000Z"],
        ["spare", "nobody", "none", "never"],
    ]


def test_leases_for_programs_are_as_they_came(tmp_path: Path) -> None:
    with ScriptedServer(http_answer(json.dumps(LEASES).encode())) as server:
        told = run_aiex(tmp_path, "cluster", "leases", "-o", "json", "--admin-url", server.url)
    assert json.loads(told.stdout) == LEASES


def left(tmp_path: Path, *arguments: str) -> Any:
    """What is said of a node that hands something over and then answers nobody."""
    leaving = {**WHOLE, "reason": "hands over what it carries"}
    answers = [http_answer(json.dumps(one).encode()) for one in (WHOLE, leaving)]
    with ScriptedServer(*answers, []) as server:
        told = run_aiex(tmp_path, "cluster", "leave", *arguments, "--admin-url", server.url)
    assert [(one.method, one.path) for one in server.asked][:2] == [
        ("POST", "/admin/v1/cluster/leave"),
        ("GET", "/admin/v1/cluster"),
    ]
    return told


def test_a_node_that_leaves_is_followed_until_it_is_gone(tmp_path: Path) -> None:
    told = left(tmp_path)
    assert told.exit_code == 0, told.output
    assert told.stdout == "hands over what it carries\nIt has left, and stopped.\n"


def test_a_node_that_left_is_one_document_for_programs(tmp_path: Path) -> None:
    told = left(tmp_path, "-o", "json")
    assert told.exit_code == 0, told.output
    document = json.loads(told.stdout)
    assert (document["node"], document.keys()) == ("n1", {"node", "took_s"})


def test_a_node_that_refuses_to_leave_has_not_left(tmp_path: Path) -> None:
    refusal = http_answer(json.dumps({"error": {"message": "not now"}}).encode(), 409)
    with ScriptedServer(refusal) as server:
        told = run_aiex(tmp_path, "cluster", "leave", "--admin-url", server.url)
    assert told.exit_code == 1
    assert "It has left" not in told.stdout
