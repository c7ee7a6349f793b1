"""Turns that meet each other, lose their node, their client or the engine, or are cancelled."""

import asyncio
import json
from typing import Any

import pytest

from aiex.assistant.conversations.thread_form import THREADS, KeptTurn
from aiex.assistant.events import TurnBegun, TurnConflicted, TurnEnded
from aiex.assistant.provider import Answer
from aiex.testing.exchange import MemoryExchange
from aiex.testing.provider import ScriptedProvider
from aiex.testing.talk_stage import Cluster, TalkNode, content, events_in

PATH = "/v1/responses"
BODY = (
    b'{"choices":[{"index":0,"message":{"content":"yes"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":3,"completion_tokens":2}}'
)
YES = Answer(200, "application/json", BODY)
WORD = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n'
LAST = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
# Longer than a test goes on: an answer that does not come by itself.
LONG_S = 600.0


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def slow(cluster: Cluster, name: str = "one") -> TalkNode:
    """A node whose first answer takes `LONG_S`, streamed or whole; the others none."""
    return cluster.node(ScriptedProvider(cluster.clock, [LONG_S, YES], YES), name)


def streaming(cluster: Cluster, name: str = "one") -> TalkNode:
    """A node whose stream stops after its first word, for `LONG_S`."""
    return cluster.node(ScriptedProvider(cluster.clock, [WORD, LONG_S, LAST]), name)


def quick(cluster: Cluster, name: str = "two") -> TalkNode:
    return cluster.node(ScriptedProvider(cluster.clock, YES), name)


async def conversation(node: TalkNode) -> str:
    begun: str = content(await node.ask("POST", "/v1/conversations", {}))["id"]
    return begun


def request(there: str = "", **more: Any) -> dict[str, Any]:
    body = {"model": "m", "input": "hi", **more}
    return {**body, "conversation": there} if there else body


async def begun(node: TalkNode, body: dict[str, Any]) -> tuple[MemoryExchange, asyncio.Task[None]]:
    """A turn that waits for its model."""
    exchange = node.exchange(body)
    task = node.begin(exchange, PATH)
    async with asyncio.timeout(5):
        while not any(isinstance(event, TurnBegun) for event in node.events):
            await asyncio.sleep(0)
    if body.get("stream"):
        await exchange.part_came.wait()
    return exchange, task


def error(exchange: MemoryExchange) -> tuple[int, str]:
    return exchange.status, content(exchange)["error"]["code"]


def outcomes(node: TalkNode) -> list[str]:
    return [event.outcome for event in node.events if isinstance(event, TurnEnded)]


async def item_count(node: TalkNode, there: str) -> int:
    page = content(await node.ask("GET", f"/v1/conversations/{there}/items?limit=100"))
    return len(page["data"])


async def test_of_two_turns_at_once_one_is_turned_away_at_once(cluster: Cluster) -> None:
    one, two = slow(cluster), quick(cluster)
    there = await conversation(one)
    exchange, task = await begun(one, request(there))
    refused = await two.ask("POST", PATH, request(there))
    assert error(refused) == (409, "conversation_locked")
    added = {"items": [{"role": "user", "content": "x"}]}
    refused = await two.ask("POST", f"/v1/conversations/{there}/items", added)
    assert error(refused) == (409, "conversation_locked")
    await cluster.clock.advance(LONG_S)
    await task
    assert exchange.status == 200
    assert await item_count(two, there) == 2
    assert (await two.ask("POST", PATH, request(there))).status == 200


async def test_turns_that_begin_in_the_same_moment_are_told_apart_by_the_store(
    cluster: Cluster,
) -> None:
    """Both have read the conversation before either claimed it."""
    one, two = quick(cluster, "one"), quick(cluster, "two")
    there = await conversation(one)
    rows = cluster.store.rows(THREADS)
    batch, both_came, came = rows.batch, asyncio.Event(), [0]

    async def together(*changes: Any, **more: Any) -> Any:
        came[0] += 1
        if came[0] == 2:
            both_came.set()
        await both_came.wait()
        return await batch(*changes, **more)

    rows.batch = together  # type: ignore[method-assign]
    exchanges = [one.exchange(request(there)), two.exchange(request(there))]
    tasks = [one.begin(exchanges[0], PATH), two.begin(exchanges[1], PATH)]
    async with asyncio.timeout(5):
        await asyncio.gather(*tasks)
    assert sorted(exchange.status for exchange in exchanges) == [200, 409]
    events = [*one.events, *two.events]
    assert sum(isinstance(event, TurnConflicted) for event in events) == 1
    assert await item_count(one, there) == 2


