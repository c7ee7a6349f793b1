"""A node at work is asked what its tasks do: counted, listed, drawn, in full, and used CPU."""

import json
import threading
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from aiex.testing.command_line import run_aiex
from aiex.testing.node_process import NodeProcess, wait_until

pytestmark = pytest.mark.integration

NEVER = (
    "--set",
    'providers={"mock": {"kind": "mock", "faults": {"hang_ratio": 1.0}}}',
    "--set",
    'models={"hangs": {"targets": [{"provider": "mock"}]}}',
)


def asked(node: NodeProcess, home: Path, *arguments: str) -> Any:
    said = run_aiex(home, *arguments, "-o", "json", "--data-dir", str(node.data_dir))
    assert said.exit_code == 0, said.output
    (one,) = json.loads(said.stdout)["answers"]
    return one["answer"]


def hang(node: NodeProcess, until: threading.Event) -> None:
    """One request that gets no answer; its connection is closed when `until` is set."""
    parts = urlsplit(node.api_url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    question = {"model": "hangs", "messages": [{"role": "user", "content": "a secret"}]}
    connection.request("POST", "/v1/chat/completions", json.dumps(question))
    until.wait(60)
    connection.close()


def test_requests_that_hang_are_seen_with_owner_and_chain(tmp_path: Path) -> None:
    is_over = threading.Event()
    with NodeProcess(tmp_path, NEVER) as node:
        node.until_ready()
        threads = [threading.Thread(target=hang, args=(node, is_over)) for _ in range(5)]
        for thread in threads:
            thread.start()
        try:
            _look(node, tmp_path)
        finally:
            is_over.set()
            for thread in threads:
                thread.join(60)


def _look(node: NodeProcess, home: Path) -> None:
    def hanging() -> list[Any]:
        rows: list[Any] = asked(node, home, "tasks", "--coroutine", "aiex.assistant.api:")["tasks"]
        return rows

    wait_until(lambda: len(hanging()) == 5, 30.0, "five requests hang")
    row = hanging()[0]
    assert row["service"] == "http.api"
    found = asked(node, home, "info", str(row["id"]))["found"]
    assert found["route"] == "/v1/chat/completions"
    functions = [frame["function"] for frame in found["chain"]]
    assert len(functions) >= 3
    assert any(function.startswith("aiex.assistant.chat:") for function in functions)
    assert "a secret" not in json.dumps(found)

    census = asked(node, home, "tasks", "--by", "service", "-n", "100")
    by_service = {one["key"]: one for one in census["rows"]}
    assert by_service["http.api"]["count"] >= 5
    assert {"engine.connection", "performance.tasks"} <= by_service.keys()
    assert asked(node, home, "tasks", "--deadlocks")["deadlocks"] == []

    tree = asked(node, home, "tasks", "--tree")
    names = {one["id"]: one["name"] for one in tree["tasks"]}
    parents = {one["name"]: names.get(one["parent"]) for one in tree["tasks"]}
    assert parents["engine.connection"] == "engine"
    assert parents["engine"] == "node"

    used = asked(node, home, "tasks", "--sort", "steps", "--seconds", "1")
    assert used["total"] > 0
    assert any(one["key"].endswith(" leases look") for one in used["ranked"])
    text = run_aiex(home, "tasks", "-n", "3", "--data-dir", str(node.data_dir))
    assert text.exit_code == 0
    assert "QUEUED" in text.stdout
