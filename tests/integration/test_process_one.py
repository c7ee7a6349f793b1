"""A node that is process 1, as in a container: it ends when told to, and leaves no zombies."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from aiex.testing.node_process import children_of, wait_until
from aiex.testing.process_one import (
    NodeAsProcessOne,
    ProcessOne,
    first_child,
    orphan_command,
    zombie_count,
)
from tests.conftest import Need

pytestmark = [pytest.mark.integration, pytest.mark.needs_root]
TERMINATED = 143
ORPHANS = 20


@pytest.fixture
def unshare(need: Need) -> str:
    return need("unshare", "util-linux")


def test_it_drains_and_ends_with_0(tmp_path: Path, unshare: str) -> None:
    with NodeAsProcessOne(tmp_path, unshare) as node:
        node.until_ready()
        pid = node.inner_pid
        assert _answer(node.api_url).startswith("the quick brown fox")
        os.kill(pid, signal.SIGTERM)
        assert node.process.wait(30) == 0
        assert "stopping: 0 requests in flight" in node.output


def test_told_before_it_listens_it_ends_at_once(tmp_path: Path, unshare: str) -> None:
    # Reading its settings from here it stands still before it has a loop.
    config = tmp_path / "aiex.toml"
    os.mkfifo(config)
    argv = [sys.executable, "-m", "aiex", "serve", "--config", str(config)]
    with subprocess.Popen(ProcessOne(unshare).command(argv), stdin=subprocess.DEVNULL) as outer:
        try:
            with config.open("w"):  # returns when it reads
                os.kill(first_child(outer.pid), signal.SIGTERM)
                assert outer.wait(10) == TERMINATED
        finally:
            outer.kill()


@pytest.mark.slow
def test_orphans_do_not_stay_zombies(tmp_path: Path, unshare: str, need: Need) -> None:
    nsenter = need("nsenter", "util-linux")
    with NodeAsProcessOne(tmp_path, unshare) as node:
        node.until_ready()
        pid = node.inner_pid
        engine = set(children_of(pid))
        subprocess.run(orphan_command(nsenter, pid, ORPHANS), check=True)
        wait_until(lambda: zombie_count(pid) == ORPHANS, 10, "orphans that ended")
        wait_until(lambda: zombie_count(pid) == 0, 30, lambda: f"none of {zombie_count(pid)}")
        # What asyncio waits for was left alone: the same children, and the engine's end is noticed.
        assert engine <= set(children_of(pid))
        killed = node.service("engine.server")["restart_count"]
        os.kill(_engine(pid), signal.SIGKILL)
        wait_until(lambda: node.service("engine.server")["restart_count"] > killed, 20, "a restart")


def _engine(pid: int) -> int:
    """The process id, seen from here, of a node's engine."""
    names = {one: Path(f"/proc/{one}/comm").read_text().strip() for one in children_of(pid)}
    return next(one for one, name in names.items() if name == "nats-server")


def _answer(api_url: str) -> str:
    body = {"model": "mock", "messages": [{"role": "user", "content": "Hello"}]}
    request = urllib.request.Request(
        f"{api_url}/v1/chat/completions",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        content: str = json.load(answer)["choices"][0]["message"]["content"]
    return content
