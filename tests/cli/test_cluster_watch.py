"""`aiex cluster watch`: a line an event, over the loss of the node asked, until Ctrl-C."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from aiex.cli.admin_client import AdminClient
from aiex.cli.cluster_look import Change
from aiex.cli.cluster_watch import Screen, Watch
from aiex.cli.node_lookup import AdminAccess, NodeNotFound
from aiex.testing.http_server import ScriptedServer, http_answer

MEMBER = {"name": "n1", "state": "up", "is_self": True}
CLUSTER = http_answer(
    json.dumps({"name": "aiex", "condition": "whole", "members": [MEMBER]}).encode()
)
STATUS = http_answer(b'{"engine": {"state": "up"}}')
END_S = 20.0


def client(server: ScriptedServer) -> AdminClient:
    return AdminClient(AdminAccess(server.url))


class Told:
    """What a watch tells."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.lost: list[bool] = []

    def __call__(self, _: Any, __: str, happened: list[Change], lost: str) -> None:
        self.texts += [one.text for one in happened]
        self.lost.append(bool(lost))


def test_a_node_that_is_lost_is_told_once_and_looked_up_again() -> None:
    told = Told()

    def nobody() -> AdminClient:
        raise NodeNotFound("No node runs here.")

    with ScriptedServer(CLUSTER, STATUS, CLUSTER, STATUS) as server:
        found: list[Callable[[], AdminClient]] = [lambda: client(server), nobody, nobody]
        watch = Watch(lambda: found.pop(0)(), told)
        watch.look()
        watch.look()
    watch.look()  # the server is gone
    watch.look()
    watch.look()
    assert told.texts[:1] == ["watch: asks n1"]
    assert [text for text in told.texts if text.startswith("watch")][1].startswith(
        "watch n1: lost ("
    )
    assert len([text for text in told.texts if "lost" in text]) == 1
    assert told.lost == [False, False, True, True, True]
    with ScriptedServer(CLUSTER, STATUS) as server:
        found.append(lambda: client(server))
        watch.look()
    assert told.texts[-1] == "watch: asks n1"
    assert told.lost[-1] is False


def test_a_screen_shows_the_cluster_and_the_last_events(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with ScriptedServer(CLUSTER, STATUS) as server:
        screen = Screen()
        watch = Watch(lambda: client(server), screen)
        watch.look()
    shown = click.unstyle(capsys.readouterr().out)
    assert "condition whole" in shown
    assert "engine    up" in shown
    assert "member n1: up" in shown
    watch.look()
    shown = click.unstyle(capsys.readouterr().out)
    assert "no answer: " in shown
    assert "what was seen last:" in shown


@pytest.mark.parametrize("output", ["text", "json"])
def test_piped_it_is_a_line_an_event_and_ctrl_c_ends_it_well(output: str, tmp_path: Path) -> None:
    # Each look asks for two documents; the last answer of a script is given for ever.
    script = [CLUSTER, STATUS] * 200
    with ScriptedServer(*script) as server:
        command = ["cluster", "watch", "-o", output, "--admin-url", server.url]
        with subprocess.Popen(
            [sys.executable, "-m", "aiex", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        ) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(4)]
            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=END_S)
    assert (process.returncode, rest, errors) == (0, "", "")
    if output == "json":
        events = [json.loads(line) for line in lines]
        assert [one["what"] for one in events] == ["watch", "condition", "engine", "member"]
        assert events[3] | {"at": ""} == {
            "at": "",
            "asked": "n1",
            "what": "member",
            "name": "n1",
            "before": "",
            "after": "up",
            "reason": "",
            "text": "member n1: up",
        }
    else:
        assert [line.split("  ", 1)[1] for line in lines] == [
            "watch: asks n1\n",
            "condition: whole\n",
            "engine: up\n",
            "member n1: up\n",
        ]
