"""The scripts that run in the cluster, by themselves: the standard library alone, and right."""

import ast
import json
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.k8s import kill, load, manifests, reach

SCRIPTS = ("load.py", "reach.py", "kill.py")
FRAME = 'data: {"choices": [{"delta": {"content": "%s"}}]}\n\n'


@pytest.mark.parametrize("file", SCRIPTS)
def test_a_script_needs_the_standard_library_alone(file: str) -> None:
    tree = ast.parse(manifests.script(file))
    imported = {
        alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {
        (node.module or "").split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
    }
    assert imported <= sys.stdlib_module_names


def test_a_stream_counts_once_its_end_came() -> None:
    frames = (FRAME % "1" + FRAME % " 2").encode()
    assert load.streamed(frames + b"data: [DONE]\n\n") == "1 2"
    assert load.streamed(frames) is None
    assert load.streamed(b"data: nonsense\n\ndata: [DONE]\n\n") is None


def test_an_answer_counts_when_it_says_something() -> None:
    assert load.whole(b'{"choices": [{"message": {"content": "1 2"}}]}') == "1 2"
    assert load.whole(b'{"choices": []}') is None
    assert load.whole(b"<html>") is None


class Wrong(BaseHTTPRequestHandler):
    """Answers something else than it was asked."""

    def do_POST(self) -> None:
        body = b'{"choices": [{"message": {"content": "something else"}}]}'
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, *_: object) -> None:
        """Say nothing."""


def asked(port: int, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    tally = load.Tally()
    load.Asker(f"http://127.0.0.1:{port}", "key", "drill", tally, 0).ask(is_stream=False)
    tally.tell_ended()
    sums: dict[str, object] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return sums


def test_a_wrong_answer_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    with HTTPServer(("127.0.0.1", 0), Wrong) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        sums = asked(server.server_port, capsys)
        thread.join()
    assert (sums["answered"], sums["failed"]) == (0, 1)


def test_who_finds_nobody_tries_again_and_gives_up(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "CONNECT_PATIENCE_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    sums = asked(port, capsys)
    assert sums["failed"] == 1
    assert isinstance(sums["unconnected"], int)
    assert sums["unconnected"] >= 2


def test_an_address_is_open_when_somebody_takes_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert reach.reached(f"127.0.0.1:{port}") == "open"
    assert reach.reached(f"127.0.0.1:{port}") == "closed"


def test_the_processes_of_a_pod_are_found_and_no_others(tmp_path: Path) -> None:
    def process(number: str, group: str, command: str) -> None:
        directory = tmp_path / number
        directory.mkdir()
        (directory / "cgroup").write_text(f"0::/../../{group}\n")
        (directory / "comm").write_text(f"{command}\n")

    process("10", "kubepods-burstable-pod1a_2b.slice/cri-containerd-x.scope", "aiex")
    process("11", "kubepods/burstable/pod1a-2b/y", "nats-server")
    process("12", "kubepods-burstable-pod1a_2b.slice/cri-containerd-z.scope", "pause")
    process("13", "kubepods-burstable-pod9f_2b.slice/cri-containerd-x.scope", "aiex")
    (tmp_path / "14").mkdir()  # ended meanwhile
    (tmp_path / "self").mkdir()
    assert sorted(kill.processes_of("1a-2b", tmp_path)) == [10, 11]
