"""The node of `aiex up` as a child: when it is ready, why it ended, what its log keeps."""

import asyncio
import sys
from pathlib import Path

import msgspec
import pytest

from aiex.child_process import ChildProcess
from aiex.cli.node_child import LAST_WORDS_MAX, NodeChild, NodeEnded, NodeLog
from aiex.cli.node_lookup import RunningNode, announced_node
from aiex.errors import DataDirectoryError

DEADLINE_S = 20.0
ANNOUNCE = """
import json, os, sys, time
node = {"name": "n", "pid": os.getpid(), "api_url": "api", "admin_url": "admin"}
with open(sys.argv[1] + "/draft", "w") as file: json.dump(node, file)
os.rename(sys.argv[1] + "/draft", sys.argv[1] + "/node.json")
time.sleep(99)
"""


async def spawn(script: str, log: NodeLog) -> ChildProcess:
    argv = [sys.executable, "-I", "-S", "-u", "-c", script, str(log.file.parent.parent)]
    return await ChildProcess.spawn(argv, on_line=log.add)


async def node(script: str, data_dir: Path) -> NodeChild:
    """A child that stands in for a node."""
    log = NodeLog(data_dir / "log" / "node.log")
    return NodeChild(await spawn(script, log), log, data_dir)


def entries(file: Path) -> list[str]:
    return file.read_text().splitlines()


@pytest.mark.integration
async def test_a_node_is_ready_once_it_says_where_it_is(tmp_path: Path) -> None:
    child = await node(ANNOUNCE, tmp_path)
    async with asyncio.timeout(DEADLINE_S):
        assert (await child.ready()).api_url == "api"
        await child.stop(grace_s=DEADLINE_S)


@pytest.mark.integration
async def test_what_a_dead_node_with_the_same_pid_left_behind_is_not_believed(
    tmp_path: Path,
) -> None:
    log = NodeLog(tmp_path / "log" / "node.log")
    child = await spawn("import time; time.sleep(99)", log)
    old, new = (RunningNode("n", child.pid, api_url, "admin") for api_url in ("old", "new"))
    (tmp_path / "node.json").write_bytes(msgspec.json.encode(old))
    again = NodeChild(child, log, tmp_path, left_behind=old)
    waiting = asyncio.create_task(again.ready())
    for _ in range(5):  # turns of the loop; it looks in its first one
        await asyncio.sleep(0)
    assert not waiting.done()
    (tmp_path / "node.json").write_bytes(msgspec.json.encode(new))
    async with asyncio.timeout(DEADLINE_S):
        assert await waiting == new
        await again.stop(grace_s=0)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("print('{\"a\": 1}'); raise SystemExit('Error: The disc is full.')", "The disc is full."),
        ("print('{}'); raise SystemExit(3)", "The node ended with status 3; its log is {log}."),
        ("import os; os.kill(os.getpid(), 9)", "The node ended with status -9; its log is {log}."),
    ],
)
async def test_a_node_that_ends_instead_says_why(
    script: str, sentence: str, tmp_path: Path
) -> None:
    child = await node(script, tmp_path)
    async with asyncio.timeout(DEADLINE_S):
        with pytest.raises(NodeEnded) as caught:
            await child.ready()
        await child.stop(grace_s=0)
    assert str(caught.value) == sentence.format(log=child.log_file)


@pytest.mark.integration
async def test_a_node_is_asked_to_end_and_may_take_its_time(tmp_path: Path) -> None:
    drain = "import signal, sys; signal.signal(15, lambda *_: print('drained') or sys.exit())"
    child = await node(drain + ANNOUNCE, tmp_path)
    async with asyncio.timeout(DEADLINE_S):
        await child.ready()
        await child.stop(grace_s=DEADLINE_S)
    assert entries(child.log_file) == ["drained"]


def test_what_is_no_log_line_is_the_last_word(tmp_path: Path) -> None:
    log = NodeLog(tmp_path / "data" / "log" / "node.log")
    for line in ("{}", "Error: one", "{}", "two"):
        log.add(line)
    assert log.last_words == "one\ntwo"
    log.close()
    assert entries(log.file) == ["{}", "Error: one", "{}", "two"]


def test_only_so_many_last_words_are_kept(tmp_path: Path) -> None:
    log = NodeLog(tmp_path / "log" / "node.log")
    for number in range(LAST_WORDS_MAX + 5):
        log.add(str(number))
    log.close()
    assert log.last_words.splitlines()[0] == "5"


def test_a_log_goes_on_where_the_last_start_ended(tmp_path: Path) -> None:
    for line in ("one", "two"):
        log = NodeLog(tmp_path / "log" / "node.log")
        log.add(line)
        log.close()
    assert entries(log.file) == ["one", "two"]


def test_a_log_grown_large_is_turned_over_at_once_and_at_a_start(tmp_path: Path) -> None:
    file, old = tmp_path / "log" / "node.log", tmp_path / "log" / "node.log.1"
    log = NodeLog(file, bytes_max=10)
    for line in ("123456789", "abc", "def"):
        log.add(line)
    assert (entries(old), entries(file)) == (["123456789", "abc"], ["def"])
    log.close()
    NodeLog(file, bytes_max=3).close()
    assert (entries(old), entries(file)) == (["def"], [])


def test_the_directories_it_makes_are_private(tmp_path: Path) -> None:
    log = NodeLog(tmp_path / "data" / "log" / "node.log")
    log.close()
    for directory in (tmp_path / "data", tmp_path / "data" / "log"):
        assert directory.stat().st_mode & 0o777 == 0o700


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataDirectoryError, match=r"cannot be written: .* --data-dir"):
        NodeLog(tmp_path / "file" / "log" / "node.log")


def test_what_a_node_announced_is_read_whether_it_lives_or_not(tmp_path: Path) -> None:
    assert announced_node(tmp_path) is None
    (tmp_path / "node.json").write_text('{"name":"n","pid":1,"api_url":"a","admin_url":"b"}')
    assert announced_node(tmp_path) == RunningNode("n", 1, "a", "b")
