"""`aiex tasks` and `aiex info`: what is said of tasks, asked how, and with which exit status."""

import json
from pathlib import Path

import msgspec
import pytest

from aiex.performance import (
    Census,
    CensusRow,
    ChainFrame,
    Deadlock,
    DeadlockedTask,
    Deadlocks,
    Holder,
    QueueRow,
    Ranked,
    Ranking,
    TaskDescription,
    TaskInfo,
    TaskList,
    TaskRow,
    TaskTree,
    TreeTask,
)
from aiex.testing.command_line import run_aiex
from aiex.testing.http_server import ScriptedServer, http_answer

LOCK = "a lock (pkg.mod:Desk._lock)"
ROW = TaskRow(
    17,
    "Task-9",
    "pkg.mod:Desk.run",
    "http.api",
    75.0,
    "lock",
    LOCK,
    "pkg.mod:Desk.run, pkg/mod.py:12",
)
QUEUE = QueueRow("pkg.mod:Mail._inbox", 2, 30, 25, 7, True, 0, 3, (10, 20, 30), 2.0)
CENSUS = Census(
    1000.0,
    1200,
    1200,
    0,
    (
        CensusRow(
            "pkg.mod:Desk.run",
            1190,
            75.0,
            {"lock": 1189, "sleep": 1},
            {},
            {"http.api": 1190},
            (90, 500, 1190),
            11.0,
        ),
    ),
    4,
    (QUEUE,),
    1,
    (990.0, 995.0, 1000.0),
    (100, 510, 1200),
    11.0,
    1,
)
DEADLOCK = Deadlock(
    (
        DeadlockedTask(
            17, "one", "pkg.mod:f", "http.api", 75.0, LOCK, "pkg.mod:f, pkg/mod.py:3", LOCK
        ),
        DeadlockedTask(18, "two", "pkg.mod:g", "", 75.0, LOCK, "", LOCK),
    ),
    5,
    True,
)
INFO = TaskInfo(
    ROW,
    "/app/pkg/mod.py",
    10,
    (
        ChainFrame("pkg.mod:Desk.run", "/app/pkg/mod.py", 12),
        ChainFrame("pkg.mod:stream", "/app/pkg/mod.py", 30, "async generator"),
    ),
    True,
    (
        Holder(
            18, "two", "pkg.mod:g", "certain", "sleep", "a time to pass", "pkg.mod:g, pkg/mod.py:44"
        ),
    ),
    "Inside `async with` of it:",
    3,
    ("a semaphore",),
    (QUEUE,),
    1,
    True,
    True,
    5,
    "http.api",
    "gather",
    route="/v1/chat/completions",
    is_counted=True,
    deadlock=DEADLOCK,
)


def answered(answer: object) -> bytes:
    document = {"answers": [{"node": "n1", "answer": answer}], "failures": []}
    return http_answer(msgspec.json.encode(document))


def test_a_census_has_growth_queues_and_says_where_to_look(tmp_path: Path) -> None:
    with ScriptedServer(answered(CENSUS)) as server:
        said = run_aiex(
            tmp_path, "tasks", "--by", "coroutine", "-n", "1", "--admin-url", server.url
        )
    assert said.exit_code == 0, said.output
    lines = said.stdout.splitlines()
    assert lines[0] == "n1: 1,200 tasks, +660/min"
    assert "1 deadlock: `aiex tasks --deadlocks`" in lines[1]
    assert lines[3].split() == [
        *("1,190", "+660/min", "1", "min", "pkg.mod:Desk.run", "lock", "1,189,", "sleep", "1"),
    ]
    assert lines[4] == "3 more kinds; `-n` shows more."
    assert lines[-1].split() == [
        *("30", "+120/min", "25", "2", "room", "for", "7", "3", "to", "put", QUEUE.place),
    ]
    assert server.asked[0].path.startswith("/admin/v1/performance/census?")
    assert json.loads(server.asked[0].body) == {"by": "coroutine", "n": 1}


def test_a_list_is_asked_for_by_sort_or_filter(tmp_path: Path) -> None:
    with ScriptedServer(answered(TaskList((ROW,), 9, 1200))) as server:
        said = run_aiex(tmp_path, "tasks", "--waiting", "lock", "--admin-url", server.url)
    lines = said.stdout.splitlines()
    assert lines[0] == "n1: 9 of 1,200 tasks"
    assert lines[2].split()[:4] == ["17", "Task-9", "1", "min"]
    assert lines[2].endswith("pkg/mod.py:12")
    assert json.loads(server.asked[0].body)["waiting"] == "lock"
    with ScriptedServer(answered(TaskList((), 0, 5))) as server:
        said = run_aiex(tmp_path, "tasks", "--sort", "age", "--admin-url", server.url)
    assert said.stdout == "n1: none of 5 tasks is like that.\n"


def test_cpu_is_counted_for_a_while(tmp_path: Path) -> None:
    ranking = Ranking((Ranked("17 Task-9", 0.25, 0.5),), 0.5, 40, ("Only some were counted.",))
    with ScriptedServer(answered(ranking)) as server:
        said = run_aiex(
            tmp_path, "tasks", "--sort", "cpu", "--seconds", "2", "--admin-url", server.url
        )
    assert said.stdout.splitlines() == [
        "n1: cpu_counted by task, 500.00 ms in all, in 2 s; --by coroutine has those that ended",
        "CPU_COUNTED  SHARE  ID  NAME",
        "  250.00 ms  50.0%  17  Task-9",
        "39 more; `-n` shows more.",
        "Only some were counted.",
    ]
    assert json.loads(server.asked[0].body) == {
        "metric": "cpu_counted",
        "by": "task",
        "n": 20,
        "seconds": 2.0,
    }
    wrong = run_aiex(
        tmp_path, "tasks", "--sort", "cpu", "--service", "x", "--admin-url", "http://x"
    )
    assert wrong.exit_code == 2
    wrong = run_aiex(
        tmp_path, "tasks", "--sort", "cpu", "--by", "waiting", "--admin-url", "http://x"
    )
    assert wrong.exit_code == 2


