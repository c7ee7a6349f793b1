"""Whom a request asks, when and how often: through the API, with scripted providers."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from aiex.assistant import (
    Api,
    Catalogue,
    Chat,
    Intake,
    LoadLimits,
    Pace,
    RequestFinished,
    Targets,
    TokenCount,
)
from aiex.assistant.attempts import ATTEMPTS_MAX
from aiex.assistant.events import (
    AttemptHedged,
    AttemptRetried,
    BreakerTurned,
    QueueLeft,
    TargetPassedOver,
)
from aiex.assistant.provider import Answer, ProviderTimeout, ProviderUnreachable
from aiex.errors import ProviderError
from aiex.settings import ModelSettings, ProviderSettings, Settings, TargetSettings
from aiex.testing.clock import FakeClock
from aiex.testing.exchange import MemoryExchange, MemoryScope
from aiex.testing.provider import JSON, STREAM, WHOLE, ScriptedProvider, Step

DOWN = ProviderUnreachable()
DOWNS = (DOWN,) * 5
BUSY = Answer(503, JSON, b'{"error":{}}')
SENT = {"content-type": JSON, "content-length": "1"}

type Script = Sequence[Sequence[Step] | Step]


def limited(retry_after: str, status: int = 429) -> Answer:
    return Answer(status, JSON, b'{"error":{}}', retry_after)


def to(*providers: str, **settings: Any) -> ModelSettings:
    """A model with a target at each of `providers`."""
    return ModelSettings(targets=tuple(map(TargetSettings, providers)), **settings)


class Node:
    """An API over scripted providers `a`, `b` …; by default the model `m` goes to all of them."""

    def __init__(
        self,
        scripts: dict[str, Script],
        models: dict[str, ModelSettings] | None = None,
        **settings: Any,
    ) -> None:
        self.clock = FakeClock()
        self.events: list[Any] = []
        self.providers = {
            name: ScriptedProvider(self.clock, *script) for name, script in scripts.items()
        }
        one = ProviderSettings(kind="openai", base_url="http://127.0.0.1:1/v1", **settings)
        catalogue = Catalogue(
            Settings(providers=dict.fromkeys(scripts, one), models=models or {"m": to(*scripts)})
        )
        self.targets = Targets(
            catalogue, clock=self.clock, random=Random(7), emit=self.events.append
        )
        self.api = Api(
            Chat(catalogue, self.providers, self.targets),
            catalogue,
            key_check=lambda: None,
            is_ready=lambda: True,
            token_count=TokenCount(catalogue, self.providers, self.targets),
            intake=Intake(LoadLimits(100, 10**6, 0.1, 0.5), random=Random(7), emit=lambda _: None),
            pace=Pace(lambda *_: None, self.clock, 10.0),
            body_bytes_max=10_000,
            body_timeout_s=30,
            random=Random(7),
            emit=self.events.append,
        )

    def begin(
        self, *, model: str = "m", stream: bool = False
    ) -> "tuple[MemoryExchange, asyncio.Task[None]]":
        body = json.dumps({"model": model, "messages": [], "stream": stream}).encode()
        exchange = MemoryExchange(body)
        scope = MemoryScope("POST", "/v1/chat/completions", SENT)
        return exchange, asyncio.create_task(self.api.respond(scope, exchange))

    async def ask(
        self, *, model: str = "m", stream: bool = False, within_s: float = 10
    ) -> MemoryExchange:
        """One request and its whole answer; the clock goes on by `within_s`."""
        exchange, task = self.begin(model=model, stream=stream)
        await self.clock.advance(within_s)
        await task
        return exchange

    def counts(self) -> dict[str, int]:
        return {name: len(provider.calls) for name, provider in self.providers.items()}

    def heard(self, kind: type) -> list[Any]:
        return [event for event in self.events if type(event) is kind]

    def told(self) -> list[list[tuple[str, str]]]:
        """What each request's access log line tells of its attempts."""
        return [
            [(one.target, one.outcome.value) for one in event.attempts]
            for event in self.heard(RequestFinished)
        ]

    def nothing_is_held(self) -> bool:
        states = self.targets.states()
        return all(one.cap.in_flight == 0 == one.cap.queue_len for one in states)


