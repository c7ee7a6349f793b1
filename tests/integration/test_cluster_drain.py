"""A node drained from another one: its streams are finished, it stops with 0, the others go on."""

import json
import threading
import urllib.request
from pathlib import Path

import pytest

from aiex.testing.command_line import run_aiex
from aiex.testing.node_process import NodeProcess, wait_until
from aiex.testing.static_nodes import StaticNodes

pytestmark = [pytest.mark.integration, pytest.mark.slow]

# Sixteen tokens at eight a second: open for two seconds.
SLOW = {"providers": '{"mock": {"kind": "mock", "tokens_per_s": 8}}'}


def drained(asked: NodeProcess, *arguments: str) -> str:
    told = run_aiex(
        asked.output_file.parent,
        *("cluster", "drain", *arguments, "--data-dir", str(asked.data_dir)),
    )
    assert told.exit_code == 0, told.output
    return told.stdout


def test_a_drain_waits_for_an_open_stream_and_is_seen_to_its_end(tmp_path: Path) -> None:
    with StaticNodes(tmp_path) as lab:
        first, second, _ = lab.formed(1, 2, 3, **SLOW)
        body: list[bytes] = []
        streaming = threading.Thread(target=lambda: body.append(streamed(second)))
        streaming.start()
        wait_until(lambda: open_streams(first) == 1, 10, "the stream is open")
        assert "in hand   1 requests, 1 of them streams" in drained(first, "n2", "--plan")

        told = drained(first, "n2", "--yes")
        assert "n2 is draining, 1 requests in hand" in told
        assert told.endswith("n2 is gone.\n")
        streaming.join(20)
        assert body[0].rstrip().endswith(b"data: [DONE]")
        assert second.process.wait(20) == 0

        assert drained(first, "n1", "--yes").endswith("it was the node asked.\n")
        assert first.process.wait(20) == 0


def test_the_last_node_that_is_ready_stays_unless_forced(tmp_path: Path) -> None:
    with StaticNodes(tmp_path) as lab:
        node = lab.start(1, cluster__discovery="none", cluster__seeds="[]").ready()
        told = run_aiex(
            tmp_path, "cluster", "drain", "n1", "--yes", "--data-dir", str(node.data_dir)
        )
        assert told.exit_code == 1
        assert "n1 is the last node that is ready" in told.stderr
        drained(node, "n1", "--yes", "--force")
        assert node.process.wait(20) == 0


def open_streams(node: NodeProcess) -> int:
    plan = node.admin("/admin/v1/cluster/nodes/n2/drain-plan")
    count: int = plan["streams"]
    return count


def streamed(node: NodeProcess) -> bytes:
    question = {
        "model": "mock",
        "stream": True,
        "messages": [{"role": "user", "content": "hello"}],
    }
    request = urllib.request.Request(
        f"{node.api_url}/v1/chat/completions",
        data=json.dumps(question).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        body: bytes = answer.read()
    return body
