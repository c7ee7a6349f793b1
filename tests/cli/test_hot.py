"""`aiex hot`: what is asked of the node, what is said, and with which status it ends."""

import json
from pathlib import Path
from typing import Any

import click
import pytest

from aiex.cli.answers.hot import HotValue
from aiex.cli.hot import follow
from aiex.cli.hot_canary import seconds_of
from aiex.testing.command_line import run_aiex
from aiex.testing.http_server import ScriptedServer, http_answer

VALUE = {"key": "log_level", "value": "debug", "source": "hot", "revision": 7, "more": 1}
SPREAD = {"key": "log_level", "revision": 7, "applied": ["n1", "n2"]}
BEHIND = {**SPREAD, "behind": [{"node": "n3", "why": "n3 is down"}]}
REFUSED = {**SPREAD, "refused": [{"node": "n3", "why": "too new"}]}
RUNNING = {"key": "log_level", "revision": 7, "nodes": ["n2"], "verdict": "too few requests"}
KEPT = {**RUNNING, "outcome": "kept", "verdict": "not worse", "reasons": ["alike"]}


def answer(content: object) -> bytes:
    return http_answer(json.dumps(content).encode())


def test_the_list_is_a_table_or_all_that_the_node_says(tmp_path: Path) -> None:
    found = answer({"node": "n1", "values": [VALUE]})
    with ScriptedServer(found, found) as server:
        said = run_aiex(tmp_path, "hot", "list", "--admin-url", server.url)
        as_json = run_aiex(tmp_path, "hot", "list", "-o", "json", "--admin-url", server.url)
    assert said.stdout.splitlines()[1].startswith("log_level   debug")
    assert json.loads(as_json.stdout)["values"][0]["more"] == 1
    assert server.asked[0].path == "/admin/v1/hot"


def test_the_value_alone_goes_to_standard_output(tmp_path: Path) -> None:
    with ScriptedServer(answer(VALUE)) as server:
        said = run_aiex(tmp_path, "hot", "get", "log_level", "--admin-url", server.url)
    assert (said.exit_code, said.stdout) == (0, "debug\n")
    assert "from      revision 7" in said.stderr


def test_a_value_is_set_as_text_with_its_part_apart(tmp_path: Path) -> None:
    with ScriptedServer(answer(SPREAD), answer(SPREAD)) as server:
        said = run_aiex(tmp_path, "hot", "set", "log_level=a=b", "--admin-url", server.url)
        assert (said.exit_code, said.stdout) == (
            0,
            "log_level is set (revision 7); 2 nodes have it (n1, n2).\n",
        )
        run_aiex(
            *(tmp_path, "hot", "set", "target_weights.gpt-4.1={}", "--expects", "0"),
            *("--wait", "quorum", "--admin-url", server.url),
        )
    first, second = server.asked
    assert (first.method, first.path) == ("PUT", "/admin/v1/hot/log_level")
    assert json.loads(first.body) == {"text": "a=b", "part": "", "wait": "all", "expects": None}
    assert second.path == "/admin/v1/hot/target_weights"
    asked = {"text": "{}", "part": "gpt-4.1", "wait": "quorum", "expects": 0}
    assert json.loads(second.body) == asked


@pytest.mark.parametrize(
    ("spread", "wait", "status"),
    [
        (SPREAD, "all", 0),
        (BEHIND, "all", 1),
        (BEHIND, "quorum", 0),
        (BEHIND, "none", 0),
        (REFUSED, "none", 1),
    ],
)
def test_a_change_that_is_not_everywhere_it_should_be_ends_with_1(
    tmp_path: Path, spread: dict[str, Any], wait: str, status: int
) -> None:
    with ScriptedServer(answer(spread)) as server:
        said = run_aiex(
            tmp_path, "hot", "set", "log_level=debug", "--wait", wait, "--admin-url", server.url
        )
    assert said.exit_code == status


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("set", "log_level"), "has no '='; write it as log_level=debug"),
        (("set", "=debug"), "has no '='"),
        (("set", "x=1", "--for", "60s"), "add --nodes 1"),
        (("set", "x=1", "--promote"), "add --nodes 1"),
        (("set", "x=1", "--nodes", "1", "--for", "soon"), "no time like 60s, 10m or 1h"),
        (("set", "x=1", "--nodes", "1", "--expects", "3"), "not for a canary"),
        (("canary", "x", "--promote", "--revert"), "Choose one"),
        (("rollback", "x", "0"), "REVISION"),
    ],
)
def test_wrong_usage_ends_with_2_and_a_hint(
    tmp_path: Path, arguments: tuple[str, ...], hint: str
) -> None:
    with ScriptedServer() as server:
        said = run_aiex(tmp_path, "hot", *arguments, "--admin-url", server.url)
    assert said.exit_code == 2
    assert hint in said.stderr
    assert server.asked == []


def test_what_the_node_refuses_is_told(tmp_path: Path) -> None:
    refused = http_answer(b'{"error": {"message": "Did you mean \'log_level\'?"}}', 404)
    with ScriptedServer(refused) as server:
        said = run_aiex(tmp_path, "hot", "get", "log_levle", "--admin-url", server.url)
    assert said.exit_code == 1
    assert "refused: Did you mean 'log_level'?" in said.stderr


