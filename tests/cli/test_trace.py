"""`aiex trace`: what is asked of nodes, what is said, and that it ends in good order."""

import json
import re
import signal
import subprocess
import sys
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from aiex.cli.trace import trace
from aiex.testing.command_line import run_aiex
from aiex.testing.http_server import ScriptedServer, http_answer

TARGET = "shop.cart:Cart.add"
FUNCTION = {"name": TARGET, "file": "/srv/cart.py", "line": 7, "note": "inherited from Base"}
STARTED = {"id": "x", "functions": [FUNCTION], "lease_s": 5.0}
END_S = 20.0


def asked_of(*answers: tuple[str, object], failures: tuple[object, ...] = ()) -> bytes:
    document = {
        "answers": [{"node": node, "answer": answer} for node, answer in answers],
        "failures": failures,
    }
    return http_answer(json.dumps(document).encode())


def line(n: int, at_s: float, **more: Any) -> dict[str, Any]:
    return {
        "n": n,
        "call": n,
        "kind": "call",
        "function": TARGET,
        "at_s": at_s,
        "args": [{"name": "", "text": "Cart"}, {"name": "", "text": "int"}],
        **more,
    }


def read(*lines: dict[str, Any], ended: str = "") -> dict[str, Any]:
    counts = {"seen": 9, "matched": 5, "shown": 3, "dropped": 2, "spent_us": 1500}
    return {"lines": lines, "counts": counts, "ended": ended}


def test_lines_go_to_standard_output_and_the_rest_beside(tmp_path: Path) -> None:
    returned = {"kind": "return", "value": "None", "took_ms": 12.5, "ran_ms": 0.5, "pauses": 2}
    with ScriptedServer(
        asked_of(("n1", STARTED)),
        asked_of(("n1", read(line(1, 0.25, stack=["shop:main line 3"], service="http.api")))),
        asked_of(("n1", read(line(2, 1.0, args=[], **returned), ended="it was stopped"))),
    ) as server:
        said = run_aiex(
            *(tmp_path, "trace", TARGET, "--max", "9", "--rate", "30/m", "--ttl", "2m"),
            *("--when", "n > 1", "--values", "--returns", "--stack", "--admin-url", server.url),
        )
    assert (said.exit_code, said.stdout) == (
        0,
        "00:00:00.250  #1 shop.cart:Cart.add(Cart, int)  [http.api]\n"
        "              from shop:main line 3\n"
        "00:00:01.000  #2 shop.cart:Cart.add returned None after 12.500 ms "
        "(ran 0.500 ms, paused 2 times)\n",
    )
    assert said.stderr == (
        "Tracing at n1: 9 calls, 30 a minute shown, 120 s at most; Ctrl-C ends it.\n"
        "  shop.cart:Cart.add  /srv/cart.py:7 (inherited from Base)\n"
        "n1: ended because it was stopped. 9 seen, 5 matched, 3 shown, 2 dropped, 1.5 ms spent.\n"
    )
    start, first, second = (json.loads(one.body) for one in server.asked)
    assert start.pop("id") == first["id"] == second["id"]
    assert "@" in start.pop("by")
    assert start == {
        "targets": [TARGET],
        "calls_max": 9,
        "each_max": 0,
        "rate_per_s": 0.5,
        "ttl_s": 120.0,
        "when": "n > 1",
        "shows": "values",
        "has_returns": True,
        "has_stack": True,
    }
    assert (first["after"], second["after"]) == ({}, {"n1": 1})
    assert [one.path.partition("?")[0].rpartition("/")[2] for one in server.asked] == [
        "start_trace",
        "read_trace",
        "read_trace",
    ]


def test_several_nodes_are_merged_by_time_until_each_has_ended(tmp_path: Path) -> None:
    lost = {"node": "n2", "reason": "down", "text": "n2 is down"}
    with ScriptedServer(
        asked_of(("n1", STARTED), ("n2", STARTED), ("n3", STARTED)),
        asked_of(
            ("n1", read(line(1, 1.0), line(2, 3.0))),
            ("n2", read(line(1, 2.0))),
            ("n3", read(ended="9 calls were looked at, which is the limit")),
        ),
        asked_of(("n1", read(ended="it was stopped")), failures=(lost,)),
    ) as server:
        said = run_aiex(tmp_path, "trace", TARGET, "--on", "all", "--admin-url", server.url)
    assert said.exit_code == 1
    assert [one.split("  ")[1] for one in said.stdout.splitlines()] == ["n1", "n2", "n1"]
    assert "n2 did not answer: n2 is down" in said.stderr
    assert "n3: ended because 9 calls" in said.stderr
    assert [one.path.partition("nodes=")[2].partition("&")[0] for one in server.asked] == [
        "all",
        "n1%2Cn2%2Cn3",
        "n1%2Cn2",
    ]
    assert json.loads(server.asked[2].body)["after"] == {"n1": 2, "n2": 1}


def test_as_json_it_is_an_object_a_line(tmp_path: Path) -> None:
    with ScriptedServer(
        asked_of(("n1", STARTED)), asked_of(("n1", read(line(1, 1.0), ended="it was stopped")))
    ) as server:
        said = run_aiex(tmp_path, "trace", TARGET, "-o", "json", "--admin-url", server.url)
    objects = [json.loads(one) for one in said.stdout.splitlines()]
    assert [one["what"] for one in objects] == ["started", "line", "ended"]
    assert {one["node"] for one in objects} == {"n1"}
    assert (objects[1]["at_s"], objects[1]["args"][1]["text"]) == (1.0, "int")
    assert (objects[2]["reason"], objects[2]["seen"]) == ("it was stopped", 9)
    assert said.stderr == ""