def test_two_questions_at_once_are_wrong_usage(tmp_path: Path) -> None:
    said = run_aiex(tmp_path, "tasks", "--tree", "--deadlocks", "--admin-url", "http://x")
    assert said.exit_code == 2
    assert "ask one of them" in said.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--tree", "--sort", "cpu"), "--sort: this says nothing of --tree"),
        (("--deadlocks", "--service", "http"), "--service: this says nothing of --deadlocks"),
        (("--sort", "age", "--by", "service"), "--by: this says nothing of a list of tasks"),
        (("--seconds", "5s"), "--seconds is for --sort cpu and --sort steps"),
    ],
)
def test_an_option_that_a_question_would_not_hear_of_is_wrong_usage(
    tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    said = run_aiex(tmp_path, "tasks", *arguments, "--admin-url", "http://x")
    assert said.exit_code == 2
    assert told in said.stderr


def test_a_tree_is_drawn_below_services(tmp_path: Path) -> None:
    tasks = (
        TreeTask(1, 0, "", "http", "pkg:run", "http", 5.0, "task group", "the tasks of its group"),
        TreeTask(
            2, 1, "task group", "child\x1b[2J", "pkg:child", "http", 5.0, "sleep", "a time to pass"
        ),
        TreeTask(3, 1, "gather", "many", "pkg:one", "http", 5.0, "event", "an event", 40),
    )
    with ScriptedServer(answered(TaskTree(tasks, 50, 8))) as server:
        said = run_aiex(tmp_path, "tasks", "--tree", "--admin-url", server.url)
    assert said.stdout.splitlines() == [
        "n1: 50 tasks",
        "http",
        "   1 http pkg:run (5.0 s), waits for the tasks of its group",
        "      2 child [task group] pkg:child (5.0 s), waits for a time to pass",
        "      pkg:one x40 [gather] (5.0 s), waits for an event",
        "8 more; `-n` draws more.",
    ]
    assert json.loads(server.asked[0].body)["n"] == 200


def test_a_deadlock_is_a_finding_told_whole(tmp_path: Path) -> None:
    with ScriptedServer(answered(Deadlocks((DEADLOCK,), 1200))) as server:
        said = run_aiex(tmp_path, "tasks", "--deadlocks", "--admin-url", server.url)
    assert said.exit_code == 1
    assert said.stdout.splitlines() == [
        "n1: 1 deadlock among 1,200 tasks",
        "",
        "   17 one  pkg.mod:f (http.api, 1 min)",
        f"      waits for {LOCK}, held by 18 two",
        "      at pkg.mod:f, pkg/mod.py:3",
        "   18 two  pkg.mod:g (, 1 min)",
        f"      waits for {LOCK}, held by 17 one",
        "   5 more tasks wait for these.",
        "   A time limit around one of them will end it.",
    ]
    with ScriptedServer(answered(Deadlocks((), 7))) as server:
        said = run_aiex(tmp_path, "tasks", "--deadlocks", "--admin-url", server.url)
    assert (said.exit_code, said.stdout) == (0, "n1: no deadlock among 7 tasks.\n")


def test_one_task_is_told_in_full(tmp_path: Path) -> None:
    with ScriptedServer(answered(TaskDescription(INFO))) as server:
        said = run_aiex(tmp_path, "info", "17", "--admin-url", server.url)
    assert said.exit_code == 0
    for part in (
        "n1: task 17 Task-9, 1 min old",
        "coroutine   pkg.mod:Desk.run, /app/pkg/mod.py:10",
        "service     http.api, route /v1/chat/completions",
        "below       5 http.api [gather]",
        "cancelled   1 time, not yet told",
        "holds       a semaphore",
        f"waits for   {LOCK}, with a time limit",
        "and with it 3 other tasks",
        "18 two (pkg.mod:g) at pkg/mod.py:44, which waits for a time to pass",
        "queue       pkg.mod:Mail._inbox: 30 in it, room for 7",
        "   pkg.mod:stream (async generator), /app/pkg/mod.py:30",
        "deadlock: each of these waits for the next",
    ):
        assert part in said.stdout, part
    assert json.loads(server.asked[0].body) == {"task": "17"}


def test_one_that_is_not_there_is_a_finding_and_json_says_the_same(tmp_path: Path) -> None:
    none = TaskDescription(matches=(ROW,), match_count=2, text="2 tasks are called so.")
    with ScriptedServer(answered(none)) as server:
        said = run_aiex(tmp_path, "info", "Task", "--admin-url", server.url)
    assert said.exit_code == 1
    assert said.stdout.startswith("n1: 2 tasks are called so.\nID")
    assert "1 more tasks" in said.stdout
    with ScriptedServer(answered(none)) as server:
        said = run_aiex(tmp_path, "info", "Task", "-o", "json", "--admin-url", server.url)
    assert said.exit_code == 1
    assert json.loads(said.stdout)["answers"][0]["answer"]["match_count"] == 2


def test_a_name_of_no_task_is_answered_with_where_names_are(tmp_path: Path) -> None:
    with ScriptedServer(answered(TaskDescription(text="There is no task 'Tusk'."))) as server:
        said = run_aiex(tmp_path, "info", "Tusk", "--admin-url", server.url)
    assert (said.exit_code, "`aiex tasks --sort name` list" in said.stdout) == (1, True)