async def test_a_dead_nodes_turn_blocks_nobody_and_writes_nothing_later(cluster: Cluster) -> None:
    one, two = slow(cluster), quick(cluster)
    there = await conversation(one)
    exchange, task = await begun(one, request(there))
    cluster.gone.add("one")  # that is what the others think: in truth it is only cut off
    assert (await two.ask("POST", PATH, request(there, input="again"))).status == 200
    asked = json.loads(two.provider.calls[0].request.raw)["messages"]  # type: ignore[attr-defined]
    assert [message["content"] for message in asked] == ["again"]
    await cluster.clock.advance(LONG_S)
    await task
    assert error(exchange) == (409, "turn_overtaken")
    assert outcomes(one) == ["overtaken"]
    assert await item_count(two, there) == 2


async def test_what_came_to_nothing_goes_by_itself(cluster: Cluster) -> None:
    one, two = slow(cluster), quick(cluster)
    _, task = await begun(one, request())
    response = await response_in_progress(cluster)
    cluster.store.go_down("no quorum")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    cluster.store.come_back()
    cluster.clock.jump(15 * 60 + 3600 - 1)
    assert content(await two.ask("GET", f"{PATH}/{response}"))["status"] == "failed"
    cluster.clock.jump(2)
    assert error(await two.ask("GET", f"{PATH}/{response}")) == (404, "not_found")


async def test_a_conversation_that_changed_before_the_claim_is_not_claimed(
    cluster: Cluster,
) -> None:
    """The turn would bring the old metadata back."""
    one = quick(cluster, "one")
    there = await conversation(one)
    rows = cluster.store.rows(THREADS)
    batch = rows.batch

    async def change_first(*changes: Any, **more: Any) -> Any:
        rows.batch = batch  # type: ignore[method-assign]
        await one.ask("POST", f"/v1/conversations/{there}", {"metadata": {"a": "b"}})
        return await batch(*changes, **more)

    rows.batch = change_first  # type: ignore[method-assign]
    assert error(await one.ask("POST", PATH, request(there))) == (409, "conversation_locked")
    shown = content(await one.ask("GET", f"/v1/conversations/{there}"))
    assert shown["metadata"] == {"a": "b"}


async def test_deleting_what_a_dead_node_left_frees_nobody_elses_claim(cluster: Cluster) -> None:
    one, two, three = slow(cluster), slow(cluster, "two"), quick(cluster, "three")
    there = await conversation(one)
    _, dead = await begun(one, request(there))
    response = await response_in_progress(cluster)
    cluster.gone.add("one")
    exchange, task = await begun(two, request(there))
    assert (await three.ask("DELETE", f"{PATH}/{response}")).status == 200
    assert error(await three.ask("POST", PATH, request(there))) == (409, "conversation_locked")
    await cluster.clock.advance(LONG_S)
    await asyncio.gather(task, dead)
    assert exchange.status == 200
    assert await item_count(three, there) == 2


async def test_an_item_of_a_turn_in_progress_is_not_there_yet(cluster: Cluster) -> None:
    one = slow(cluster)
    there = await conversation(one)
    _, task = await begun(one, request(there))
    item = (await response_in_progress(cluster)).replace("resp_", "msg_") + "0000"
    path = f"/v1/conversations/{there}/items/{item}"
    assert error(await one.ask("GET", path)) == (404, "not_found")
    assert await item_count(one, there) == 0
    await cluster.clock.advance(LONG_S)
    await task
    assert (await one.ask("GET", path)).status == 200


