"""What the node says of itself: read from its parts at the moment somebody asks."""

import os
from pathlib import Path

import msgspec
import pytest

from aiex.assistant import LocalModelState
from aiex.cluster import View
from aiex.errors import RequestRefused
from aiex.node.health import Health, Phase, worst
from aiex.node.supervision import ServiceState
from aiex.settings import (
    ApiSettings,
    EngineSettings,
    ModelSettings,
    ProviderSettings,
    Secret,
    Settings,
    TargetSettings,
)
from aiex.testing.node_parts import MemoryNode


@pytest.fixture
async def node(tmp_path: Path) -> MemoryNode:
    return MemoryNode(tmp_path, Settings())


async def test_a_node_is_ready_between_its_start_and_its_stop(node: MemoryNode) -> None:
    seen = []
    for phase in Phase:
        node.life.become(phase)
        seen.append((phase, node.report.is_ready()))
    assert [phase for phase, is_ready in seen if is_ready] == [Phase.READY]


async def test_a_full_node_is_not_ready_until_a_request_ends(node: MemoryNode) -> None:
    node.life.become(Phase.READY)
    node.in_flight_count = Settings().api.in_flight_max
    assert not node.report.is_ready()
    node.in_flight_count -= 1
    assert node.report.is_ready()


async def test_a_node_at_an_external_engine_waits_for_the_keys_that_are_there(
    tmp_path: Path,
) -> None:
    """Else a new pod takes the place of one that knows them, and turns their owners away."""
    node = MemoryNode(tmp_path, Settings(engine=EngineSettings(url="nats://elsewhere:4222")))
    node.life.become(Phase.READY)
    node.engine = msgspec.structs.replace(node.engine, state="down", reason="nobody is there")
    assert not node.report.is_ready()
    told = next(one for one in node.report.readiness_checks() if one.name == "keys")
    assert "the engine is down: nobody is there" in told.reason
    with pytest.raises(RequestRefused, match="does not know its cluster's API keys yet"):
        node.report.key_check()
    await node.know_keys()
    assert node.report.is_ready()
    assert "keys" not in [one.name for one in node.report.readiness_checks()]


async def test_readiness_depends_on_neither_engine_nor_model(node: MemoryNode) -> None:
    node.life.become(Phase.READY)
    node.engine = msgspec.structs.replace(node.engine, state="down", reason="lost")
    node.local_model = LocalModelState("down", "killed")
    assert node.report.is_ready()
    assert worst(node.report.checks()) is Health.DEGRADED
    assert [check.name for check in node.report.checks()] == [
        "node",
        "load",
        "hot_values",
        "engine",
        "cluster",
        "local_model",
    ]


async def test_a_node_is_not_ready_before_it_settled_which_hot_values_are_in_force(
    node: MemoryNode,
) -> None:
    node.life.become(Phase.READY)
    node.hot.is_settled = node.hot.is_caught_up = False
    assert not node.report.is_ready()
    node.hot.is_settled = True
    assert node.report.is_ready()


async def test_a_node_without_local_model_does_not_speak_of_one(tmp_path: Path) -> None:
    mock = {"m": ProviderSettings(kind="mock")}
    node = MemoryNode(tmp_path, Settings(providers=mock))
    assert "local_model" not in [check.name for check in node.report.checks()]
    assert node.report.status().local_model is None


async def test_the_status_at_a_glance(node: MemoryNode, tmp_path: Path) -> None:
    node.life.become(Phase.READY)
    node.life.api_url, node.life.admin_url = "http://a", "http://b"
    node.in_flight_count = 3
    await node.clock.advance(1.23456)
    status = node.report.status()
    assert (status.node.name, status.node.pid, status.node.state) == ("n1", os.getpid(), "ready")
    assert status.node.started_at == "2023-11-14T22:13:20.000+00:00"
    assert status.node.uptime_s == 1.235
    assert status.node.data_dir == str(tmp_path)
    assert (status.api.url, status.api.auth, status.api.in_flight) == ("http://a", "open", 3)
    assert (status.engine.mode, status.engine.state) == ("embedded", "up")
    assert status.engine.server_version == "2.14.0"
    assert status.local_model is not None
    assert status.local_model.pid == 7
    assert status.memory.rss_bytes > 1_000_000
    assert [one.name for one in status.checks] == [one.name for one in node.report.checks()]
    assert (status.urls.api, status.urls.admin) == ("http://a", "http://b")


async def test_once_a_key_was_made_one_is_needed_even_after_the_last_was_revoked(
    node: MemoryNode,
) -> None:
    assert not node.report.are_keys_needed()
    _, record = await node.keys.create("robot", by="test")
    assert node.report.status().api.auth == "required"
    assert node.report.status().keys.active == 1
    await node.keys.revoke(record.id)
    assert node.report.status().api.auth == "required"
    assert node.report.status().keys.active == 0


