"""A node whose HTTP client's thread has died ends in words: it can make no call any more."""

import json
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from aiex.testing.node_process import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.platform_specific]

# The guest starts before the listeners: what has descriptors to wait on by then is the client.
NODE = """
import asyncio, json, os, sys
from pathlib import Path
from pyreqwest.client import ClientBuilder
from pyreqwest.exceptions import PyreqwestError
from aiex.errors import AiexError
from aiex.node import run_node
from aiex.settings import load

def descriptors(kind):
    found = [one for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
    return {int(one.name) for one in found if kind in os.readlink(one)}

class Saboteur:
    name = "guest.saboteur"

    async def run(self, ready):
        before = descriptors("event")
        try:
            await ClientBuilder().build().get("http://127.0.0.1:1/").build().send()
        except PyreqwestError:
            pass
        no_epoll, _ = os.pipe()
        for descriptor in descriptors("eventpoll") - before:
            os.dup2(no_epoll, descriptor)
        for descriptor in descriptors("eventfd") - before:
            os.eventfd_write(descriptor, 1)  # it waits again, for what cannot be waited for
        ready()
        await asyncio.get_running_loop().create_future()

directory = Path(sys.argv[1])
try:
    run_node(
        load(None, {}, json.loads(sys.argv[2])).settings,
        data_dir=directory / "data", runtime_dir=directory, meeting_dir=directory / "meeting",
        version="1", guests=[Saboteur()],
    )
except AiexError as error:
    sys.exit(str(error))
"""
SETTINGS = {
    "api.port": "0",
    "admin.port": "0",
    "node.drain_deadline_s": "1",
    "providers": json.dumps({"there": {"kind": "openai", "base_url": "http://127.0.0.1:1/v1"}}),
    "models": json.dumps({"one": {"targets": [{"provider": "there"}]}}),
}
QUESTION = {"model": "one", "messages": [{"role": "user", "content": "x"}]}


def test_the_first_call_that_finds_no_thread_ends_the_node_in_words(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", NODE, str(tmp_path), json.dumps(SETTINGS)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as node:
        try:
            announced = tmp_path / "data" / "node.json"
            wait_until(announced.exists, timeout_s=30, what="the node is ready")
            api_url = json.loads(announced.read_text())["api_url"]
            with pytest.raises(HTTPError) as refused:
                urlopen(f"{api_url}/v1/chat/completions", json.dumps(QUESTION).encode())
            assert refused.value.code == 502
            assert b"This node cannot call providers any more" in refused.value.read()
            _, said = node.communicate(timeout=30)
        finally:
            node.kill()
    assert node.returncode == 1
    assert "The thread that calls providers has died" in said.splitlines()[-1]
