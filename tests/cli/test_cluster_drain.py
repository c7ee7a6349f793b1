"""`aiex cluster drain`: the plan, the question, and the way until the node is gone."""

import json
from pathlib import Path
from typing import Any

import pytest

from aiex.cli.admin_client import AdminClient
from aiex.cli.answers.cluster import SeenMember
from aiex.cli.cluster_drain import DrainUnsure, see_it_go
from aiex.cli.node_lookup import AdminAccess
from aiex.testing.clock import FakeClock
from aiex.testing.command_line import run_aiex
from aiex.testing.http_server import Scripted, ScriptedServer, http_answer

PLAN = {
    "name": "n2",
    "phase": "ready",
    "in_flight": 3,
    "streams": 2,
    "carrier": "10.0.0.2",
    "leases": ["housekeeping"],
    "deadline_s": 30.0,
    "expected_s": 4.2,
    "estimate": "answers take 3.2 s lately",
}


def answer(document: Any) -> bytes:
    return http_answer(json.dumps(document).encode())


def seen(state: str, in_flight: int = 0, incarnation: int = 7, **more: Any) -> bytes:
    member = {"name": "n2", "state": state, "in_flight": in_flight, "incarnation": incarnation}
    return answer({"name": "aiex", "members": [{**member, **more}]})


def drained(tmp_path: Path, *script: Scripted, arguments: tuple[str, ...] = ("--yes",)) -> Any:
    with ScriptedServer(*script) as server:
        told = run_aiex(tmp_path, "cluster", "drain", "n2", *arguments, "--admin-url", server.url)
    return told, [(one.method, one.path) for one in server.asked]


def test_a_plan_says_what_is_waited_for_and_changes_nothing(tmp_path: Path) -> None:
    told, asked = drained(tmp_path, answer(PLAN), arguments=("--plan",))
    assert told.exit_code == 0
    assert told.stdout.splitlines() == [
        "node      n2, ready",
        "in hand   3 requests, 2 of them streams",
        "carries   a server of the engine, as 10.0.0.2; the leases housekeeping",
        "gone in   4 s: answers take 3.2 s lately",
    ]
    assert asked == [("GET", "/admin/v1/cluster/nodes/n2/drain-plan")]


def test_a_plan_for_programs_is_as_it_came(tmp_path: Path) -> None:
    told, _ = drained(tmp_path, answer(PLAN), arguments=("--plan", "-o", "json"))
    assert json.loads(told.stdout) == PLAN


def test_a_drain_is_followed_until_the_node_is_gone(tmp_path: Path) -> None:
    told, asked = drained(
        tmp_path,
        answer(PLAN),
        seen("up", 3),
        answer({"node": "n2"}),
        seen("draining", 3),
        seen("draining", 3),
        seen("draining", 1),
        seen("left"),
    )
    assert told.exit_code == 0, told.output
    assert told.stdout.splitlines()[4:] == [
        "n2 is draining, 3 requests in hand",
        "n2 is draining, 1 requests in hand",
        "n2 is gone.",
    ]
    assert asked[2] == ("POST", "/admin/v1/cluster/nodes/n2/drain")


def test_a_drain_for_programs_is_one_document_at_its_end(tmp_path: Path) -> None:
    told, _ = drained(
        tmp_path,
        answer(PLAN),
        seen("up", 3),
        answer({"node": "n2"}),
        seen("draining", 3),
        seen("left"),
        arguments=("--yes", "-o", "json"),
    )
    assert (told.exit_code, json.loads(told.stdout)) == (0, {"node": "n2", "end": "n2 is gone."})


def test_without_a_terminal_it_needs_a_yes(tmp_path: Path) -> None:
    told, asked = drained(tmp_path, answer(PLAN), arguments=())
    assert told.exit_code == 1
    assert "Add --yes." in told.stderr
    assert len(asked) == 1


def test_the_last_node_needs_force(tmp_path: Path) -> None:
    refused = {**PLAN, "refusal": "n2 is the last node that is ready"}
    told, asked = drained(tmp_path, answer(refused))
    assert told.exit_code == 1
    assert "n2 is the last node that is ready. Start another one first" in told.stderr
    assert len(asked) == 1
    told, asked = drained(
        tmp_path,
        answer(refused),
        seen("up"),
        answer({"node": "n2"}),
        seen("left"),
        arguments=("--yes", "--force"),
    )
    assert told.exit_code == 0


def test_a_node_that_is_started_anew_at_once_is_gone_too(tmp_path: Path) -> None:
    told, _ = drained(
        tmp_path, answer(PLAN), seen("up"), answer({"node": "n2"}), seen("up", incarnation=8)
    )
    assert told.stdout.endswith("n2 is gone.\n")


def test_a_node_that_dies_on_the_way_is_a_failure(tmp_path: Path) -> None:
    told, _ = drained(
        tmp_path, answer(PLAN), seen("up"), answer({"node": "n2"}), seen("down", reason="silent")
    )
    assert told.exit_code == 1
    assert "n2 went without a goodbye (silent)" in told.stderr


def test_the_node_asked_is_gone_once_it_does_not_answer() -> None:
    client = AdminClient(AdminAccess("http://127.0.0.1:9"))
    asked = SeenMember("n2", is_self=True, incarnation=7)
    told = see_it_go(client, asked, 9.0, clock=FakeClock().monotonic_s)
    assert told == "n2 is gone; it was the node asked."


def test_a_node_that_never_goes_is_said_in_words() -> None:
    clock = FakeClock()
    with (
        ScriptedServer(seen("draining", 1)) as server,
        pytest.raises(DrainUnsure, match="n2 is not gone after 9 s"),
    ):
        see_it_go(
            AdminClient(AdminAccess(server.url)),
            SeenMember("n2", incarnation=7),
            9.0,
            clock=clock.monotonic_s,
            pause=lambda _: clock.jump(5.0),
        )