async def test_the_first_answer_is_told_with_its_target_and_one_attempt() -> None:
    node = Node({"a": [WHOLE]})
    exchange = await node.ask()
    assert exchange.status == 200
    assert exchange.headers["x-aiex-target"] == "a/m"
    assert exchange.headers["x-aiex-attempts"] == "1"
    assert node.told() == [[("a/m", "ok")]]
    assert node.nothing_is_held()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("failure", "outcome"),
    [(DOWN, "unreachable"), (ProviderTimeout(), "timeout"), (BUSY, "failed"),
     (limited(""), "rate_limited"), (ProviderError("reset"), "broken")],
)  # fmt: skip
async def test_a_fallback_answers_when_the_target_does_not(
    failure: Step, outcome: str, stream: bool
) -> None:
    good: Script = [STREAM] if stream else [WHOLE]
    models = {"m": to("a", fallbacks=("n",)), "n": to("b")}
    node = Node({"a": [failure], "b": good}, models)
    exchange = await node.ask(stream=stream)
    assert exchange.status == 200
    assert exchange.headers["x-aiex-target"] == "b/n"
    assert exchange.headers["x-aiex-attempts"] == "2"
    assert node.told() == [[("a/m", outcome), ("b/n", "ok")]]
    assert [event.target for event in node.heard(AttemptRetried)] == ["b/n"]
    assert node.nothing_is_held()


@pytest.mark.parametrize("status", [400, 404, 422])
async def test_the_requests_own_fault_is_told_at_once(status: int) -> None:
    node = Node({"a": [Answer(status, JSON, b"{}")], "b": [Answer(status, JSON, b"{}")]})
    assert (await node.ask()).status == status
    assert sum(node.counts().values()) == 1


async def test_every_target_is_tried_once_before_the_fallbacks() -> None:
    models = {"m": to("a", "b", fallbacks=("n",)), "n": to("c")}
    for _ in range(5):
        node = Node({"a": [DOWN], "b": [DOWN], "c": [WHOLE]}, models)
        assert (await node.ask()).headers["x-aiex-target"] == "c/n"
        (told,) = node.told()
        assert sorted(told[:2]) == [("a/m", "unreachable"), ("b/m", "unreachable")]


async def test_a_target_shared_with_a_fallback_is_not_asked_again() -> None:
    shared = TargetSettings("a", model="same")
    models = {
        "m": ModelSettings(targets=(shared,), fallbacks=("n",)),
        "n": ModelSettings(targets=(shared,)),
    }
    node = Node({"a": [DOWN]}, models, retries_max=0)
    assert (await node.ask()).status == 502
    assert node.counts() == {"a": 1}


async def test_attempts_are_limited() -> None:
    targets = tuple(TargetSettings("a", model=str(number)) for number in range(20))
    node = Node({"a": [DOWN]}, {"m": ModelSettings(targets=targets)})
    assert (await node.ask()).headers["x-aiex-attempts"] == str(ATTEMPTS_MAX)


async def test_a_lone_target_that_hiccups_is_asked_again_after_a_moment() -> None:
    node = Node({"a": [BUSY, WHOLE]})
    exchange, task = node.begin()
    await node.clock.settle()
    assert node.counts() == {"a": 1}
    await node.clock.advance(0.1)
    await task
    assert exchange.status == 200
    assert node.told() == [[("a/m", "failed"), ("a/m", "ok")]]


@pytest.mark.parametrize("retries_max", [0, 1, 3])
async def test_the_same_target_is_asked_again_as_often_as_is_set(retries_max: int) -> None:
    node = Node({"a": [BUSY]}, retries_max=retries_max)
    assert (await node.ask()).status == 503
    assert node.counts() == {"a": retries_max + 1}


async def test_what_took_its_time_already_is_not_waited_for_again() -> None:
    node = Node({"a": [ProviderTimeout()]})
    assert (await node.ask()).status == 504
    assert node.counts() == {"a": 1}


async def test_no_retry_begins_after_the_requests_deadline() -> None:
    node = Node({"a": [(30.0, DOWN)], "b": [(30.0, DOWN)]}, total_timeout_s=20.0)
    exchange = await node.ask(within_s=40)
    assert exchange.status == 502
    assert sum(node.counts().values()) == 1


async def test_a_retry_gets_only_the_time_that_is_left() -> None:
    models = {"m": to("a", fallbacks=("n",)), "n": to("b")}
    node = Node({"a": [(15.0, DOWN)], "b": [(15.0, WHOLE)]}, models, total_timeout_s=20.0)
    exchange = await node.ask(within_s=20.1)
    assert exchange.status == 504
    assert node.told() == [[("a/m", "unreachable"), ("b/n", "timeout")]]
    assert node.nothing_is_held()


