"""A node's start, drain and end, as the operating system and a load balancer see them."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from aiex.testing.node_process import (
    NodeProcess,
    children_of,
    http_status,
    is_running,
    wait_until,
)

pytestmark = pytest.mark.integration

SLOW = {"slow": {"kind": "mock", "tokens_per_s": 20, "answer_tokens": 30}}
ENDLESS = {"slow": {"kind": "mock", "tokens_per_s": 20, "answer_tokens": 100_000}}


def with_provider(providers: Mapping[str, object]) -> list[str]:
    models = {name: {"targets": [{"provider": name}]} for name in providers}
    return [f"--set=providers={json.dumps(providers)}", f"--set=models={json.dumps(models)}"]


class OpenStream:
    """A streamed answer being read by a thread; `body` once it ended."""

    def __init__(self, node: NodeProcess) -> None:
        parts = urlsplit(node.api_url)
        self._connection = HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        question = {"model": "slow", "stream": True, "messages": [{"role": "user", "content": "x"}]}
        self._connection.request("POST", "/v1/chat/completions", json.dumps(question))
        self._answer = self._connection.getresponse()
        self.status = self._answer.status
        self.body = b""
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def join(self) -> bytes:
        self._thread.join(30)
        assert not self._thread.is_alive()
        self._connection.close()
        return self.body

    def _read(self) -> None:
        try:
            while chunk := self._answer.read1(65536):
                self.body += chunk
        except OSError:
            self.body += b"(connection broken)"


def test_a_node_is_ready_and_says_where_it_is(tmp_path: Path) -> None:
    with NodeProcess(tmp_path) as node:
        node.ready()
        assert http_status(node.api_url + "/readyz") == 200
        assert http_status(node.admin_url + "/livez") == 200
        status = node.admin("/admin/v1/status")
        assert status["node"]["state"] == "ready"
        assert {check["status"] for check in status["checks"]} == {"ok"}
        assert (node.data_dir.stat().st_mode & 0o777) == 0o700
        assert node.stop() == 0
        assert not (node.data_dir / "node.json").exists()


def test_sigterm_lets_an_open_stream_finish_and_ends_with_0(tmp_path: Path) -> None:
    with NodeProcess(tmp_path, with_provider(SLOW)) as node:
        node.ready()
        stream = OpenStream(node)
        wait_until(lambda: stream.body, 5, "the first token")
        assert node.stop() == 0
        body = stream.join()
    assert body.endswith(b"data: [DONE]\n\n"), body[-200:]


def test_while_load_balancers_notice_the_node_is_unready_and_still_serves(tmp_path: Path) -> None:
    with NodeProcess(tmp_path, [*with_provider(SLOW), "--set=node.propagation_delay_s=2"]) as node:
        node.ready()
        node.process.send_signal(signal.SIGTERM)
        wait_until(lambda: http_status(node.api_url + "/readyz") == 503, 2, "503 from /readyz")
        assert http_status(node.api_url + "/livez") == 200
        assert http_status(node.api_url + "/v1/models") == 200
        assert node.process.wait(20) == 0


def test_a_connection_is_given_back_before_it_could_be_closed_under_a_request(
    tmp_path: Path,
) -> None:
    with NodeProcess(tmp_path, [*with_provider(SLOW), "--set=node.propagation_delay_s=2"]) as node:
        node.ready()
        connection = HTTPConnection(node.api_url.split("/")[2], timeout=10)
        connection.request("GET", "/v1/models")
        answer = connection.getresponse()
        assert answer.read()
        assert not answer.will_close
        node.process.send_signal(signal.SIGTERM)
        wait_until(lambda: http_status(node.api_url + "/readyz") == 503, 2, "503 from /readyz")
        connection.request("GET", "/v1/models")
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.will_close
        assert answer.read()
        connection.close()


def test_while_it_drains_the_command_line_finds_the_node(tmp_path: Path) -> None:
    with NodeProcess(tmp_path, with_provider(ENDLESS)) as node:
        node.ready()
        stream = OpenStream(node)
        wait_until(lambda: stream.body, 5, "the first token")
        node.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "stopping" in node.output, 5, "the drain to begin")
        shown = subprocess.run(
            [sys.executable, "-m", "aiex", "status", "--data-dir", str(node.data_dir)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert shown.returncode == 1  # it takes nothing new
        assert "draining" in shown.stdout
        assert "1 in flight" in shown.stdout
        node.process.send_signal(signal.SIGTERM)
        assert node.process.wait(10) == 0
        assert not (node.data_dir / "node.json").exists()
        stream.join()


def test_the_drain_deadline_cuts_off_what_does_not_end(tmp_path: Path) -> None:
    with NodeProcess(
        tmp_path, [*with_provider(ENDLESS), "--set=node.drain_deadline_s=0.5"]
    ) as node:
        node.ready()
        stream = OpenStream(node)
        wait_until(lambda: stream.body, 5, "the first token")
        assert node.stop() == 0
        assert not stream.join().endswith(b"data: [DONE]\n\n")
        assert any("cut off 1 requests" in str(line.get("message")) for line in node.log())


def test_a_second_sigterm_stops_now(tmp_path: Path) -> None:
    with NodeProcess(tmp_path, with_provider(ENDLESS)) as node:
        node.ready()
        stream = OpenStream(node)
        wait_until(lambda: stream.body, 5, "the first token")
        node.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "stopping" in node.output, 5, "the drain to begin")
        # The drain deadline is thirty seconds; this is much sooner.
        node.process.send_signal(signal.SIGTERM)
        assert node.process.wait(10) == 0
        stream.join()


def test_kill_9_of_the_node_leaves_no_process(tmp_path: Path) -> None:
    with NodeProcess(tmp_path) as node:
        node.ready()
        children = children_of(node.pid)
        assert node.service_pid("engine.server") in children
        node.process.kill()
        node.process.wait(10)
        wait_until(lambda: not any(map(is_running, children)), 5, f"the end of {children}")


def test_a_node_starts_again_after_kill_9(tmp_path: Path) -> None:
    with NodeProcess(tmp_path) as node:
        node.ready()
        key = node.admin("/admin/v1/keys", "POST", {"name": "kept"})["id"]
        node.process.kill()
        node.process.wait(10)
    with NodeProcess(tmp_path) as node:
        node.ready()
        assert [one["id"] for one in node.admin("/admin/v1/keys")["keys"]] == [key]


def sentence_of_failed_start(directory: Path, *arguments: str, status: int = 1) -> str:
    """What a node that cannot start says on stderr; its log lines are not of interest."""
    done = subprocess.run(
        [sys.executable, "-m", "aiex", "serve", "--port=0", "--admin-port=0", *arguments],
        env={**os.environ, "XDG_DATA_HOME": str(directory), "XDG_RUNTIME_DIR": str(directory)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    return done.stderr.strip()


def test_a_busy_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sentence = sentence_of_failed_start(tmp_path, f"--port={port}")
    assert sentence.startswith(f"Error: Cannot listen on 127.0.0.1:{port}: Address already in use.")
    assert "--port" in sentence
    assert "\n" not in sentence


def test_a_port_of_another_node_is_busy_too(tmp_path: Path) -> None:
    with NodeProcess(tmp_path) as node:
        node.ready()
        port = urlsplit(node.api_url).port
        assert "Address already in use" in sentence_of_failed_start(tmp_path, f"--port={port}")


def test_a_locked_data_directory_names_its_holder(tmp_path: Path) -> None:
    with NodeProcess(tmp_path) as node:
        node.ready()
        sentence = sentence_of_failed_start(tmp_path, f"--data-dir={node.data_dir}")
    assert f"in use by the node with pid {node.pid}" in sentence
    assert "\n" not in sentence


def test_a_data_directory_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sentence = sentence_of_failed_start(tmp_path, f"--data-dir={tmp_path / 'file'}")
    assert "cannot be used: File exists" in sentence
    assert "--data-dir" in sentence


def test_files_of_the_engine_that_cannot_be_used_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "engine").write_text("")
    sentence = sentence_of_failed_start(tmp_path, f"--data-dir={tmp_path / 'data'}")
    assert "engine cannot be used: File exists." in sentence
    assert "--data-dir" in sentence
    assert "\n" not in sentence


def test_keys_that_cannot_be_read_are_said_in_the_log_and_open_no_door(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "keys.json").write_text("garbage")
    with NodeProcess(tmp_path) as node:
        node.ready()
        assert http_status(node.api_url + "/v1/models") == 401
        assert node.stop() == 0
        warnings = [line["message"] for line in node.log() if line["level"] == "warning"]
        assert any("keys.json cannot be read" in str(message) for message in warnings)


@pytest.mark.fault
def test_a_full_disc_is_one_sentence(tmp_path: Path, small_disc: Callable[[int], Path]) -> None:
    disc = small_disc(20 * 1024 * 1024)
    (disc / "ballast").write_bytes(b"x" * 19 * 1024 * 1024)
    sentence = sentence_of_failed_start(tmp_path, f"--data-dir={disc / 'data'}")
    assert "is full" in sentence
    assert "\n" not in sentence


def test_settings_that_are_wrong_are_all_named(tmp_path: Path) -> None:
    sentence = sentence_of_failed_start(tmp_path, "--set=api.prt=1", "--set=log.level=loud")
    assert "did you mean 'port'" in sentence
    assert "log.level" in sentence


def test_wrong_usage_is_status_2(tmp_path: Path) -> None:
    assert "--wrong" in sentence_of_failed_start(tmp_path, "--wrong", status=2)


def test_off_loopback_without_a_key_the_node_refuses(tmp_path: Path) -> None:
    sentence = sentence_of_failed_start(tmp_path, "--host=0.0.0.0")
    assert "AIEX_API__KEY_FILE" in sentence


def test_off_loopback_with_a_key_only_that_key_opens(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sk-from-a-file\n")
    with NodeProcess(
        tmp_path, [*with_provider(SLOW), "--host=0.0.0.0"], {"AIEX_API__KEY_FILE": str(key)}
    ) as node:
        node.ready()
        url = node.api_url.replace("0.0.0.0", "127.0.0.1") + "/v1/models"
        assert http_status(url) == 401
        assert http_status(url, key="sk-wrong") == 401
        assert http_status(url, key="sk-from-a-file") == 200
        assert "sk-from-a-file" not in node.output