async def test_a_dead_nodes_response_is_shown_as_failed(cluster: Cluster) -> None:
    one, two = streaming(cluster), quick(cluster)
    exchange, task = await begun(one, request(stream=True))
    response = events_in(exchange.body)[0]["response"]["id"]
    shown = content(await two.ask("GET", f"{PATH}/{response}"))
    assert (shown["status"], shown["output"]) == ("in_progress", [])
    cluster.gone.add("one")
    shown = content(await two.ask("GET", f"{PATH}/{response}"))
    assert (shown["status"], shown["error"]["code"]) == ("failed", "server_error")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_claim_that_nobody_took_back_ends_by_itself(cluster: Cluster) -> None:
    one, two = slow(cluster), quick(cluster)
    there = await conversation(one)
    _, task = await begun(one, request(there))
    cluster.store.go_down("no quorum")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    cluster.store.come_back()
    assert error(await two.ask("POST", PATH, request(there))) == (409, "conversation_locked")
    cluster.clock.jump(15 * 60)
    assert (await two.ask("POST", PATH, request(there))).status == 200


async def test_its_own_node_knows_that_such_a_claim_is_over(cluster: Cluster) -> None:
    one = slow(cluster)
    there = await conversation(one)
    _, task = await begun(one, request(there))
    cluster.store.go_down("no quorum")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    cluster.store.come_back()
    assert (await one.ask("POST", PATH, request(there))).status == 200


@pytest.mark.parametrize("is_stream", [True, False])
async def test_a_client_that_leaves_frees_its_conversation(
    cluster: Cluster, is_stream: bool
) -> None:
    one, two = (streaming if is_stream else slow)(cluster), quick(cluster)
    there = await conversation(one)
    exchange, task = await begun(one, request(there, stream=is_stream))
    exchange.leave()
    await task
    assert outcomes(one) == ["given_up"]
    assert (await two.ask("POST", PATH, request(there))).status == 200
    assert await item_count(two, there) == 2


async def test_metadata_can_change_while_a_turn_is_made(cluster: Cluster) -> None:
    one, two = slow(cluster), quick(cluster)
    there = await conversation(one)
    exchange, task = await begun(one, request(there))
    changed = await two.ask("POST", f"/v1/conversations/{there}", {"metadata": {"a": "b"}})
    assert changed.status == 200
    await cluster.clock.advance(LONG_S)
    await task
    assert exchange.status == 200
    shown = content(await two.ask("GET", f"/v1/conversations/{there}"))
    assert shown["metadata"] == {"a": "b"}


@pytest.mark.parametrize("is_stream", [True, False])
async def test_a_turn_of_a_deleted_conversation_is_not_kept(
    cluster: Cluster, is_stream: bool
) -> None:
    one, two = (streaming if is_stream else slow)(cluster), quick(cluster)
    there = await conversation(one)
    exchange, task = await begun(one, request(there, stream=is_stream))
    assert (await two.ask("DELETE", f"/v1/conversations/{there}")).status == 200
    await cluster.clock.advance(LONG_S)
    await task
    if is_stream:
        last = events_in(exchange.body)[-1]
        assert (last["type"], last["response"]["output"][0]["type"]) == (
            "response.failed",
            "message",
        )
    else:
        assert error(exchange) == (409, "turn_overtaken")
    assert (one.finished[-1].outcome, one.finished[-1].error_code) == ("refused", "turn_overtaken")
    assert error(await two.ask("GET", f"/v1/conversations/{there}")) == (404, "not_found")


@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize("is_in_conversation", [True, False])
async def test_an_answer_that_cannot_be_kept_is_not_given_as_if_it_were(
    cluster: Cluster, is_stream: bool, is_in_conversation: bool
) -> None:
    one = (streaming if is_stream else slow)(cluster)
    there = await conversation(one) if is_in_conversation else ""
    exchange, task = await begun(one, request(there, stream=is_stream))
    cluster.store.go_down("no quorum")
    await cluster.clock.advance(LONG_S)
    await task
    if is_stream:
        assert events_in(exchange.body)[-1]["type"] == "response.failed"
    else:
        assert error(exchange) == (503, "store_unavailable")
        assert exchange.headers["retry-after"] == "2"
        assert one.finished[-1].completion_tokens == 2  # the model was asked, and is paid
    assert outcomes(one) == ["unkept"]
    assert one.finished[-1].outcome == "refused"


