"""`aiex hot` on its own: what uses the CPU, of one node or of several."""

import json
from pathlib import Path
from typing import get_args

from aiex.cli.hot_options import BACK_S_MAX, SHOWN_MAX, RankedBy
from aiex.performance import HotBy
from aiex.performance.sampling import KEPT_S, N_MAX
from aiex.testing.command_line import run_aiex
from aiex.testing.http_server import ScriptedServer, http_answer

HOT = {
    "key": "app.rules:match",
    "self_s": 6.0,
    "total_s": 9.0,
    "share": 0.5,
    "file": "/srv/app/rules.py",
    "line": 12,
    "more": 1,
}
FOUND = {
    "began_at_s": 1.0,
    "seconds": 60.0,
    "cpu_s": 12.0,
    "hot": [HOT],
    "notes": ["n1 was asked for 600 s and knows 60 s of them."],
}


def answer(*nodes: str, failures: object = ()) -> bytes:
    answers = [{"node": node, "answer": FOUND} for node in nodes]
    return http_answer(json.dumps({"answers": answers, "failures": failures}).encode())


def test_the_functions_are_a_table_and_hot_values_are_pointed_at(tmp_path: Path) -> None:
    with ScriptedServer(answer("n1")) as server:
        said = run_aiex(tmp_path, "hot", "--seconds", "600", "--admin-url", server.url)
    first, heading, row, note = said.stdout.splitlines()
    assert first == "n1: 12.00 s of CPU on the main thread in 60 s, 20.0% of a CPU"
    assert heading.split() == ["SHARE", "SELF", "TOTAL", "FUNCTION", "WHERE"]
    assert row == "50.0%  6.00 s  9.00 s  app.rules:match  rules.py:12"
    assert note == FOUND["notes"][0]  # type: ignore[index]
    assert said.stderr == "For hot values: aiex hot list\n"
    assert server.asked[0].path.startswith("/admin/v1/performance/hot?")
    assert json.loads(server.asked[0].body) == {"by": "function", "seconds": 600.0, "n": 15}


def test_services_have_one_figure_each(tmp_path: Path) -> None:
    with ScriptedServer(answer("n1")) as server:
        said = run_aiex(tmp_path, "hot", "--by", "service", "-n", "3", "--admin-url", server.url)
    assert said.stdout.splitlines()[1:3] == [
        "SHARE     CPU  SERVICE",
        "50.0%  6.00 s  app.rules:match",
    ]


def test_of_several_nodes_each_has_its_table_and_who_did_not_answer_is_told(
    tmp_path: Path,
) -> None:
    failures = [{"node": "n3", "reason": "down", "text": "n3 is down"}]
    with ScriptedServer(answer("n1", "n2", failures=failures)) as server:
        said = run_aiex(tmp_path, "hot", "--on", "all", "--admin-url", server.url)
    lines = said.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines if "of a CPU" in line] == ["n1", "n2"]
    assert "n3 did not answer: n3 is down" in said.stderr
    assert "nodes=all" in server.asked[0].path


def test_as_json_it_is_the_document_that_came(tmp_path: Path) -> None:
    with ScriptedServer(answer("n1")) as server:
        said = run_aiex(tmp_path, "hot", "-o", "json", "--admin-url", server.url)
    assert json.loads(said.stdout)["answers"][0]["answer"]["hot"][0]["more"] == 1
    assert said.stderr == ""


def test_options_before_a_subcommand_are_refused_in_words(tmp_path: Path) -> None:
    said = run_aiex(tmp_path, "hot", "--seconds", "5", "list")
    assert said.exit_code == 2
    assert "--seconds before 'list' says nothing" in said.stderr


def test_the_command_knows_the_bounds_of_the_request() -> None:
    assert (BACK_S_MAX, SHOWN_MAX) == (KEPT_S, N_MAX)
    assert get_args(RankedBy.__value__) == get_args(HotBy.__value__)