def test_a_change_of_which_nobody_can_tell_is_told_with_where_to_look(tmp_path: Path) -> None:
    unsure = http_answer(b'{"error": {"message": "The engine does not answer."}}', 503)
    with ScriptedServer(unsure) as server:
        said = run_aiex(tmp_path, "hot", "set", "log_level=debug", "--admin-url", server.url)
    assert said.exit_code == 1
    assert "It may have happened all the same: aiex hot history log_level tells." in said.stderr


def test_history_rollback_and_reset_ask_for_what_they_say(tmp_path: Path) -> None:
    history = answer({"key": "log_level", "versions": [{"revision": 7, "what": "set"}]})
    empty = answer({"key": "log_level"})
    with ScriptedServer(history, empty, answer(SPREAD), answer(SPREAD)) as server:
        at = ("--admin-url", server.url)
        assert "7" in run_aiex(tmp_path, "hot", "history", "log_level", *at).stdout
        never = run_aiex(tmp_path, "hot", "history", "log_level", *at)
        assert never.stdout == "log_level was never changed: the settings are in force.\n"
        assert run_aiex(tmp_path, "hot", "rollback", "log_level", "7", *at).exit_code == 0
        said = run_aiex(tmp_path, "hot", "reset", "log_level", *at)
        assert said.stdout.startswith("log_level is what the settings say (revision 7)")
    assert [(one.method, one.path) for one in server.asked] == [
        ("GET", "/admin/v1/hot/log_level/history"),
        ("GET", "/admin/v1/hot/log_level/history"),
        ("POST", "/admin/v1/hot/log_level/rollback"),
        ("DELETE", "/admin/v1/hot/log_level"),
    ]
    assert json.loads(server.asked[2].body) == {"revision": 7, "wait": "all"}


def test_a_canary_is_begun_followed_and_its_end_told(tmp_path: Path) -> None:
    with ScriptedServer(answer(RUNNING), answer(KEPT)) as server:
        said = run_aiex(
            *(tmp_path, "hot", "set", "log_level=debug", "--nodes", "n2,n3", "--for", "2m"),
            *("--watch", "p99", "--auto-revert", "--admin-url", server.url),
        )
    assert said.exit_code == 0
    assert said.stdout.splitlines()[0] == "Verdict: not worse (alike)."
    assert "too few requests" in said.stderr
    assert [one.path for one in server.asked] == ["/admin/v1/hot/log_level/canary"] * 2
    assert json.loads(server.asked[0].body) == {
        "text": "debug",
        "part": "",
        "nodes": ["n2", "n3"],
        "for_s": 120.0,
        "watch": ["p99"],
        "auto_revert": True,
        "promote": False,
    }


def test_a_value_that_does_harm_ends_with_1(tmp_path: Path) -> None:
    with ScriptedServer(answer({**KEPT, "verdict": "worse", "outcome": "reverted"})) as server:
        said = run_aiex(
            *(tmp_path, "hot", "set", "log_level=debug", "--nodes", "1", "-o", "json"),
            *("--admin-url", server.url),
        )
    assert said.exit_code == 1
    assert json.loads(said.stdout)["outcome"] == "reverted"


def test_a_canary_is_looked_at_and_settled_from_any_node(tmp_path: Path) -> None:
    with ScriptedServer(answer(RUNNING), answer(SPREAD)) as server:
        at = ("--admin-url", server.url)
        assert "0 s left" in run_aiex(tmp_path, "hot", "canary", "log_level", *at).stdout
        said = run_aiex(tmp_path, "hot", "canary", "log_level", "--revert", *at)
    assert said.stdout.startswith("log_level is reverted (revision 7)")
    assert json.loads(server.asked[1].body) == {"promote": False}


def test_a_watch_tells_what_is_new_and_waits_at_the_node_for_the_next() -> None:
    def looked(revision: int, *values: dict[str, Any]) -> bytes:
        return json.dumps({"revision": revision, "values": values}).encode()

    other = {"key": "x", "value": 1}
    looks = [
        looked(7, VALUE, other),
        looked(7, VALUE, other),
        looked(9, VALUE, {**other, "value": 2, "revision": 9}),
    ]
    paths: list[str] = []
    told: list[HotValue] = []

    def read(path: str) -> bytes:
        paths.append(path)
        return looks.pop(0)

    follow(read, told.append, is_over=lambda: not looks)
    assert [(one.key, one.value) for one in told] == [("x", 2)]
    assert paths == ["/admin/v1/hot", *["/admin/v1/hot?after=7&wait_s=5"] * 2]


@pytest.mark.parametrize(("text", "seconds"), [("60s", 60), ("10m", 600), ("1h", 3600)])
def test_times_are_seconds_minutes_or_hours(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "60", "1.5h", "-1s", "1d", "999999s", "۳s"])
def test_what_is_no_time_is_wrong_usage(text: str) -> None:
    with pytest.raises(click.UsageError):
        seconds_of(text)