@pytest.mark.parametrize("is_in_conversation", [True, False])
async def test_a_turn_whose_write_lost_its_answer_is_looked_for(
    cluster: Cluster, is_in_conversation: bool
) -> None:
    one = slow(cluster)
    there = await conversation(one) if is_in_conversation else ""
    exchange, task = await begun(one, request(there))
    cluster.store.lose_next_answer()
    await cluster.clock.advance(LONG_S)
    await task
    assert exchange.status == 200
    assert (await one.ask("GET", f"{PATH}/{content(exchange)['id']}")).status == 200
    assert outcomes(one) == ["committed"]


@pytest.mark.parametrize("is_in_conversation", [True, False])
async def test_a_claim_whose_write_lost_its_answer_is_looked_for(
    cluster: Cluster, is_in_conversation: bool
) -> None:
    one = quick(cluster)
    there = await conversation(one) if is_in_conversation else ""
    cluster.store.lose_next_answer()
    assert (await one.ask("POST", PATH, request(there))).status == 200


class Watching(MemoryExchange):
    """Notes what of the response is kept when its last bytes are handed over."""

    def __init__(self, cluster: Cluster, body: dict[str, Any]) -> None:
        super().__init__(json.dumps(body).encode())
        self._cluster = cluster
        self.kept: list[str] = []

    def response_bytes(self, status: int, headers: Any, body: bytes) -> None:
        self._look()
        super().response_bytes(status, headers, body)

    async def send_bytes(self, data: bytes) -> None:
        if b"response.completed" in data:
            self._look()
        await super().send_bytes(data)

    def _look(self) -> None:
        for stored in self._cluster.store.rows(THREADS).all_now(()):
            if isinstance(turn := stored.row.kept, KeptTurn) and turn.claim is None:
                self.kept.append(json.loads(turn.response)["status"])


@pytest.mark.parametrize("is_stream", [True, False])
async def test_a_turn_is_kept_before_its_client_has_all_of_it(
    cluster: Cluster, is_stream: bool
) -> None:
    one = cluster.node(ScriptedProvider(cluster.clock, [WORD, LAST] if is_stream else YES))
    there = await conversation(one)
    exchange = Watching(cluster, request(there, stream=is_stream))
    await one.begin(exchange, PATH)
    assert exchange.kept == ["completed"]


@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize("is_in_conversation", [True, False])
async def test_a_cancelled_response_stops_where_it_is_made(
    cluster: Cluster, is_stream: bool, is_in_conversation: bool
) -> None:
    one = (streaming if is_stream else slow)(cluster)
    there = await conversation(one) if is_in_conversation else ""
    exchange, task = await begun(one, request(there, stream=is_stream))
    response = await response_in_progress(cluster)
    cancelled = content(await one.ask("POST", f"{PATH}/{response}/cancel"))
    assert (cancelled["id"], cancelled["status"]) == (response, "cancelled")
    await task
    if is_stream:
        last = events_in(exchange.body)[-1]["response"]
    else:
        assert exchange.status == 200
        last = content(exchange)
    assert (last["id"], last["status"]) == (response, "cancelled")
    assert one.finished[-1].error_code == "response_cancelled"
    assert outcomes(one) == ["cancelled"]
    assert content(await one.ask("GET", f"{PATH}/{response}"))["status"] == "cancelled"
    if there:
        assert await item_count(one, there) == 0
        assert not await is_claimed(cluster)


async def test_a_response_cancelled_elsewhere_stops_too(cluster: Cluster) -> None:
    one, two = slow(cluster), quick(cluster)
    there = await conversation(one)
    exchange, task = await begun(one, request(there))
    response = await response_in_progress(cluster)
    assert content(await two.ask("POST", f"{PATH}/{response}/cancel"))["status"] == "cancelled"
    await task
    assert content(exchange)["status"] == "cancelled"
    assert outcomes(one) == ["cancelled"]


async def test_a_response_cancelled_out_of_reach_is_not_kept(cluster: Cluster) -> None:
    one, two = slow(cluster), quick(cluster)
    there = await conversation(one)
    exchange, task = await begun(one, request(there))
    response = await response_in_progress(cluster)
    del cluster.nodes["one"]
    cluster.nodes["one"] = quick(cluster, "three")  # who knows nothing of it
    assert content(await two.ask("POST", f"{PATH}/{response}/cancel"))["status"] == "cancelled"
    assert (await two.ask("POST", PATH, request(there))).status == 200
    await cluster.clock.advance(LONG_S)
    await task
    assert error(exchange) == (409, "turn_overtaken")
    assert await item_count(two, there) == 2