def test_what_the_condition_could_not_be_told_of_is_said(tmp_path: Path) -> None:
    final = read(ended="it was stopped")
    final["counts"] |= {"failed": 3, "why": "str is no number", "open": 1}
    with ScriptedServer(asked_of(("n1", STARTED)), asked_of(("n1", final))) as server:
        said = run_aiex(tmp_path, "trace", TARGET, "--admin-url", server.url)
    assert "1 not ended" in said.stderr
    assert "Of 3 the condition could not be told, the first since str is no number." in said.stderr


def test_what_comes_from_a_node_does_not_command_the_terminal(tmp_path: Path) -> None:
    evil = line(1, 1.0, function="x\x1b[2J:y")
    with ScriptedServer(
        asked_of(("n1", STARTED)), asked_of(("n1", read(evil, ended="it was stopped")))
    ) as server:
        said = run_aiex(tmp_path, "trace", TARGET, "--admin-url", server.url)
    assert "x:y(Cart, int)" in said.stdout
    assert "\x1b" not in said.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--when", "n > lambda"), "--when: Not understood"),
        (("--when", "a._b"), "  a._b\n    ^"),
        (("--rate", "fast"), "'fast' is no rate"),
        (("--rate", "0/s"), "'0/s' is no rate"),
        (("--ttl", "2h"), "'2h' is not more than 0 and 1 h at most"),
        (("--ttl", "soon"), "'soon' is no span of time"),
        (("--max", "0"), "0 is not in the range"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_asked(
    tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    said = run_aiex(tmp_path, "trace", TARGET, *arguments, "--admin-url", "http://127.0.0.1:9")
    assert said.exit_code == 2
    assert told in said.stderr


def test_a_propertys_functions_are_told_each_and_one_call_is_one(tmp_path: Path) -> None:
    setter = {**FUNCTION, "line": 9, "note": "setter"}
    with ScriptedServer(
        asked_of(("n1", {**STARTED, "functions": [FUNCTION, setter]})),
        asked_of(("n1", read(ended="it was stopped"))),
    ) as server:
        said = run_aiex(
            tmp_path, "trace", TARGET, "--max", "1", "--rate", "5/h", "--admin-url", server.url
        )
    assert said.stderr.splitlines()[:3] == [
        "Tracing at n1: 1 call, 5 an hour shown, 60 s at most; Ctrl-C ends it.",
        "  shop.cart:Cart.add  /srv/cart.py:7 (inherited from Base)",
        "  shop.cart:Cart.add  /srv/cart.py:9 (setter)",
    ]


def test_a_function_that_nobody_called_is_told_as_such(tmp_path: Path) -> None:
    unseen = {"lines": [], "counts": {}, "ended": "its 60 s are over"}
    with ScriptedServer(asked_of(("n1", STARTED)), asked_of(("n1", unseen))) as server:
        said = run_aiex(tmp_path, "trace", TARGET, "--admin-url", server.url)
    assert said.stderr.splitlines()[-1].endswith(
        "0.0 ms spent. Nobody called it meanwhile; `aiex profile cpu --last 10m` tells what runs."
    )


def test_a_node_that_goes_away_ends_the_trace_with_what_was_seen(tmp_path: Path) -> None:
    with ScriptedServer(
        asked_of(("n1", STARTED)), asked_of(("n1", read(line(1, 1.0)))), b""
    ) as server:
        said = run_aiex(tmp_path, "trace", TARGET, "--admin-url", server.url)
    assert said.exit_code == 1
    assert said.stdout.count("(Cart, int)") == 1
    last = said.stderr.splitlines()[-1]
    assert last.startswith("n1: ")
    assert last.endswith("A node that ends, ends its traces; the lines above are all.")


def test_a_refusal_is_a_failure_in_the_nodes_words(tmp_path: Path) -> None:
    refusal = http_answer(b'{"error": {"message": "There is no such thing."}}', status=400)
    with ScriptedServer(refusal) as server:
        said = run_aiex(tmp_path, "trace", TARGET, "--admin-url", server.url)
    assert said.exit_code == 1
    assert "There is no such thing." in said.stderr


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_end_the_session_and_read_what_is_left(
    ending: signal.Signals, tmp_path: Path
) -> None:
    waiting = [asked_of(("n1", read())) for _ in range(2000)]
    with (
        ScriptedServer(
            asked_of(("n1", STARTED)), asked_of(("n1", read(line(1, 1.0)))), *waiting
        ) as server,
        subprocess.Popen(
            [sys.executable, "-m", "aiex", "trace", TARGET, "--admin-url", server.url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline().endswith("(Cart, int)\n")
        final = read(line(2, 2.0), ended="it was stopped")
        server.answer_from_now_on(asked_of(("n1", final)))
        process.send_signal(ending)
        rest, errors = process.communicate(timeout=END_S)
    assert process.returncode == 0
    assert rest.count("(Cart, int)") == 1
    assert "n1: ended because it was stopped" in errors


def test_every_function_of_the_examples_is_there_to_be_traced() -> None:
    guide = Path(__file__).parents[2] / "docs" / "guides" / "tracing.md"
    examples = re.findall(
        r"aiex trace '?(aiex\.[\w.]+:[\w.*]+)", f"{trace.help} {guide.read_text()}"
    )
    assert len(examples) >= 6
    for example in examples:
        module, _, name = example.partition(":")
        assert attrgetter(name.removesuffix(".*"))(import_module(module)), example
