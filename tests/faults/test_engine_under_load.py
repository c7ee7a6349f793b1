"""The engine is killed and frozen while requests come: none that needs no state may fail."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from aiex.testing.chat_load import ChatLoad
from aiex.testing.node_process import MOCK_ONLY, AdminRefused, NodeProcess, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.fault]

SERVER = "engine.server"
ROUNDS = 10
SEED = 20260101


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    settings = [*MOCK_ONLY, "--set=engine.frozen_after_s=2"]
    with NodeProcess(tmp_path_factory.mktemp("node"), settings) as process:
        yield process.ready()


@pytest.fixture(scope="module")
def key(node: NodeProcess) -> str:
    return str(node.admin("/admin/v1/keys", "POST", {"name": "load"})["key"])


def test_no_request_fails_while_the_engine_is_killed_again_and_again(
    node: NodeProcess, key: str
) -> None:
    random = Random(SEED)
    with ChatLoad(node, key) as load:
        for _ in range(ROUNDS):
            load.go_on(random.randint(1, 20))
            before = node.service_pid(SERVER)
            assert before is not None
            os.kill(before, signal.SIGKILL)
            wait_until(
                lambda pid=before: node.service_pid(SERVER) not in (None, pid),  # type: ignore[misc]
                30,
                "another server",
            )
            load.go_on(10)
        wait_until(lambda: node.check("engine")["status"] == "ok", 30, "the engine")
        load.go_on(10)
    assert load.failures == []
    assert node.service(SERVER)["restart_count"] >= ROUNDS


def test_a_frozen_engine_is_replaced_and_meanwhile_health_says_degraded(
    node: NodeProcess, key: str
) -> None:
    wait_until(lambda: node.check("engine")["status"] == "ok", 30, "the engine")
    frozen = node.service_pid(SERVER)
    assert frozen is not None
    with ChatLoad(node, key) as load:
        os.kill(frozen, signal.SIGSTOP)
        wait_until(lambda: node.check("engine")["status"] == "degraded", 20, "degraded health")
        assert node.check("engine")["reason"]
        made = _made(node)  # it waits for another server, for a while
        load.go_on(10)
        wait_until(lambda: node.service_pid(SERVER) not in (None, frozen), 30, "another server")
        wait_until(lambda: node.check("engine")["status"] == "ok", 30, "the engine")
        load.go_on(10)
    assert load.failures == []
    made += _made(node)
    assert made
    assert set(made) <= {one["id"] for one in node.admin("/admin/v1/keys")["keys"]}


def test_an_engine_that_was_full_works_again_once_there_is_room(
    small_disc: Callable[[int], Path],
) -> None:
    disc = small_disc(64 * 1024 * 1024)
    with NodeProcess(disc) as node:
        node.ready()
        made = [node.admin("/admin/v1/keys", "POST", {"name": "before"})["id"]]
        ballast = disc / "ballast"
        with ballast.open("wb") as file:
            try:
                while True:
                    file.write(b"x" * 65536)
            except OSError:
                pass
        with ChatLoad(node, "none") as load:
            load.go_on(1)
        assert load.failures  # a key exists, so a wrong one is refused: the door stays shut
        for _ in range(3):
            made += _made(node)
        ballast.unlink()
        wait_until(lambda: _made(node), 60, "the engine to take writes again")
        kept = {one["id"] for one in node.admin("/admin/v1/keys")["keys"]}
        assert set(made) <= kept
        assert node.stop() == 0


def _made(node: NodeProcess) -> list[str]:
    """The id of a new key; nothing when the engine cannot keep one now."""
    try:
        return [node.admin("/admin/v1/keys", "POST", {"name": "one more"})["id"]]
    except AdminRefused as error:
        if error.status != 503:
            raise
        return []
