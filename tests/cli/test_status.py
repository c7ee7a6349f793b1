"""`aiex status`: what it shows, when it ends with 1, and how it watches."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from aiex.cli.admin_client import AdminUnreachable
from aiex.cli.status import WATCH_EVERY_S, watch_node
from aiex.node.data_directory import DataDirectory
from aiex.testing.command_line import run_aiex
from aiex.testing.http_server import ScriptedServer, http_answer


def status(check: str) -> bytes:
    return json.dumps(
        {"node": {"name": "n1"}, "checks": [{"name": "engine", "status": check}], "new": 1}
    ).encode()


@pytest.mark.parametrize(("check", "exit_code"), [("ok", 0), ("degraded", 0), ("failed", 1)])
@pytest.mark.parametrize("output", ["text", "json"])
def test_only_a_failed_check_ends_with_1(
    check: str, exit_code: int, output: str, tmp_path: Path
) -> None:
    with ScriptedServer(http_answer(status(check))) as server:
        said = run_aiex(tmp_path, "status", "-o", output, "--admin-url", server.url)
    assert said.exit_code == exit_code
    assert check in said.stdout


def test_for_programs_nothing_is_left_out(tmp_path: Path) -> None:
    with ScriptedServer(http_answer(status("ok"))) as server:
        said = run_aiex(tmp_path, "status", "-o", "json", "--admin-url", server.url)
    assert json.loads(said.stdout) == json.loads(status("ok"))
    assert server.asked[0].path == "/admin/v1/status"


def test_the_tree_is_another_question(tmp_path: Path) -> None:
    tree = b'{"name": "node", "state": "running", "children": [{"name": "engine"}]}'
    with ScriptedServer(http_answer(tree)) as server:
        said = run_aiex(tmp_path, "status", "--tree", "--admin-url", server.url)
    assert said.stdout.splitlines()[0] == "node  running for 0 s"
    assert said.stdout.splitlines()[1].startswith("└── engine")
    assert server.asked[0].path == "/admin/v1/supervision"


class Watched:
    """A node that gives these answers, after which the user has seen enough."""

    def __init__(self, *answers: bytes | AdminUnreachable) -> None:
        self._answers = list(answers)
        self.pauses: list[float] = []

    def read(self) -> bytes:
        answer = self._answers.pop(0)
        if isinstance(answer, AdminUnreachable):
            raise answer
        return answer

    def pause(self, duration_s: float) -> None:
        self.pauses.append(duration_s)
        if not self._answers:
            raise KeyboardInterrupt


def test_watching_shows_each_answer_until_ctrl_c(capsys: pytest.CaptureFixture[str]) -> None:
    node = Watched(b"one", b"two")
    watch_node(node.read, lambda answer: [answer.decode()], "text", pause=node.pause)
    assert capsys.readouterr().out.split() == ["one", "two"]
    assert node.pauses == [WATCH_EVERY_S] * 2


def test_watching_outlives_a_node_that_does_not_answer(capsys: pytest.CaptureFixture[str]) -> None:
    node = Watched(b"one", AdminUnreachable("gone"), b"two")
    watch_node(node.read, lambda answer: [answer.decode()], "text", pause=node.pause)
    assert capsys.readouterr().out.split() == ["one", "gone", "two"]


def test_watching_for_programs_is_a_document_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    node = Watched(status("ok"), AdminUnreachable("gone"), status("failed"))
    watch_node(node.read, lambda _: [], "json", pause=node.pause)
    said = capsys.readouterr()
    first, second = map(json.loads, said.out.splitlines())
    assert (first["checks"][0]["status"], second["checks"][0]["status"]) == ("ok", "failed")
    assert said.err.strip() == "gone"


def test_of_several_nodes_of_a_cluster_it_says_which_one_it_shows(tmp_path: Path) -> None:
    tree = b'{"name": "node", "state": "running"}'
    with ScriptedServer(*[http_answer(tree)] * 2) as server, ExitStack() as running:
        for name in ("a", "b"):
            directory = DataDirectory(tmp_path / ".local" / "share" / "aiex" / name)
            directory.open()
            running.callback(directory.close)
            directory.announce_node(
                name=name, version="", api_url="", admin_url=server.url, cluster="aiex"
            )
        said = run_aiex(tmp_path, "status", "--tree").stdout.splitlines()
        named = run_aiex(tmp_path, "status", "--tree", "--node", "b").stdout.splitlines()
    assert said[0] == "a, one of several nodes here; choose another with --node NAME"
    assert said[2] == named[0] == "node  running for 0 s"
