"""`aiex gc`: what of one node or several, what tuning would do, and which did not answer."""

import json
from pathlib import Path

import msgspec

from aiex.performance import (
    GcState,
    GcTrial,
    GcTuning,
)
from aiex.performance.collector import Generation, PauseWindow, Proposal, Step, Verdict
from aiex.testing.command_line import run_aiex
from aiex.testing.http_server import ScriptedServer, http_answer

WINDOW = PauseWindow(60.0, 0.0031, 1.1, 2.4, 12.0, 1)
STATE = GcState(
    (Generation(4210, 0.5123, 0.0012, 81_220), Generation(), Generation(1, 0.03, 0.03)),
    WINDOW,
    (2000, 10, 2**30),
    60_000,
    is_oldest_deferred=True,
    is_automatic=False,
    trials=(GcTrial(Step.DEFER_OLDEST, 1.0, 60.0, WINDOW, WINDOW, Verdict.DID_NOT_HELP, True),),
)
TUNING = GcTuning(
    (Proposal(Step.FREEZE, "It is slow.", "It is faster."),), "Nothing was changed.", WINDOW, 7
)


def answered(answer: object, *failed: str) -> bytes:
    failures = [{"node": name, "reason": "down", "text": "it is down"} for name in failed]
    document = {"answers": [{"node": "n1", "answer": answer}], "failures": failures}
    return http_answer(msgspec.json.encode(document))


def test_a_node_tells_its_pauses_and_what_tuning_came_to(tmp_path: Path) -> None:
    with ScriptedServer(answered(STATE, "n2")) as server:
        said = run_aiex(tmp_path, "gc", "--on", "all", "--admin-url", server.url)
    assert said.exit_code == 1
    lines = said.stdout.splitlines()
    assert lines[0] == (
        "n1: the collector took 0.31% of the last 60 s; longest pause 2.4 ms, "
        "p99 of tenths of a second 1.1 ms"
    )
    assert lines[2].split() == ["youngest", "4,210", "512.3", "ms", "1.2", "ms", "81,220", "0"]
    assert "when idle, or after growth; 60,000 objects are frozen" in said.stdout
    assert "Step defer_oldest: did not help, undone" in said.stdout
    assert said.stderr == "n2 did not answer: it is down\n"
    assert server.asked[0].path == "/admin/v1/performance/gc?nodes=all&deadline_s=20"


def test_a_dry_run_says_what_would_be_done_and_why(tmp_path: Path) -> None:
    with ScriptedServer(answered(TUNING)) as server:
        said = run_aiex(tmp_path, "gc", "tune", "--dry-run", "--admin-url", server.url)
    assert said.stdout.splitlines() == [
        "n1: Nothing was changed.",
        "  freeze",
        "    why: It is slow.",
        "    expected: It is faster.",
    ]
    assert json.loads(server.asked[0].body) == {"is_dry_run": True, "trial_s": 60.0}


def test_as_json_it_is_the_document_that_came(tmp_path: Path) -> None:
    with ScriptedServer(answered({**msgspec.to_builtins(STATE), "more": 1})) as server:
        said = run_aiex(tmp_path, "gc", "reset", "-o", "json", "--admin-url", server.url)
    assert json.loads(said.stdout)["answers"][0]["answer"]["more"] == 1
    assert server.asked[0].path.startswith("/admin/v1/performance/reset_gc?")