async def test_only_what_is_in_progress_can_be_cancelled(cluster: Cluster) -> None:
    one = quick(cluster)
    response = content(await one.ask("POST", PATH, request()))["id"]
    assert error(await one.ask("POST", f"{PATH}/{response}/cancel")) == (400, "invalid_value")


async def test_what_is_in_progress_is_not_deleted_and_has_no_successor(cluster: Cluster) -> None:
    one = slow(cluster)
    exchange, task = await begun(one, request())
    response = await response_in_progress(cluster)
    locked = (409, "response_in_progress")
    assert error(await one.ask("DELETE", f"{PATH}/{response}")) == locked
    after = await one.ask("POST", PATH, request(previous_response_id=response))
    assert error(after) == locked
    await cluster.clock.advance(LONG_S)
    await task
    assert exchange.status == 200
    assert (await one.ask("DELETE", f"{PATH}/{response}")).status == 200


@pytest.mark.parametrize("is_in_conversation", [True, False])
async def test_what_a_dead_node_left_can_be_deleted(
    cluster: Cluster, is_in_conversation: bool
) -> None:
    one, two = slow(cluster), quick(cluster)
    there = await conversation(one) if is_in_conversation else ""
    exchange, task = await begun(one, request(there))
    response = await response_in_progress(cluster)
    cluster.gone.add("one")
    after = await two.ask("POST", PATH, request(previous_response_id=response))
    assert error(after) == (404, "previous_response_not_found")
    assert (await two.ask("DELETE", f"{PATH}/{response}")).status == 200
    assert error(await two.ask("GET", f"{PATH}/{response}")) == (404, "not_found")
    assert not await is_claimed(cluster)
    await cluster.clock.advance(LONG_S)  # it was only cut off, and comes back with its answer
    await task
    assert error(exchange) == (409, "turn_overtaken")
    assert error(await two.ask("GET", f"{PATH}/{response}")) == (404, "not_found")
    if there:
        assert await item_count(two, there) == 0


async def test_a_key_that_may_ask_no_more_claims_nothing(cluster: Cluster) -> None:
    """The model refuses before a place is claimed: admission comes first."""
    one = quick(cluster)
    there = await conversation(one)
    assert error(await one.ask("POST", PATH, {**request(there), "model": "x"}))[0] == 404
    assert not await is_claimed(cluster)
    assert not any(isinstance(event, TurnBegun) for event in one.events)


async def test_nothing_is_left_of_many_turns_at_once(cluster: Cluster) -> None:
    """Nodes ask without waiting for each other; every turn that was answered is there, once."""
    nodes = [quick(cluster, name) for name in ("one", "two", "three")]
    there = await conversation(nodes[0])
    exchanges = [node.exchange(request(there)) for node in nodes for _ in range(10)]
    tasks = [
        node.begin(exchange, PATH)
        for node, exchange in zip(
            [node for node in nodes for _ in range(10)], exchanges, strict=True
        )
    ]
    await asyncio.gather(*tasks)
    kept = sum(exchange.status == 200 for exchange in exchanges)
    assert {exchange.status for exchange in exchanges} <= {200, 409}
    assert kept >= 1
    assert await item_count(nodes[0], there) == min(2 * kept, 100)
    assert not await is_claimed(cluster)


async def response_in_progress(cluster: Cluster) -> str:
    """The id of the one response that is being made."""
    rows = [stored.row async for stored in cluster.store.rows(THREADS).scan()]
    [turn] = [row for row in rows if getattr(row.kept, "claim", None) and row.part != "head"]
    response: str = json.loads(turn.kept.response)["id"]  # type: ignore[union-attr]
    return response


async def is_claimed(cluster: Cluster) -> bool:
    rows = [stored.row async for stored in cluster.store.rows(THREADS).scan()]
    return any(getattr(row.kept, "claim", None) for row in rows)
