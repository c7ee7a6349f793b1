"""`aiex hot --of`: whatever nodes count, ranked now or by what it grows."""

import json
from pathlib import Path

import msgspec
import pytest

from aiex.cli.hot_options import METRICS, WINDOW_S_MAX
from aiex.cluster import Caller
from aiex.performance import Ranked, Ranking, questions
from aiex.performance.questions import ListMeasures
from aiex.testing.command_line import run_aiex
from aiex.testing.http_server import ScriptedServer, http_answer
from aiex.testing.performance import still_performance


def answer(ranking: Ranking, *nodes: str) -> bytes:
    answers = [{"node": node, "answer": ranking} for node in nodes or ("n1",)]
    return http_answer(msgspec.json.encode({"answers": answers, "failures": []}))


def asked(tmp_path: Path, ranking: Ranking, *options: str) -> tuple[list[str], object]:
    """What was said, and what the node was asked."""
    with ScriptedServer(answer(ranking)) as server:
        said = run_aiex(tmp_path, "hot", *options, "--admin-url", server.url)
    assert (said.exit_code, said.stderr) == (0, "")
    assert server.asked[0].path.startswith("/admin/v1/performance/rank?")
    return said.stdout.splitlines(), json.loads(server.asked[0].body)


async def test_the_command_knows_what_nodes_count() -> None:
    handlers = still_performance().handlers()
    listed = await handlers[ListMeasures](ListMeasures(), Caller("operator", 1, 10.0, ""))
    known = {(metric, way, one.unit) for metric, one in METRICS.items() for way in one.ways}
    assert {(one.metric, one.by, one.unit) for one in listed.measures} == known
    assert WINDOW_S_MAX == questions.WINDOW_S_MAX


def test_what_grows_from_the_start_is_told_since_then(tmp_path: Path) -> None:
    ranking = Ranking((Ranked("MainThread (7)", 3.0, 0.75),), 4.0, 3, ("Not all.",))
    lines, request = asked(tmp_path, ranking, "--of", "cpu", "--by", "thread", "-n", "1")
    assert lines == [
        "n1: cpu by thread, 4.00 s in all, since its start",
        "   CPU  SHARE  THREAD",
        "3.00 s  75.0%  MainThread (7)",
        "2 more; `-n` shows more.",
        "Not all.",
    ]
    assert request == {"metric": "cpu", "by": "thread", "n": 1, "seconds": 0.0}


@pytest.mark.parametrize(
    ("options", "window_s", "first", "row"),
    [
        (
            ["cpu", "--window", "10"],
            10.0,
            "cpu by function, 4.00 s in all, in 10 s",
            "3.00 s  75.0%  k",
        ),
        (["steps"], 3.0, "steps by task, 4 in all, in 3 s", "    3  75.0%   k"),
        (["wall"], 3.0, "wall by function, 4.00 s in all, in 3 s", "3.00 s  75.0%  k"),
        (["age"], 0.0, "age by task, now", "3.0 s  k"),
        (["count"], 0.0, "count by coroutine, 4 in all, now", "    3  75.0%  k"),
        (
            ["count", "--window", "5"],
            5.0,
            "count by coroutine, 4 in all, grown in 5 s",
            "    3  75.0%  k",
        ),
        (["memory"], 0.0, "memory by type, 4 B in all, now", "   3 B  75.0%  k"),
        (["allocations"], 0.0, "allocations by function, 4 B in all, now", "        3 B  75.0%  k"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_each_metric_has_its_usual_way_window_and_unit(
    tmp_path: Path, options: list[str], window_s: float, first: str, row: str
) -> None:
    lines, request = asked(tmp_path, Ranking((Ranked("k", 3.0, 0.75),), 4.0, 1), "--of", *options)
    assert lines[0] == f"n1: {first}"
    assert lines[2].split() == row.split()
    assert isinstance(request, dict)
    assert request["seconds"] == window_s


def test_as_json_it_is_what_came(tmp_path: Path) -> None:
    ranking = Ranking((Ranked("k", 3.0, 0.75),), 4.0, 1)
    lines, _ = asked(tmp_path, ranking, "--of", "queue_len", "-o", "json")
    assert json.loads("".join(lines))["answers"][0]["answer"]["ranked"][0]["key"] == "k"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--window", "5"], "--window is for --of"),
        (["--of", "cpu", "--seconds", "5"], "With --of there is no looking back"),
        (["--by", "thread"], "--by thread is not known of how far --seconds looks back"),
        (["--of", "age", "--by", "thread"], "but --by task. It is of --of cpu."),
        (["--of", "nothing"], "'nothing' is not one of"),
    ],
)
def test_what_says_nothing_together_is_refused_in_words(
    tmp_path: Path, options: list[str], said: str
) -> None:
    told = run_aiex(tmp_path, "hot", *options, "--admin-url", "http://127.0.0.1:1")
    assert told.exit_code == 2
    assert said in " ".join(told.stderr.split())
