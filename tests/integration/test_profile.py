"""`aiex profile` of a node that answers requests: each kind, in each form, and what two tell."""

import json
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from aiex.performance import Profile
from aiex.performance.formats import read_profile
from aiex.testing.command_line import run_aiex
from aiex.testing.node_process import NodeProcess

pytestmark = pytest.mark.integration
QUESTION = {"model": "mock", "messages": [{"role": "user", "content": "hello"}]}
RESPOND = "aiex.assistant.api:Api.respond"


@pytest.fixture(scope="module")
def busy_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node that is asked one question after another."""
    is_over = threading.Event()
    with NodeProcess(tmp_path_factory.mktemp("node")).ready() as node:
        request = urllib.request.Request(
            f"{node.api_url}/v1/chat/completions",
            data=json.dumps(QUESTION).encode(),
            headers={"content-type": "application/json"},
        )

        def ask() -> None:
            while not is_over.is_set():
                with urllib.request.urlopen(request, timeout=30) as answer:
                    answer.read()

        asking = threading.Thread(target=ask)
        asking.start()
        yield node
        is_over.set()
        asking.join(30)


def profile(home: Path, *arguments: str) -> Result:
    told = run_aiex(home, "profile", *arguments)
    assert told.exit_code == 0, told.output
    return told


def profiled(node: NodeProcess, home: Path, *arguments: str) -> Result:
    return profile(home, *arguments, "--data-dir", str(node.data_dir))


def profile_in(path: Path) -> Profile:
    return read_profile(path.read_bytes(), path.name)


def functions(profile: Profile) -> set[str]:
    return {one.function for one in profile.frames}


def test_the_cpu_of_requests_is_found_by_route_and_model(
    busy_node: NodeProcess, tmp_path: Path
) -> None:
    profiled(busy_node, tmp_path, "cpu", "--seconds", "2", "-o", "cpu.json")
    found = profile_in(tmp_path / "cpu.json")
    assert RESPOND in functions(found)
    assert ("http.api", "/v1/chat/completions", "mock") in {
        (one.service, one.route, one.model) for one in found.labels
    }
    chosen = ("--route", "/v1/chat/completions", "-o", "chat.json")
    profile(tmp_path, "convert", "cpu.json", *chosen)
    assert 0 < profile_in(tmp_path / "chat.json").weight < found.weight


def test_the_past_can_be_asked_for_and_compared_with_now(
    busy_node: NodeProcess, tmp_path: Path
) -> None:
    profiled(busy_node, tmp_path, "cpu", "--seconds", "1", "-o", "now.json")
    profiled(busy_node, tmp_path, "cpu", "--last", "1h", "-o", "past.json")
    assert any("knows" in note for note in profile_in(tmp_path / "past.json").notes)
    told = profile(tmp_path, "diff", "past.json", "now.json", "--by", "share").stdout
    assert "compared by share" in told
    profile(tmp_path, "diff", "past.json", "now.json", "-o", "changed.html")
    assert b"CPU profiles compared" in (tmp_path / "changed.html").read_bytes()


def test_what_waits_is_in_the_wall_profile(busy_node: NodeProcess, tmp_path: Path) -> None:
    profiled(busy_node, tmp_path, "wall", "--seconds", "1", "-o", "wall.json")
    found = profile_in(tmp_path / "wall.json")
    assert "asyncio.locks:Event.wait" in functions(found)
    # Many tasks wait at once, each with all of its time.
    assert found.weight > 10 * found.seconds * 1e6


def test_what_was_made_and_stays_is_in_the_memory_profile(
    busy_node: NodeProcess, tmp_path: Path
) -> None:
    profiled(busy_node, tmp_path, "memory", "--seconds", "1", "-o", "memory.json")
    found = profile_in(tmp_path / "memory.json")
    assert found.kind == "memory"
    assert found.weight > 0
