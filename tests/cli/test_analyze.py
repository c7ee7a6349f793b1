"""`aiex analyze`: what is wrong in words and as JSON, what would help, and its exit status."""

import json
from pathlib import Path

import msgspec
import pytest

from aiex.performance import Analysis, Finding, Measured, Recommendation, Recommendations
from aiex.performance.analysis.diagnosis import diagnosed
from aiex.testing.command_line import run_aiex
from aiex.testing.evidence import healthy, holds, stall
from aiex.testing.http_server import ScriptedServer, http_answer

FINDING = Finding(
    cause="blocking_call",
    text="shop.orders:Orders.settle sleeps on the loop, which waits with it.",
    function="shop.orders:Orders.settle",
    file="/app/shop/orders.py",
    line=14,
    service="shop.orders",
    also=("shop.orders:Orders.run",),
    confidence=0.9,
    evidence=("The loop stood still 16 times within 10 s, 3.69 s together, 0.25 s at most.",),
    advice="Await instead.",
    commands=("aiex loop --stalls",),
)
FOLLOWER = msgspec.structs.replace(
    FINDING, cause="overload", follows_from="blocking_call shop.orders:Orders.settle"
)
ILL = Analysis(1.0, 10.0, (FINDING, FOLLOWER), "1 thing is wrong: it sleeps.", ("No memory.",))
WELL = Analysis(1.0, 10.0, (), "Nothing is wrong.")
TRIM = Recommendation(
    id="memory-trim",
    text="Give back 200 MiB.",
    evidence=("200 of 400 MiB are free.",),
    command="aiex memory trim",
    expected="Less memory.",
    metric="rss_mib",
    before=Measured(400.0, 100.0, 1.0),
)
ADVISED = Recommendations(
    (
        TRIM,
        msgspec.structs.replace(
            TRIM, id="gc-tune", standing="withdrawn", effect="It did not help. gc_pause_ms: 9 to 9."
        ),
    ),
    "1 change is recommended.",
)


def answered(answer: object) -> bytes:
    document = {"answers": [{"node": "n1", "answer": answer}], "failures": []}
    return http_answer(msgspec.json.encode(document))


def test_what_is_wrong_is_told_in_eighty_columns_with_the_next_command(tmp_path: Path) -> None:
    with ScriptedServer(answered(ILL)) as server:
        said = run_aiex(tmp_path, "analyze", "--admin-url", server.url)
    assert said.exit_code == 1
    lines = said.stdout.splitlines()
    assert lines[0] == "n1: 1 thing is wrong: it sleeps."
    assert "1. blocking call (90% sure)" in lines
    assert "   at        orders.py:14" in lines
    assert "   next      aiex loop --stalls" in lines
    assert "   follows   most likely from blocking_call shop.orders:Orders.settle" in lines
    assert lines[-1] == "Not looked at: No memory."
    assert max(map(len, lines)) <= 80


def test_a_healthy_node_is_a_sentence_and_status_0(tmp_path: Path) -> None:
    with ScriptedServer(answered(WELL)) as server:
        said = run_aiex(tmp_path, "analyze", "--admin-url", server.url)
    assert (said.exit_code, said.stdout) == (0, "n1: Nothing is wrong.\n")


def test_json_has_stable_fields_and_the_same_status(tmp_path: Path) -> None:
    with ScriptedServer(answered(ILL)) as server:
        said = run_aiex(tmp_path, "analyze", "-o", "json", "--admin-url", server.url)
    assert said.exit_code == 1
    first = json.loads(said.stdout)["answers"][0]["answer"]["findings"][0]
    assert {"cause", "function", "service", "confidence", "text", "evidence", "commands"} <= set(
        first
    )


def test_recommendations_tell_the_command_or_what_came_of_it(tmp_path: Path) -> None:
    with ScriptedServer(answered(ADVISED)) as server:
        said = run_aiex(tmp_path, "analyze", "recommendations", "--admin-url", server.url)
    assert said.exit_code == 0
    assert "memory-trim (open)" in said.stdout
    assert "   do        aiex memory trim" in said.stdout
    assert "gc-tune (withdrawn)" in said.stdout
    assert "It did not help." in said.stdout


def test_what_was_done_is_told_by_its_id(tmp_path: Path) -> None:
    with ScriptedServer(answered(ADVISED)) as server:
        said = run_aiex(tmp_path, "analyze", "done", "memory-trim", "--admin-url", server.url)
    assert said.exit_code == 0
    assert said.stdout.startswith("n1: 1 change is recommended.")


@pytest.mark.parametrize("command", diagnosed(healthy(holds=holds(*[stall(0.2)] * 4)))[0].commands)
def test_the_command_that_is_advised_is_one(tmp_path: Path, command: str) -> None:
    name = command.split()[1]
    said = run_aiex(tmp_path, name, "--help")
    assert said.exit_code == 0
    for word in command.split():
        if word.startswith("--"):
            assert word in said.stdout
