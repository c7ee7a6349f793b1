"""The CPU sampler in a real node: requests are told by route and model, the node ends well."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aiex.testing.node_process import NodeProcess, wait_until

pytestmark = pytest.mark.integration

CHAT = "/v1/chat/completions"
QUESTION = {"model": "mock", "messages": [{"role": "user", "content": "hello"}]}
DEADLINE_S = 40.0


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeProcess]:
    with NodeProcess(tmp_path) as node:
        yield node.until_ready()


def asked(node: NodeProcess, request: str, **content: object) -> dict[str, Any]:
    path = f"/admin/v1/performance/{request}"
    answer: dict[str, Any] = node.admin(path, "POST", content)["answers"][0]["answer"]
    return answer


def chat(node: NodeProcess) -> None:
    request = urllib.request.Request(
        node.api_url + CHAT,
        json.dumps(QUESTION).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def test_requests_are_told_by_route_and_model_and_the_node_ends_with_status_0(
    node: NodeProcess,
) -> None:
    def is_seen() -> bool:
        for _ in range(50):
            chat(node)
        labels = asked(node, "cpu_profile", seconds=60.0)["labels"]
        return ["http.api", CHAT, "mock", "MainThread"] in [one[2:] for one in labels]

    wait_until(is_seen, DEADLINE_S, "the route and the model among the labels")
    assert CHAT in [one["key"] for one in asked(node, "hot", by="route", n=100)["hot"]]
    assert node.metric("aiex_cpu_sampler_up") == 1
    assert node.metric("aiex_cpu_samples_failed_total") == 0
    assert node.stop() == 0
    assert "Traceback" not in node.output


def test_a_wall_profile_shows_what_services_wait_for(node: NodeProcess) -> None:
    profile = asked(node, "wall_profile", seconds=0.5)
    services = {one[2] for one in profile["labels"]}
    assert {"performance.loop", "cluster.membership"} <= services
    functions = {frame[0] for frame in profile["frames"]}
    assert "aiex.performance.loop.loop_beat:LoopBeat.run" in functions
