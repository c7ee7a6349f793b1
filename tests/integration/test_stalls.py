"""What a real node says of its loop when it stood still, from inside and from outside."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from aiex.testing.command_line import run_aiex
from aiex.testing.machine import ThisMachine
from aiex.testing.meddler import Meddler
from aiex.testing.node_process import MOCK_ONLY, NodeProcess, children_of, is_running, wait_until

pytestmark = pytest.mark.integration

type Need = Callable[[str, str], str]

SENTINEL = "performance.sentinel"
TOLD_S = 15.0


class Within(ThisMachine):
    """This machine, each command run by another that changes what it may."""

    def __init__(self, *prefix: str) -> None:
        self._prefix = prefix

    def command(self, argv: Sequence[str]) -> list[str]:
        return [*self._prefix, *argv]


class FirstProcess(NodeProcess):
    """A node that is process 1 of a namespace, as in a pod; `pid` is what started it."""

    @property
    def own_pid(self) -> int:
        return children_of(self.pid)[0]

    def _is_announced(self) -> bool:
        try:
            told = json.loads((self.data_dir / "node.json").read_text())
        except FileNotFoundError:
            return False
        self.api_url, self.admin_url = told["api_url"], told["admin_url"]
        return bool(told["pid"] == 1)


def stalls(node: NodeProcess) -> list[dict[str, Any]]:
    answer = node.admin("/admin/v1/performance/stalls", "POST", {})["answers"][0]["answer"]
    return list(answer["stalls"])


def until_stalled(node: NodeProcess, function: str) -> dict[str, Any]:
    """The stall that a planted function made, once the sentinel's word was put to it too."""

    def found() -> list[dict[str, Any]]:
        return [one for one in stalls(node) if function in str(one["stack"])]

    wait_until(found, TOLD_S, lambda: f"{function} among {stalls(node)}")
    return found()[0]


def until_watched(node: NodeProcess) -> None:
    """The sentinel runs, and the loop has said so often that it turns that it was heard."""
    wait_until(lambda: node.service_pid(SENTINEL), 10, "the sentinel's process")

    def reads_beats() -> bool:
        return any(
            b"sentinel_child" in Path(f"/proc/{pid}/cmdline").read_bytes()
            for pid in children_of(node.pid)
        )

    wait_until(reads_beats, 10, "the sentinel's program")
    begun = node.metric("aiex_loop_busy_ratio")
    wait_until(lambda: node.metric("aiex_loop_busy_ratio") != begun, 10, "a second of beats")


def told(node: NodeProcess, words: str) -> list[dict[str, Any]]:
    return [line for line in node.log() if words in str(line.get("message", ""))]


def test_a_blocking_call_is_told_with_its_place_in_log_command_and_metric(tmp_path: Path) -> None:
    meddler = Meddler(tmp_path)
    with NodeProcess(tmp_path, MOCK_ONLY, meddler.environment).until_ready() as node:
        meddler.block(node.pid, "planted_sleep", 0.6)
        stall = until_stalled(node, "planted_sleep")
        assert stall["kind"] == "waits"
        assert 0.5 < stall["seconds"] < 5
        wait_until(lambda: told(node, "planted_sleep"), TOLD_S, "a line in the log")
        line = told(node, "planted_sleep")[0]
        assert line["level"] == "warning"
        assert "sitecustomize:planted_sleep" in line["message"]
        said = run_aiex(
            tmp_path, "loop", "--stalls", "--data-dir", str(node.data_dir), "--node", ""
        )
        assert "> sitecustomize:planted_sleep" in said.stdout
        ranked = node.admin(
            "/admin/v1/performance/rank", "POST", {"metric": "stall", "by": "function"}
        )
        keys = [one["key"] for one in ranked["answers"][0]["answer"]["ranked"]]
        assert "sitecustomize:planted_sleep" in keys


def test_the_sentinel_reads_a_c_call_that_keeps_the_interpreter(tmp_path: Path) -> None:
    meddler = Meddler(tmp_path)
    with NodeProcess(tmp_path, MOCK_ONLY, meddler.environment).until_ready() as node:
        until_watched(node)
        meddler.block(node.pid, "planted_c_call", 2.5)
        stall = until_stalled(node, "planted_c_call")
        wait_until(lambda: told(node, "planted_c_call"), TOLD_S, "a line in the log")
        stall = until_stalled(node, "planted_c_call")
        assert (stall["kind"], stall["observer"]) == ("holds", "sentinel")
        assert not (node.data_dir / "stall.json").exists()


def test_the_sentinel_reads_which_other_thread_keeps_the_interpreter(tmp_path: Path) -> None:
    meddler = Meddler(tmp_path)
    with NodeProcess(tmp_path, MOCK_ONLY, meddler.environment).until_ready() as node:
        until_watched(node)
        meddler.block(node.pid, "planted_thread", 2.5)
        wait_until(lambda: told(node, "of thread planted"), TOLD_S, lambda: node.output[-2000:])
        stall = until_stalled(node, "planted_c_call")
        assert (stall["kind"], stall["observer"], stall["thread"]) == (
            "kept_out",
            "sentinel",
            "planted",
        )


