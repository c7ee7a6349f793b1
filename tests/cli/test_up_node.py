"""A node of `aiex up` comes back when it ended, later each time."""

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from aiex.child_process import ChildProcess
from aiex.cli.node_child import NodeChild, NodeLog
from aiex.cli.up_node import UpNode, restart_delay_s
from aiex.cli.up_plan import NodePlan
from aiex.testing.clock import FakeClock

DEADLINE_S = 20.0
ANNOUNCE = """
import json, os, sys, time
node = {"name": "n", "pid": os.getpid(), "api_url": "api", "admin_url": "admin"}
with open(sys.argv[1] + "/draft", "w") as file: json.dump(node, file)
os.rename(sys.argv[1] + "/draft", sys.argv[1] + "/node.json")
"""
STAY = "time.sleep(99)"
# As a node that handed over what it carried.
LEAVE = """
while not os.path.exists(sys.argv[1] + "/leave"): time.sleep(0.01)
open(sys.argv[1] + "/left", "w").close()
"""
FAIL = "import sys; sys.exit('Error: the disc is full.')"
# As Rust ends the process when a thread of the HTTP server panics.
PANIC = r"""
import os, sys
print("\nthread '<unnamed>' (7) panicked at src/driver.rs:207:23:", file=sys.stderr)
print("unexpected error: EINVAL", file=sys.stderr)
print("note: run with `RUST_BACKTRACE=1` to display a backtrace", file=sys.stderr, flush=True)
os.abort()
"""


def test_a_restart_waits_longer_each_time_up_to_a_limit() -> None:
    delays = [restart_delay_s(count) for count in (1, 2, 3, 4, 5, 6, 10**6)]
    assert delays == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


class Lives:
    """Starts one script after another in place of a node."""

    def __init__(self, *scripts: str) -> None:
        self._left = list(scripts)

    async def spawn(self, _: Sequence[str], data_dir: Path) -> NodeChild:
        log = NodeLog(data_dir / "log" / "node.log")
        argv = [sys.executable, "-I", "-S", "-u", "-c", self._left.pop(0), str(data_dir)]
        return NodeChild(await ChildProcess.spawn(argv, on_line=log.add), log, data_dir)


async def until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not is_true():
            await asyncio.sleep(0.01)


def pid(data_dir: Path) -> int:
    return int(json.loads((data_dir / "node.json").read_text())["pid"])


@pytest.mark.integration
async def test_a_node_that_ended_is_started_until_it_is_back(tmp_path: Path) -> None:
    clock, said = FakeClock(), list[str]()
    lives = Lives(ANNOUNCE + STAY, FAIL, PANIC, ANNOUNCE + STAY)
    node = UpNode(NodePlan("n", tmp_path, ()), said.append, clock=clock, spawn=lives.spawn)
    await node.start()
    first = await node.ready()
    keeping = asyncio.create_task(node.keep())
    node.kill()
    await until(lambda: clock.sleeper_count == 1)
    assert said[0].startswith("n is gone; a new start in 0.5 s. The node ended with status -9;")
    await clock.advance(0.5)
    await until(lambda: clock.sleeper_count == 1)
    assert said[1:] == ["n is gone; a new start in 1 s. the disc is full."]
    await clock.advance(1.0)
    await until(lambda: clock.sleeper_count == 1)
    assert said[2:] == ["n is gone; a new start in 2 s. unexpected error: EINVAL"]
    await clock.advance(2.0)
    await until(lambda: node.running is not None)
    assert said[3] == "n is back after 0.0 s"
    assert pid(tmp_path) != first.pid
    keeping.cancel()
    await asyncio.wait({keeping})
    await node.stop(0)


@pytest.mark.integration
async def test_a_node_that_was_told_to_leave_is_not_started_again(tmp_path: Path) -> None:
    said = list[str]()
    lives = Lives(ANNOUNCE + LEAVE)
    node = UpNode(NodePlan("n", tmp_path, ()), said.append, clock=FakeClock(), spawn=lives.spawn)
    await node.start()
    await node.ready()
    keeping = asyncio.create_task(node.keep())
    had_left = node.has_left
    (tmp_path / "leave").touch()
    async with asyncio.timeout(DEADLINE_S):
        await keeping
    assert (had_left, node.has_left) == (False, True)
    assert node.running is None
    assert said == ["n has left the cluster; the next `aiex up` has it join again"]


@pytest.mark.integration
async def test_a_node_that_ran_long_begins_anew_with_its_delays(tmp_path: Path) -> None:
    clock, said = FakeClock(), list[str]()
    lives = Lives(*[ANNOUNCE + STAY] * 3)
    node = UpNode(NodePlan("n", tmp_path, ()), said.append, clock=clock, spawn=lives.spawn)
    await node.start()
    await node.ready()
    keeping = asyncio.create_task(node.keep())
    for _ in range(2):
        node.kill()
        await until(lambda: clock.sleeper_count == 1)
        await clock.advance(0.5)
        await until(lambda: node.running is not None)
        await clock.advance(31.0)
    assert [line.partition(".")[0] for line in said if "gone" in line] == [
        "n is gone; a new start in 0"
    ] * 2
    keeping.cancel()
    await asyncio.wait({keeping})
    await node.stop(0)


async def test_what_was_never_started_is_stopped_at_once(tmp_path: Path) -> None:
    node = UpNode(NodePlan("n", tmp_path, ()), print, clock=FakeClock())
    node.kill()
    await node.stop(DEADLINE_S)
    assert not node.has_ended