async def test_a_retried_stream_that_is_late_ends_with_an_error_in_the_stream() -> None:
    models = {"m": to("a", fallbacks=("n",)), "n": to("b")}
    slow: tuple[Step, ...] = (STREAM[0], 30.0, *STREAM[1:])
    node = Node({"a": [(15.0, DOWN)], "b": [slow]}, models, total_timeout_s=20.0)
    exchange = await node.ask(stream=True, within_s=20.1)
    assert exchange.status == 200
    assert b"provider_timeout" in exchange.parts[-1]


async def test_a_target_that_asked_for_rest_is_left_alone_until_then() -> None:
    node = Node({"a": [limited("30"), WHOLE]}, retries_max=0)
    first = await node.ask(within_s=0)
    assert (first.status, first.headers["retry-after"]) == (429, "30")
    await node.clock.advance(10)
    second = await node.ask(within_s=0)
    assert (second.status, second.headers["retry-after"]) == (429, "20")
    assert json.loads(second.body)["error"]["code"] == "rate_limited"
    assert "x-aiex-target" not in second.headers
    assert node.counts() == {"a": 1}
    await node.clock.advance(20)
    assert (await node.ask()).status == 200


async def test_rest_given_as_a_date_is_honoured_and_bounded() -> None:
    # The fake clock begins at 22:13:20.
    node = Node({"a": [limited("Tue, 14 Nov 2023 23:13:20 GMT", 503), WHOLE]})
    assert (await node.ask(within_s=0)).status == 503
    assert node.targets.states()[0].resting_s(node.clock.monotonic_s()) == 60
    await node.clock.advance(60.1)
    assert (await node.ask()).status == 200


async def test_a_short_rest_is_waited_for() -> None:
    node = Node({"a": [limited("1"), WHOLE]})
    exchange, task = node.begin()
    await node.clock.advance(0.9)
    assert node.counts() == {"a": 1}
    await node.clock.advance(0.3)
    await task
    assert exchange.status == 200


async def test_others_take_over_while_a_target_rests() -> None:
    node = Node({"a": [limited("30")], "b": [WHOLE]})
    for _ in range(20):
        assert (await node.ask(within_s=0)).status == 200
    assert node.counts()["a"] == 1


async def test_an_outage_opens_the_breaker_and_one_probe_closes_it() -> None:
    node = Node({"a": [*DOWNS, WHOLE]}, retries_max=0)
    for _ in range(5):
        assert (await node.ask(within_s=0)).status == 502
    refused = await node.ask(within_s=0)
    assert refused.status == 503
    assert json.loads(refused.body)["error"]["code"] == "model_unavailable"
    assert 5 <= int(refused.headers["retry-after"]) <= 6
    assert node.counts() == {"a": 5}
    assert node.heard(TargetPassedOver) == [TargetPassedOver("a/m", "breaker_open")]
    await node.clock.advance(6)
    assert (await node.ask()).status == 200
    assert [event.state for event in node.heard(BreakerTurned)] == ["open", "half open", "closed"]


async def test_while_one_probes_the_others_are_refused() -> None:
    node = Node({"a": [*DOWNS, (3.0, WHOLE)]}, retries_max=0)
    for _ in range(5):
        await node.ask(within_s=0)
    await node.clock.advance(6)
    probe, task = node.begin()
    await node.clock.settle()
    assert (await node.ask(within_s=0)).status == 503
    await node.clock.advance(3)
    await task
    assert probe.status == 200
    assert (await node.ask()).status == 200


async def test_a_probe_whose_client_leaves_makes_room_for_the_next() -> None:
    node = Node({"a": [*DOWNS, (60.0, WHOLE), WHOLE]}, retries_max=0)
    for _ in range(5):
        await node.ask(within_s=0)
    await node.clock.advance(6)
    probe, task = node.begin()
    await node.clock.settle()
    probe.leave()
    await task
    assert (await node.ask()).status == 200


@pytest.mark.parametrize("step", [Answer(400, JSON, b"{}"), limited("")])
async def test_neither_bad_requests_nor_limits_open_the_breaker(step: Step) -> None:
    node = Node({"a": [step]}, retries_max=0)
    for _ in range(20):
        await node.ask(within_s=0)
    assert node.heard(BreakerTurned) == []


@pytest.mark.parametrize("stream", [False, True])
async def test_clients_that_leave_open_no_breaker_and_hold_no_place(stream: bool) -> None:
    slow: Script = [(STREAM[0], 60.0)] if stream else [(60.0, WHOLE)]
    node = Node({"a": slow}, concurrency_max=50)
    for _ in range(20):
        exchange, task = node.begin(stream=stream)
        await node.clock.settle()
        exchange.leave()
        await task
    assert node.heard(BreakerTurned) == []
    assert node.nothing_is_held()
    assert set(map(tuple, node.told())) == {(("a/m", "cancelled"),)}