def test_a_stop_from_outside_is_told_as_such_and_blames_nobody(tmp_path: Path) -> None:
    with NodeProcess(tmp_path).until_ready() as node:
        until_watched(node)
        os.kill(node.pid, signal.SIGSTOP)
        try:
            file = node.data_dir / "stall.json"
            wait_until(file.exists, TOLD_S, "the sentinel's file")
            assert json.loads(file.read_text())["state"] == "T"
        finally:
            os.kill(node.pid, signal.SIGCONT)
        wait_until(lambda: told(node, "the whole process was stopped"), TOLD_S, "a line")
        stopped = [one for one in stalls(node) if one["kind"] == "stopped"]
        assert len(stopped) == 1
        assert stopped[0]["stack"] == []
        wait_until(lambda: not file.exists(), TOLD_S, "the file's end")


def test_the_next_start_tells_of_a_stall_that_was_not_survived(tmp_path: Path) -> None:
    meddler = Meddler(tmp_path)
    with NodeProcess(tmp_path, MOCK_ONLY, meddler.environment).until_ready() as node:
        until_watched(node)
        sentinel = node.service_pid(SENTINEL)
        meddler.block(node.pid, "planted_c_call", 60)
        wait_until(
            lambda: "has not turned" in node.output, 30, "the sentinel's line in the node's log"
        )
        line = next(line for line in node.log() if "has not turned" in str(line.get("message")))
        assert "planted_c_call" in line["message"]
        assert node.process.poll() is None  # it ends nobody
        node.process.kill()
        node.process.wait(10)
        assert sentinel is not None
        wait_until(lambda: not is_running(sentinel), 10, "the sentinel's end")
    with NodeProcess(tmp_path).until_ready() as node:
        wait_until(lambda: told(node, "in its last life"), TOLD_S, "a line in the log")
        assert "planted_c_call" in told(node, "in its last life")[0]["message"]
        answer = node.admin("/admin/v1/performance/stalls", "POST", {})["answers"][0]["answer"]
        assert answer["earlier"]["is_over"] is False
        assert not (node.data_dir / "stall.json").exists()


@pytest.mark.platform_specific
def test_it_needs_no_rights_of_its_user(tmp_path: Path, need: Need) -> None:
    unshare, setpriv = need("unshare", "util-linux"), need("setpriv", "util-linux")
    user = [unshare, "--user", "--map-user=1000", "--map-group=1000"]
    _skip_unless_runs(user)
    rights = [setpriv, "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    meddler = Meddler(tmp_path)
    machine = Within(*user, *rights)
    with NodeProcess(
        tmp_path, MOCK_ONLY, meddler.environment, machine=machine
    ).until_ready() as node:
        status = Path(f"/proc/{node.pid}/status").read_text()
        assert "CapEff:\t0000000000000000" in status
        _reads_a_c_call(node, node.pid, meddler)


def test_what_the_kernel_does_not_let_it_read_is_said_and_the_stall_told_all_the_same(
    tmp_path: Path, need: Need
) -> None:
    rights = [need("setpriv", "util-linux"), "--inh-caps=-all", "--no-new-privs"]
    rights += ["--bounding-set=-all"] if os.geteuid() == 0 else []
    meddler = Meddler(tmp_path)
    with NodeProcess(
        tmp_path, MOCK_ONLY, meddler.environment, machine=Within(*rights)
    ).until_ready() as node:
        until_watched(node)
        meddler.block(node.pid, "planted_secret_c_call", 2.5)
        wait_until(lambda: told(node, "py-spy could not"), TOLD_S, lambda: node.output[-2000:])
        state = node.admin("/admin/v1/performance/loop", "POST", {})["answers"][0]["answer"]
        assert "cannot read stacks: py-spy could not read it" in state["sentinel"]
        wait_until(lambda: stalls(node), TOLD_S, "the stall")
        assert 2 < stalls(node)[0]["seconds"] < 10


@pytest.mark.platform_specific
@pytest.mark.needs_root
def test_it_reads_process_1_of_a_namespace(tmp_path: Path, need: Need) -> None:
    unshare = need("unshare", "util-linux")
    first = [unshare, "--pid", "--fork", "--kill-child", "--mount-proc"]
    _skip_unless_runs(first)
    meddler = Meddler(tmp_path)
    with FirstProcess(
        tmp_path, MOCK_ONLY, meddler.environment, machine=Within(*first)
    ).until_ready() as node:
        _reads_a_c_call(node, node.own_pid, meddler)


def _reads_a_c_call(node: NodeProcess, pid: int, meddler: Meddler) -> None:
    until_watched(node)
    meddler.block(pid, "planted_c_call", 2.5)
    wait_until(lambda: told(node, "planted_c_call"), TOLD_S, lambda: node.output[-2000:])
    stall = until_stalled(node, "planted_c_call")
    assert (stall["kind"], stall["observer"]) == ("holds", "sentinel")
    state = node.admin("/admin/v1/performance/loop", "POST", {})["answers"][0]["answer"]
    assert state["sentinel"] == "The sentinel watches and reads stacks from outside."


def _skip_unless_runs(prefix: Sequence[str]) -> None:
    tried = subprocess.run([*prefix, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"{prefix[0]} is not allowed here: {tried.stderr.strip()}")
