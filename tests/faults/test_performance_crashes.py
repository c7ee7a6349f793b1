"""Whatever looks inside a node may crash at any time: no request fails by it."""

import json
import os
import signal
import threading
import urllib.request
from pathlib import Path
from typing import Any, Self

import pytest

from aiex.testing.meddler import Meddler
from aiex.testing.node_process import MOCK_ONLY, NodeProcess, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.fault]

RESTART_S = 15.0
ANSWERS = 20


class Load:
    """Threads that keep asking; every answer but a good one is kept."""

    def __init__(self, node: NodeProcess) -> None:
        self._url = f"{node.api_url}/v1/chat/completions"
        self.answered = 0
        self.failures: list[str] = []
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(3)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(30)

    def go_on(self) -> None:
        wanted = self.answered + ANSWERS
        wait_until(lambda: self.answered >= wanted or self.failures, 30, "more answers")

    def _ask(self) -> None:
        body = json.dumps({"model": "mock", "messages": [{"role": "user", "content": "x"}]})
        request = urllib.request.Request(
            self._url, body.encode(), {"content-type": "application/json"}
        )
        while not self._is_over.is_set():
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    json.load(answer)["choices"]
                self.answered += 1
            except (OSError, ValueError, KeyError) as error:
                self.failures.append(repr(error))


def services(node: NodeProcess) -> list[dict[str, Any]]:
    """All below the branch, whatever chapters there are."""
    found, pending = [], [node.service("performance")]
    while pending:
        one = pending.pop()
        pending += one["children"]
        if one["kind"] == "service":
            found.append(one)
    return found


def runs_again(node: NodeProcess, before: dict[str, Any]) -> bool:
    now = node.service(before["name"])
    return bool(now["state"] == "running" and now["restart_count"] > before["restart_count"])


def test_each_service_that_looks_inside_may_crash_under_load(tmp_path: Path) -> None:
    meddler = Meddler(tmp_path)
    with NodeProcess(tmp_path, MOCK_ONLY, meddler.environment).until_ready() as node:
        names = [one["name"] for one in services(node)]
        assert "performance.loop" in names
        with Load(node) as load:
            load.go_on()
            for name in names:
                before = node.service(name)
                assert before["state"] == "running", before
                meddler.crash(node.pid, name)
                wait_until(lambda: runs_again(node, before), RESTART_S, f"{name} again")  # noqa: B023
                load.go_on()
        assert load.failures == []
        assert node.stop() == 0


def test_each_process_that_looks_inside_may_be_killed_under_load(tmp_path: Path) -> None:
    with NodeProcess(tmp_path).until_ready() as node:
        wait_until(lambda: node.service_pid("performance.sentinel"), 10, "the sentinel's process")
        processes = [one for one in services(node) if one["pid"] is not None]
        with Load(node) as load:
            load.go_on()
            for one in processes:
                os.kill(one["pid"], signal.SIGKILL)
                wait_until(lambda: runs_again(node, one), RESTART_S, f"{one['name']} again")  # noqa: B023
                load.go_on()
        assert load.failures == []
        assert len(processes) >= 1