async def test_streams_that_break_half_way_count_against_the_target() -> None:
    node = Node({"a": [(STREAM[0], ProviderError("reset"))]})
    for _ in range(10):
        await node.ask(stream=True, within_s=0)
    assert [event.state for event in node.heard(BreakerTurned)] == ["open"]


async def test_requests_beyond_the_cap_wait_their_turn() -> None:
    node = Node({"a": [(0.4, WHOLE)]}, concurrency_max=1)
    begun = [node.begin() for _ in range(3)]
    await node.clock.settle()
    assert node.providers["a"].in_flight == 1
    await node.clock.advance(2)
    for exchange, task in begun:
        await task
        assert exchange.status == 200
    assert [event.outcome for event in node.heard(QueueLeft)] == ["taken", "taken"]
    assert [event.waited_us for event in node.heard(QueueLeft)] == [400_000, 800_000]


async def test_with_the_queue_full_a_request_is_refused_with_when_to_come_back() -> None:
    node = Node({"a": [(5.0, WHOLE)]}, concurrency_max=1, queue_len_max=0)
    _, task = node.begin()
    await node.clock.settle()
    refused = await node.ask(within_s=0)
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert json.loads(refused.body)["error"]["code"] == "model_busy"
    assert node.told() == [[("a/m", "queue_full")]]
    await node.clock.advance(5)
    await task


async def test_who_waits_too_long_goes_to_the_fallback() -> None:
    models = {"m": to("a", fallbacks=("n",)), "n": to("b")}
    node = Node({"a": [(5.0, WHOLE)], "b": [WHOLE]}, models, concurrency_max=1, queue_wait_ms=500)
    _, task = node.begin()
    exchange = await node.ask(within_s=0.6)
    assert exchange.headers["x-aiex-target"] == "b/n"
    assert node.told()[0] == [("a/m", "queue_timeout"), ("b/n", "ok")]
    await node.clock.advance(5)
    await task
    assert node.nothing_is_held()


async def test_a_free_target_of_the_model_is_taken_before_anybody_queues() -> None:
    node = Node({"a": [(0.5, WHOLE)], "b": [(0.5, WHOLE)]}, concurrency_max=2)
    begun = [node.begin() for _ in range(4)]
    await node.clock.settle()
    assert node.counts() == {"a": 2, "b": 2}
    await node.clock.advance(1)
    for _, task in begun:
        await task


async def test_a_client_that_leaves_the_queue_leaves_no_hole() -> None:
    node = Node({"a": [(0.6, WHOLE)]}, concurrency_max=1)
    _, first = node.begin()
    await node.clock.settle()
    leaving, second = node.begin()
    staying, third = node.begin()
    await node.clock.settle()
    leaving.leave()
    await second
    await node.clock.advance(2)
    await asyncio.gather(first, third)
    assert staying.status == 200
    assert node.nothing_is_held()


async def test_a_storm_of_failures_does_not_become_a_storm_of_retries() -> None:
    node = Node({"a": [BUSY]}, retries_max=3, breaker_failures_max=0)
    begun = [node.begin() for _ in range(80)]
    await node.clock.advance(10)
    for _, task in begun:
        await task
    assert 80 <= node.counts()["a"] <= 85
    assert node.heard(TargetPassedOver)[-1] == TargetPassedOver("a/m", "no_retry_budget")


async def test_a_healthy_fallback_takes_over_a_whole_outage() -> None:
    models = {"m": to("a", fallbacks=("n",)), "n": to("b")}
    node = Node({"a": [DOWN], "b": [WHOLE]}, models)
    for _ in range(200):
        assert (await node.ask(within_s=0)).status == 200
    assert node.counts() == {"a": 5, "b": 200}


@pytest.mark.parametrize(
    "beginning",
    [
        (b": processing\n\n", ProviderError("reset")),
        (b": processing\n\n",),
        (b'data: {"error":{"message":"overloaded"}}\n\n',),
        (b"<html>",),
        (),
    ],
)
async def test_before_its_first_event_a_stream_may_still_come_from_elsewhere(
    beginning: tuple[Step, ...],
) -> None:
    models = {"m": to("a", fallbacks=("n",)), "n": to("b")}
    node = Node({"a": [(b"", *beginning)], "b": [STREAM]}, models)
    exchange = await node.ask(stream=True)
    assert exchange.body == b"".join(STREAM)
    assert exchange.headers["x-aiex-target"] == "b/n"