async def test_a_key_in_the_settings_is_needed_and_counted_but_not_told(tmp_path: Path) -> None:
    settings = Settings(api=ApiSettings(key=Secret("zqSECRET")))
    status = MemoryNode(tmp_path, settings).report.status()
    assert (status.api.auth, status.keys.active) == ("required", 1)
    assert b"zqSECRET" not in msgspec.json.encode(status)


# How a target does that nobody asked yet.
FRESH = {
    "breaker": "closed",
    "in_flight": 0,
    "queue_length": 0,
    "latency_ms": None,
    "first_event_ms": None,
    "resting_s": 0.0,
}


async def test_models_are_told_with_their_targets_and_the_first_as_default(
    tmp_path: Path,
) -> None:
    settings = Settings(
        providers={
            "far": ProviderSettings(
                kind="openai", base_url="https://far.example/v1", api_key=Secret("zqSECRET")
            ),
            "m": ProviderSettings(kind="mock"),
        },
        models={
            "big": ModelSettings(
                targets=(TargetSettings("far", model="big-2", weight=3.0),), fallbacks=("small",)
            ),
            "small": ModelSettings(targets=(TargetSettings("m"),)),
        },
    )
    told = MemoryNode(tmp_path, settings).report.models()
    assert msgspec.to_builtins(told)["models"] == [
        {
            "id": "big",
            "targets": [
                {"provider": "far", "kind": "openai", "model": "big-2", "weight": 3.0, **FRESH}
            ],
            "fallbacks": ["small"],
            "is_default": True,
        },
        {
            "id": "small",
            "targets": [
                {"provider": "m", "kind": "mock", "model": "small", "weight": 1.0, **FRESH}
            ],
            "fallbacks": [],
            "is_default": False,
        },
    ]


async def test_the_tree_of_services_is_told_to_its_leaves(node: MemoryNode) -> None:
    began_s = node.clock.wall_s()
    leaf = ServiceState("http.api", "service", "backing off", 2, "OSError: no", began_s + 5, pid=9)
    branch = ServiceState("http", "supervisor", "running", 0, "", began_s, children=(leaf,))
    node.services = msgspec.structs.replace(node.services, children=(branch,))
    await node.clock.advance(7.5)
    (http,) = node.report.supervision().children
    (api,) = http.children
    assert (http.name, http.kind, http.state_age_s, http.pid) == ("http", "supervisor", 7.5, None)
    assert (api.name, api.state, api.restart_count) == ("http.api", "backing off", 2)
    assert (api.last_error, api.since, api.state_age_s, api.pid) == (
        "OSError: no",
        "2023-11-14T22:13:25.000+00:00",
        2.5,
        9,
    )


async def test_a_target_is_told_with_how_it_does(tmp_path: Path) -> None:
    far = ProviderSettings(kind="openai", base_url="https://far.example/v1")
    settings = Settings(
        providers={"far": far}, models={"big": ModelSettings(targets=(TargetSettings("far"),))}
    )
    node = MemoryNode(tmp_path, settings)
    state = node.targets.states()[0]
    assert state.cap.try_take()
    state.whole.observe(0.4204, 1.0)
    state.rest(30, node.clock.monotonic_s())
    for _ in range(5):
        state.breaker.failed(0.0, is_probe=False)
    await node.clock.advance(2)
    (told,) = node.report.models().models[0].targets
    assert (told.breaker, told.in_flight, told.queue_length) == ("open", 1, 0)
    assert (told.latency_ms, told.first_event_ms, told.resting_s) == (420.4, None, 28.0)
    gauges = {name: read()["far/big"] for name, read in node.targets.gauges().items()}
    assert gauges == {
        "aiex_target_breaker_state": 2,
        "aiex_target_in_flight": 1,
        "aiex_target_queue_length": 0,
    }


@pytest.mark.parametrize(
    ("view", "condition"),
    [(View((), split="n2 is missing"), "split"), (View((), stays_out="no"), "out")],
)
async def test_a_cluster_that_is_not_whole_degrades_the_node_and_no_more(
    node: MemoryNode, view: View, condition: str
) -> None:
    node.life.become(Phase.READY)
    node.cluster = view
    assert node.report.of_cluster.now().condition == condition
    assert node.report.of_cluster.now().reason in ("n2 is missing", "no")
    check = next(one for one in node.report.checks() if one.name == "cluster")
    assert check.status is Health.DEGRADED
    assert node.report.is_ready()
