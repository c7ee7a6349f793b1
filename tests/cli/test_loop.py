"""`aiex loop`: the loop of one node or several, and what it stood still in."""

import json
from pathlib import Path

import msgspec

from aiex.performance import Frame, LoopSpan, LoopState, Stall, StallList
from aiex.performance.loop import ThreadShare
from aiex.testing.command_line import run_aiex
from aiex.testing.http_server import ScriptedServer, http_answer

SPANS = tuple(LoopSpan(1000.0 + at_s, 1.0, 0.25, 0.01, 0.002, 0.0001) for at_s in range(60))
WINDOW = LoopSpan(1000.0, 60.0, 0.25, 0.01, 0.432, 0.0004)
STATE = LoopState(
    SPANS[-1],
    WINDOW,
    0.432,
    SPANS,
    2,
    1.25,
    (ThreadShare("MainThread (1)", 0.25), ThreadShare("log writer (9)", 0.01)),
    "The sentinel watches and reads stacks from outside.",
)
SLOW = Frame("app:check", "/srv/app.py", 9)
INSIDE = Frame("re:match", "/usr/lib/python3.13/re/__init__.py", 167)
STALL = Stall(
    1000.0,
    0.75,
    "holds",
    "watch",
    (*(Frame(f"app:f{number}", "/srv/app.py", number) for number in range(8)), SLOW, INSIDE),
    3,
    3,
    0.7,
    service="http.api",
    route="/v1/chat/completions",
    model="mock",
)


def answered(answer: object, *failed: str) -> bytes:
    failures = [{"node": name, "reason": "down", "text": "it is down"} for name in failed]
    document = {"answers": [{"node": "n1", "answer": answer}], "failures": failures}
    return http_answer(msgspec.json.encode(document))


def test_the_state_is_told_in_a_dozen_rows_at_most(tmp_path: Path) -> None:
    with ScriptedServer(answered(STATE, "n2")) as server:
        said = run_aiex(tmp_path, "loop", "--on", "all", "--admin-url", server.url)
    assert said.exit_code == 1
    lines = said.stdout.splitlines()
    assert lines[0] == (
        "n1: busy 25.0% of the last 60 s, 432.0 ms late at worst; "
        "it stood still 2 times since its start, 1.2 s (`aiex loop --stalls`)"
    )
    assert len(lines) == 1 + 1 + 12 + 1 + 1
    assert lines[2].split()[1:] == ["5", "25.0%", "1.0%", "2.0", "ms", "0.1", "ms"]
    assert lines[-2] == "CPU by thread: MainThread (1) 25.0%, log writer (9) 1.0%"
    assert lines[-1] == "The sentinel watches and reads stacks from outside."
    assert said.stderr == "n2 did not answer: it is down\n"
    assert server.asked[0].path == "/admin/v1/performance/loop?nodes=all&deadline_s=20"


def test_a_stall_is_told_with_its_stack_and_who_is_to_blame(tmp_path: Path) -> None:
    listed = StallList((STALL,), 1, 0.75)
    with ScriptedServer(answered(listed)) as server:
        said = run_aiex(tmp_path, "loop", "--stalls", "--admin-url", server.url)
    lines = said.stdout.splitlines()
    assert lines[0] == "n1: it stood still 1 time since its start, 0.8 s"
    assert lines[2].endswith("0.75 s  holds: a C function kept the interpreter")
    assert lines[3] == "    for http.api /v1/chat/completions mock"
    assert lines[4] == "      … 2 calls before"
    assert lines[-2:] == [
        "    > app:check  /srv/app.py:9",
        "      re:match  /usr/lib/python3.13/re/__init__.py:167",
    ]


def test_a_stall_of_an_earlier_life_is_told_first(tmp_path: Path) -> None:
    earlier = msgspec.structs.replace(STALL, is_over=False, thread="pool_0", kind="kept_out")
    listed = StallList((), 0, 0.0, earlier)
    with ScriptedServer(answered(listed)) as server:
        said = run_aiex(tmp_path, "loop", "--stalls", "--admin-url", server.url)
    assert "In its last life, and it did not come back:" in said.stdout
    assert "0.75 s or more  kept_out: another thread kept the interpreter; thread pool_0" in (
        said.stdout
    )


def test_without_stalls_it_says_what_counts_as_one(tmp_path: Path) -> None:
    listed = StallList((), 0, 0.0, notes=("What is shorter is no stall.",))
    with ScriptedServer(answered(listed)) as server:
        said = run_aiex(tmp_path, "loop", "--stalls", "--admin-url", server.url)
    assert said.stdout == "n1: it never stood still\nWhat is shorter is no stall.\n"


def test_nothing_of_a_stack_reaches_the_terminal_as_a_command(tmp_path: Path) -> None:
    nasty = msgspec.structs.replace(STALL, stack=(Frame("app:\x1b[2Jf", "/x", 1),))
    with ScriptedServer(answered(StallList((nasty,), 1, 0.75))) as server:
        said = run_aiex(tmp_path, "loop", "--stalls", "--admin-url", server.url)
    assert "\x1b" not in said.stdout


def test_as_json_it_is_the_document_that_came(tmp_path: Path) -> None:
    with ScriptedServer(answered({**msgspec.to_builtins(STATE), "more": 1})) as server:
        said = run_aiex(
            tmp_path, "loop", "--seconds", "600", "-o", "json", "--admin-url", server.url
        )
    assert json.loads(said.stdout)["answers"][0]["answer"]["more"] == 1
    assert json.loads(server.asked[0].body) == {"seconds": 600.0}
