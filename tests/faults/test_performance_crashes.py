"""Whatever looks inside a node may crash at any time: no request fails by it."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from aiex.testing.chat_load import ChatLoad
from aiex.testing.meddler import Meddler
from aiex.testing.node_process import MOCK_ONLY, NodeProcess, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.fault]

RESTART_S = 15.0
ANSWERS = 20


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
        with ChatLoad(node) as load:
            load.go_on(ANSWERS)
            for name in names:
                before = node.service(name)
                assert before["state"] == "running", before
                meddler.crash(node.pid, name)
                wait_until(lambda: runs_again(node, before), RESTART_S, f"{name} again")  # noqa: B023
                load.go_on(ANSWERS)
        assert load.failures == []
        assert node.stop() == 0


def test_each_process_that_looks_inside_may_be_killed_under_load(tmp_path: Path) -> None:
    with NodeProcess(tmp_path).until_ready() as node:
        wait_until(lambda: node.service_pid("performance.sentinel"), 10, "the sentinel's process")
        processes = [one for one in services(node) if one["pid"] is not None]
        with ChatLoad(node) as load:
            load.go_on(ANSWERS)
            for one in processes:
                os.kill(one["pid"], signal.SIGKILL)
                wait_until(lambda: runs_again(node, one), RESTART_S, f"{one['name']} again")  # noqa: B023
                load.go_on(ANSWERS)
        assert load.failures == []
        assert len(processes) >= 1
