"""Requests are counted by key, route and target while somebody analyzes, and only then."""

from pathlib import Path

from msgspec.structs import replace

from aiex.assistant import Attempted, AttemptRetried, Outcome, RequestFinished, RequestShed
from aiex.engine import EngineDown
from aiex.events import EventBus
from aiex.node.node_traffic import GROUPS_MAX, OTHERS, NodeTraffic
from aiex.performance import Group
from aiex.service import ServiceFailed
from aiex.settings import ModelSettings, ProviderSettings, Settings, TargetSettings
from aiex.testing.node_parts import MemoryNode


def finished(key: str, status: int = 200, target: str = "east/m") -> RequestFinished:
    return RequestFinished(
        request_id="req_1", trace_id="t", method="POST", route="/v1/chat/completions",
        status=status, outcome="ok", error_code="", model="m", provider="east", target=target,
        key_id=key, is_stream=False, attempt_count=1, at_s=1.0, duration_us=20_000, parse_us=1,
        auth_us=1, route_us=1, provider_us=10_000, first_byte_us=11_000, request_bytes=300,
        response_bytes=400, prompt_tokens=1, completion_tokens=1, cached_tokens=0,
        reasoning_tokens=0,
    )  # fmt: skip


def stage(directory: Path) -> tuple[EventBus, NodeTraffic, MemoryNode]:
    settings = Settings(
        providers={"east": ProviderSettings(kind="mock")},
        models={"m": ModelSettings(targets=(TargetSettings(provider="east"),))},
    )
    bus, node = EventBus(), MemoryNode(directory, settings)
    return bus, NodeTraffic(bus, lambda: node.parts), node


async def test_what_ends_within_the_window_is_counted_by_key_route_and_target(
    tmp_path: Path,
) -> None:
    bus, traffic, node = stage(tmp_path)
    node.in_flight_count = 3
    bus.emit(finished("before"))
    with traffic.watching():
        for event in (
            finished("k1"),
            finished("k1", 429),
            finished("k2", 502),
            finished("k2", target=""),
            RequestShed("in_flight"),
            AttemptRetried("east/m"),
            ServiceFailed("shop.orders", "an error", 0.1),
        ):
            bus.emit(event)
        found = traffic.traffic()
    bus.emit(finished("after"))
    assert (found.count, found.in_flight, found.retries) == (4, 3, 1)
    assert found.keys == {
        "k1": Group(2, 0, 1, 0.04, 0.02, 600, codes={"429": 1}),
        "k2": Group(2, 1, 0, 0.04, 0.02, 600, codes={"502": 1}),
    }
    assert found.routes["/v1/chat/completions"].count == 4
    assert found.targets["east/m"].count == 3
    assert found.shed == {"in_flight": 1}
    assert found.failures == {"shop.orders": 1}
    assert found.restart_waits_s == {"shop.orders": 0.1}
    assert found.states[0].name == "east/m"
    assert found.is_engine_up
    assert found.in_flight_keys == {"k1": 3}
    assert found.models == {"m": ("east/m",)}
    assert bus.failure_count == 0
    assert traffic.traffic().count == 4


async def test_there_may_be_any_number_of_keys(tmp_path: Path) -> None:
    bus, traffic, _ = stage(tmp_path)
    with traffic.watching():
        for number in range(GROUPS_MAX + 10):
            bus.emit(finished(f"k{number}"))
        found = traffic.traffic()
    assert len(found.keys) <= GROUPS_MAX + 1
    assert found.keys[OTHERS].count == 10


async def test_calls_that_failed_are_their_targets_whoever_answered(tmp_path: Path) -> None:
    bus, traffic, _ = stage(tmp_path)
    with traffic.watching():
        for outcome in (Outcome.FAILED, Outcome.OK, Outcome.CREDENTIALS):
            bus.emit(
                replace(
                    finished("k1"), attempts=(Attempted("west/m", outcome, 9.0),), target="east/m"
                )
            )
        found = traffic.traffic()
    assert found.calls["west/m"].count == 3
    assert found.calls["west/m"].outcomes == {"failed": 1, "credentials": 1}


async def test_a_providers_429_is_no_limit_of_ours(tmp_path: Path) -> None:
    bus, traffic, _ = stage(tmp_path)
    with traffic.watching():
        bus.emit(
            replace(finished("k1", 429), attempts=(Attempted("east/m", Outcome.RESTING, 0.0),))
        )
        found = traffic.traffic()
    assert found.keys["k1"].refused_count == 0


async def test_streams_are_counted_with_their_pace_and_those_that_broke_off(tmp_path: Path) -> None:
    bus, traffic, _ = stage(tmp_path)
    stream = replace(finished("k1"), is_stream=True, duration_us=4_011_000, completion_tokens=8)
    with traffic.watching():
        bus.emit(stream)
        bus.emit(replace(stream, outcome="provider_failed"))
        bus.emit(replace(finished("k1"), status=404, error_code="model_not_found"))
        bus.emit(EngineDown("it stopped"))
        bus.emit(EngineDown("we stopped it", is_planned=True))
        found = traffic.traffic()
    group = found.keys["k1"]
    assert (group.stream_count, group.stream_s, group.stream_tokens) == (1, 4.0, 8)
    assert (group.broken_count, group.wrong_count) == (1, 1)
    assert group.codes == {"model_not_found": 1}
    assert found.engine_down_count == 1