async def test_after_the_first_byte_nobody_else_is_asked() -> None:
    node = Node({"a": [(STREAM[0], ProviderError("reset"))], "b": [(STREAM[0], DOWN)]})
    exchange = await node.ask(stream=True)
    assert exchange.status == 200
    assert exchange.parts[0] == STREAM[0]
    assert json.loads(exchange.parts[1].removeprefix(b"data: "))["error"]["code"]
    assert sum(node.counts().values()) == 1


async def test_least_busy_goes_where_least_is_in_flight() -> None:
    models = {"m": to("a", "b", choice="least_busy")}
    node = Node({"a": [(1.0, WHOLE)], "b": [(1.0, WHOLE)]}, models)
    begun = [node.begin() for _ in range(10)]
    await node.clock.settle()
    assert node.counts() == {"a": 5, "b": 5}
    await node.clock.advance(1)
    for _, task in begun:
        await task


async def test_latency_goes_where_answers_come_sooner() -> None:
    models = {"m": to("a", "b", choice="latency")}
    node = Node({"a": [(0.8, WHOLE)], "b": [(0.1, WHOLE)]}, models)
    for _ in range(40):
        await node.ask(within_s=1)
    assert node.counts()["b"] >= 30
    assert node.counts()["a"] >= 1


async def test_weighted_follows_the_weights() -> None:
    heavy = ModelSettings(targets=(TargetSettings("a", weight=3), TargetSettings("b")))
    node = Node({"a": [WHOLE], "b": [WHOLE]}, {"m": heavy})
    first = Counter[str]()
    for _ in range(400):
        first[(await node.ask(within_s=0)).headers["x-aiex-target"]] += 1
    assert 265 <= first["a/m"] <= 335


async def test_a_slow_answer_is_hedged_and_the_faster_one_wins() -> None:
    models = {"m": to("a", "b", hedge_after_ms=500)}
    node = Node({"a": [(9.0, WHOLE)], "b": [(9.0, WHOLE)]}, models)
    exchange, task = node.begin()
    await node.clock.advance(0.4)
    assert sum(node.counts().values()) == 1
    await node.clock.advance(0.2)
    assert node.counts() == {"a": 1, "b": 1}
    await node.clock.advance(9)
    await task
    assert exchange.status == 200
    assert exchange.headers["x-aiex-attempts"] == "2"
    (event,) = node.heard(AttemptHedged)
    assert not event.has_won
    (told,) = node.told()
    assert sorted(outcome for _, outcome in told) == ["cancelled", "ok"]
    assert node.nothing_is_held()


async def test_the_second_of_two_calls_is_named_when_it_wins() -> None:
    models = {"m": to("a", "b", hedge_after_ms=500, choice="least_busy")}
    node = Node({"a": [(9.0, WHOLE)], "b": [(0.1, WHOLE)]}, models)
    winners = {(await node.ask()).headers["x-aiex-target"] for _ in range(10)}
    assert winners == {"b/m"}
    assert all(event.has_won for event in node.heard(AttemptHedged))


async def test_a_stream_is_never_hedged() -> None:
    models = {"m": to("a", "b", hedge_after_ms=100)}
    node = Node({"a": [(b"", 2.0, *STREAM)], "b": [(b"", 2.0, *STREAM)]}, models)
    assert (await node.ask(stream=True)).status == 200
    assert sum(node.counts().values()) == 1


async def test_a_client_that_leaves_a_race_frees_both_places() -> None:
    models = {"m": to("a", "b", hedge_after_ms=100)}
    node = Node({"a": [(9.0, WHOLE)], "b": [(9.0, WHOLE)]}, models)
    exchange, task = node.begin()
    await node.clock.advance(1)
    assert node.counts() == {"a": 1, "b": 1}
    exchange.leave()
    await task
    assert node.nothing_is_held()
    assert all(provider.in_flight == 0 for provider in node.providers.values())


async def test_models_asked_for_by_path_share_what_is_known_of_their_provider() -> None:
    node = Node({"a": [DOWN]}, {"m": to("a")}, retries_max=0)
    for number in range(50):
        await node.ask(model=f"a/unknown-{number}", within_s=0)
    assert node.counts() == {"a": 5}
    assert {event.target for event in node.heard(BreakerTurned)} == {"a/*"}
    assert len(node.targets.states()) == 2
    assert (await node.ask(within_s=0)).status == 502  # a model with a name of its own goes on
