"""`/v1/responses`: what is asked of the model, what is kept, what the client gets."""

import json
from typing import Any

import pytest

from aiex.assistant.conversations.thread_form import THREADS
from aiex.assistant.keys import KeyCheck, new_key
from aiex.assistant.provider import Answer, ProviderTimeout
from aiex.testing.exchange import MemoryExchange
from aiex.testing.provider import ScriptedProvider
from aiex.testing.talk_stage import Cluster, TalkNode, content, events_in

PATH = "/v1/responses"
USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 3}}
KEY, RECORD = new_key("team", at="2026-01-01T00:00:00.000+00:00", by="test")
OTHER, OTHER_RECORD = new_key("other", at="2026-01-01T00:00:00.000+00:00", by="test")
KEYS = KeyCheck({RECORD.id: RECORD, OTHER_RECORD.id: OTHER_RECORD}, None)


def answer(text: str = "yes", **message: Any) -> Answer:
    choice = {"index": 0, "message": {"content": text, **message}, "finish_reason": "stop"}
    body = json.dumps({"choices": [choice], "usage": USAGE}).encode()
    return Answer(200, "application/json", body)


def stream(*texts: str, finish: str | None = "stop") -> tuple[bytes, ...]:
    def event(delta: dict[str, str], end: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": end}
        return b"data: %s\n\n" % json.dumps({"choices": [choice]}).encode()

    said = [event({"content": text}) for text in texts]
    return (*said, event({}, finish), b"data: [DONE]\n\n") if finish else tuple(said)


def node_of(cluster: Cluster, *script: Any, **more: Any) -> tuple[TalkNode, ScriptedProvider]:
    provider = ScriptedProvider(cluster.clock, *script)
    return cluster.node(provider, **more), provider


def asked(provider: ScriptedProvider, number: int = -1) -> list[tuple[str, str]]:
    body = json.loads(provider.calls[number].request.body_for("x"))
    return [(message["role"], message["content"]) for message in body["messages"]]


def error(exchange: MemoryExchange) -> tuple[int, str]:
    return exchange.status, content(exchange)["error"]["code"]


def request(text: str = "hi", **more: Any) -> dict[str, Any]:
    return {"model": "m", "input": text, **more}


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


async def conversation(node: TalkNode) -> str:
    begun: str = content(await node.ask("POST", "/v1/conversations", {}))["id"]
    return begun


async def test_a_response_is_what_the_model_says(cluster: Cluster) -> None:
    node, provider = node_of(cluster, answer())
    response = content(await node.ask("POST", PATH, request()))
    assert response["output"][0]["content"][0]["text"] == "yes"
    assert response["status"] == "completed"
    assert asked(provider) == [("user", "hi")]


async def test_it_is_counted_and_logged_as_a_chat_is(cluster: Cluster) -> None:
    node, _ = node_of(cluster, answer())
    exchange = await node.ask("POST", PATH, request())
    [event] = node.finished
    assert (event.route, event.model, event.target) == (PATH, "m", "p/m")
    assert (event.prompt_tokens, event.completion_tokens, event.cached_tokens) == (7, 5, 3)
    assert (event.status, event.outcome) == (200, "ok")
    assert exchange.headers["x-aiex-target"] == "p/m"


async def test_it_can_be_looked_at_again(cluster: Cluster) -> None:
    node, _ = node_of(cluster, answer())
    response = content(await node.ask("POST", PATH, request(metadata={"a": "b"})))
    assert content(await node.ask("GET", f"{PATH}/{response['id']}")) == response


async def test_a_stream_ends_with_what_is_kept(cluster: Cluster) -> None:
    node, _ = node_of(cluster, stream("a", " b"))
    events = events_in((await node.ask("POST", PATH, request(stream=True))).body)
    last = events[-1]
    assert last["type"] == "response.completed"
    kept = content(await node.ask("GET", f"{PATH}/{last['response']['id']}"))
    assert kept == last["response"]
    assert node.finished[0].is_stream


async def test_a_conversation_grows_by_both_sides(cluster: Cluster) -> None:
    node, provider = node_of(cluster, answer("one"), stream("two"), answer("three"))
    there = await conversation(node)
    await node.ask("POST", PATH, request("a", conversation=there))
    await node.ask("POST", PATH, request("b", conversation={"id": there}, stream=True))
    await node.ask("POST", PATH, request("c", conversation=there, instructions="Be brief."))
    assert asked(provider) == [
        ("system", "Be brief."),
        ("user", "a"),
        ("assistant", "one"),
        ("user", "b"),
        ("assistant", "two"),
        ("user", "c"),
    ]
    page = content(await node.ask("GET", f"/v1/conversations/{there}/items?order=asc"))
    texts = [item["content"][0]["text"] for item in page["data"]]
    assert texts == ["a", "one", "b", "two", "c", "three"]


async def test_it_goes_on_at_another_node(cluster: Cluster) -> None:
    one, _ = node_of(cluster, answer("one"))
    two, provider = node_of(cluster, answer("two"), name="two")
    there = await conversation(one)
    await one.ask("POST", PATH, request("a", conversation=there))
    cluster.gone.add("one")
    assert (await two.ask("POST", PATH, request("b", conversation=there))).status == 200
    assert asked(provider) == [("user", "a"), ("assistant", "one"), ("user", "b")]


async def test_a_chain_goes_on_from_any_of_its_responses(cluster: Cluster) -> None:
    node, provider = node_of(cluster, *(answer(text) for text in ("one", "two", "other")))
    first = content(await node.ask("POST", PATH, request("a", instructions="Once.")))["id"]
    second = content(await node.ask("POST", PATH, request("b", previous_response_id=first)))
    assert second["previous_response_id"] == first
    assert asked(provider) == [("user", "a"), ("assistant", "one"), ("user", "b")]
    await node.ask("POST", PATH, request("c", previous_response_id=first))
    assert asked(provider) == [("user", "a"), ("assistant", "one"), ("user", "c")]


async def test_a_deleted_link_breaks_its_chain(cluster: Cluster) -> None:
    node, _ = node_of(cluster, answer())
    first = content(await node.ask("POST", PATH, request()))["id"]
    second = content(await node.ask("POST", PATH, request(previous_response_id=first)))["id"]
    assert content(await node.ask("DELETE", f"{PATH}/{first}"))["deleted"] is True
    for link in (first, second):
        broken = await node.ask("POST", PATH, request(previous_response_id=link))
        assert error(broken) == (404, "previous_response_not_found")


async def test_a_response_is_kept_for_30_days(cluster: Cluster) -> None:
    node, _ = node_of(cluster, answer())
    response = content(await node.ask("POST", PATH, request()))["id"]
    cluster.clock.jump(30 * 24 * 3600 - 10)
    assert (await node.ask("GET", f"{PATH}/{response}")).status == 200
    cluster.clock.jump(20)
    assert error(await node.ask("GET", f"{PATH}/{response}")) == (404, "not_found")


async def test_nothing_is_kept_where_it_is_not_wanted(cluster: Cluster) -> None:
    node, _ = node_of(cluster, answer())
    cluster.store.go_down("no quorum")
    response = content(await node.ask("POST", PATH, request(store=False)))
    assert response["status"] == "completed"
    cluster.store.come_back()
    assert [stored async for stored in cluster.store.rows(THREADS).scan()] == []
    assert error(await node.ask("GET", f"{PATH}/{response['id']}")) == (404, "not_found")
    assert [type(event).__name__ for event in node.events].count("TurnBegun") == 0


async def test_a_conversation_keeps_the_items_of_a_response_that_is_not(cluster: Cluster) -> None:
    node, _ = node_of(cluster, answer())
    there = await conversation(node)
    response = content(await node.ask("POST", PATH, request(conversation=there, store=False)))
    assert error(await node.ask("GET", f"{PATH}/{response['id']}")) == (404, "not_found")
    assert len(content(await node.ask("GET", f"/v1/conversations/{there}/items"))["data"]) == 2


async def test_a_conversation_keeps_the_items_of_a_deleted_response(cluster: Cluster) -> None:
    node, _ = node_of(cluster, answer())
    there = await conversation(node)
    response = content(await node.ask("POST", PATH, request(conversation=there)))["id"]
    assert (await node.ask("DELETE", f"{PATH}/{response}")).status == 200
    assert error(await node.ask("GET", f"{PATH}/{response}")) == (404, "not_found")
    assert len(content(await node.ask("GET", f"/v1/conversations/{there}/items"))["data"]) == 2


async def test_a_response_goes_with_its_conversation(cluster: Cluster) -> None:
    node, _ = node_of(cluster, answer())
    there = await conversation(node)
    response = content(await node.ask("POST", PATH, request(conversation=there)))["id"]
    await node.ask("DELETE", f"/v1/conversations/{there}")
    assert error(await node.ask("GET", f"{PATH}/{response}")) == (404, "not_found")


async def test_what_was_given_can_be_looked_at(cluster: Cluster) -> None:
    node, _ = node_of(cluster, answer())
    given = [{"role": "user", "content": text} for text in ("a", "b")]
    response = content(await node.ask("POST", PATH, {"model": "m", "input": given}))["id"]
    page = content(await node.ask("GET", f"{PATH}/{response}/input_items?limit=1"))
    assert (page["data"][0]["content"][0]["text"], page["has_more"]) == ("b", True)
    page = content(await node.ask("GET", f"{PATH}/{response}/input_items?after={page['last_id']}"))
    assert (page["data"][0]["content"][0]["text"], page["has_more"]) == ("a", False)


async def test_another_key_finds_nothing(cluster: Cluster) -> None:
    node, _ = node_of(cluster, answer(), keys=KEYS)
    mine = {"authorization": f"Bearer {KEY}"}
    theirs = {"authorization": f"Bearer {OTHER}"}
    response = content(await node.ask("POST", PATH, request(), mine))["id"]
    for method, there in (
        ("GET", f"{PATH}/{response}"),
        ("DELETE", f"{PATH}/{response}"),
        ("POST", f"{PATH}/{response}/cancel"),
        ("GET", f"{PATH}/{response}/input_items"),
    ):
        assert error(await node.ask(method, there, None, theirs)) == (404, "not_found")
    after = await node.ask("POST", PATH, request(previous_response_id=response), theirs)
    assert error(after) == (404, "previous_response_not_found")


async def test_a_providers_error_leaves_nothing_behind(cluster: Cluster) -> None:
    failing = Answer(400, "application/json", b'{"error":{"message":"no"}}')
    node, _ = node_of(cluster, failing, answer())
    there = await conversation(node)
    assert (await node.ask("POST", PATH, request(conversation=there))).status == 400
    assert content(await node.ask("GET", f"/v1/conversations/{there}/items"))["data"] == []
    assert (await node.ask("POST", PATH, request(conversation=there))).status == 200
    assert len([stored async for stored in cluster.store.rows(THREADS).scan()]) == 2


async def test_a_stream_that_breaks_leaves_nothing_behind(cluster: Cluster) -> None:
    node, _ = node_of(cluster, [*stream("a", finish=None), ProviderTimeout("slow")])
    there = await conversation(node)
    exchange = await node.ask("POST", PATH, request(conversation=there, stream=True))
    last = events_in(exchange.body)[-1]
    assert (last["type"], last["response"]["status"]) == ("response.failed", "failed")
    assert content(await node.ask("GET", f"/v1/conversations/{there}/items"))["data"] == []
    assert error(await node.ask("GET", f"{PATH}/{last['response']['id']}")) == (404, "not_found")


async def test_an_answer_that_is_none_is_the_providers_failure(cluster: Cluster) -> None:
    node, _ = node_of(cluster, Answer(200, "application/json", b"[]"))
    assert error(await node.ask("POST", PATH, request())) == (502, "provider_failed")
    assert [stored async for stored in cluster.store.rows(THREADS).scan()] == []


async def test_an_unknown_model_claims_nothing(cluster: Cluster) -> None:
    node, _ = node_of(cluster, answer())
    assert error(await node.ask("POST", PATH, request(model="x"))) == (404, "model_not_found")
    assert [stored async for stored in cluster.store.rows(THREADS).scan()] == []


async def test_a_response_of_a_conversation_is_no_link_of_a_chain(cluster: Cluster) -> None:
    node, _ = node_of(cluster, answer())
    there = await conversation(node)
    response = content(await node.ask("POST", PATH, request(conversation=there)))["id"]
    after = await node.ask("POST", PATH, request(previous_response_id=response))
    assert error(after) == (400, "invalid_value")


async def test_a_full_conversation_asks_no_model(cluster: Cluster) -> None:
    node, provider = node_of(cluster, answer("x" * 1_400_000))
    there = await conversation(node)
    for _ in range(11):
        assert (await node.ask("POST", PATH, request(conversation=there))).status == 200
    refused = await node.ask("POST", PATH, request("x" * 3_000_000, conversation=there))
    assert error(refused) == (400, "conversation_too_long")
    assert (await node.ask("POST", PATH, request(conversation=there))).status == 200
    refused = await node.ask("POST", PATH, request(conversation=there))
    assert error(refused) == (400, "conversation_too_long")
    assert len(provider.calls) == 12


async def test_a_chain_too_long_asks_no_model(cluster: Cluster) -> None:
    node, provider = node_of(cluster, answer("x" * 1_400_000))
    last = content(await node.ask("POST", PATH, request()))["id"]
    for _ in range(11):
        last = content(await node.ask("POST", PATH, request(previous_response_id=last)))["id"]
    refused = await node.ask("POST", PATH, request(previous_response_id=last))
    assert error(refused) == (400, "conversation_too_long")
    assert len(provider.calls) == 12


@pytest.mark.parametrize("is_in_conversation", [True, False])
async def test_what_is_kept_needs_room_in_memory_as_bodies_do(
    cluster: Cluster, is_in_conversation: bool
) -> None:
    node, provider = node_of(cluster, answer("x" * 5_000), body_bytes=4_000)
    before: dict[str, Any] = {}
    if is_in_conversation:
        before["conversation"] = await conversation(node)
    first = content(await node.ask("POST", PATH, request(**before)))["id"]
    if not is_in_conversation:
        before["previous_response_id"] = first
    refused = await node.ask("POST", PATH, request(**before))
    assert error(refused) == (503, "overloaded")
    assert len(provider.calls) == 1
    assert (await node.ask("POST", PATH, request())).status == 200  # all of it was given back


@pytest.mark.parametrize("is_stream", [True, False])
async def test_an_answer_too_long_is_not_kept(cluster: Cluster, is_stream: bool) -> None:
    text = "x" * 7_500_000
    node, _ = node_of(cluster, stream(text) if is_stream else answer(text))
    exchange = await node.ask("POST", PATH, request(stream=is_stream))
    if is_stream:
        assert events_in(exchange.body)[-1]["type"] == "response.failed"
    else:
        assert error(exchange) == (502, "answer_too_long")
    assert [stored async for stored in cluster.store.rows(THREADS).scan()] == []


@pytest.mark.parametrize("count", [1, 2, 30])
async def test_all_that_came_before_is_read_and_no_branch_of_it(
    cluster: Cluster, count: int
) -> None:
    node, provider = node_of(cluster, answer("yes"))
    there = await conversation(node)
    chained: dict[str, Any] = {}
    expected: list[tuple[str, str]] = []
    for number in range(count):
        expected += [("user", str(number)), ("assistant", "yes")]
        await node.ask("POST", PATH, request(str(number), conversation=there))
        response = await node.ask("POST", PATH, request(str(number), **chained))
        chained = {"previous_response_id": content(response)["id"]}
        await node.ask("POST", PATH, request("a branch", **chained))
    for before in ({"conversation": there}, chained):
        assert (await node.ask("POST", PATH, request("x", **before))).status == 200
        assert asked(provider) == [*expected, ("user", "x")]


@pytest.mark.parametrize("deleted", [0, 2, 4])
async def test_a_long_chain_with_a_link_deleted_is_refused(cluster: Cluster, deleted: int) -> None:
    node, _ = node_of(cluster, answer())
    chain: list[str] = []
    for _ in range(6):
        before = {"previous_response_id": chain[-1]} if chain else {}
        chain.append(content(await node.ask("POST", PATH, request(**before)))["id"])
    await node.ask("DELETE", f"{PATH}/{chain[deleted]}")
    broken = await node.ask("POST", PATH, request(previous_response_id=chain[-1]))
    assert error(broken) == (404, "previous_response_not_found")


async def test_turns_stay_in_their_order_when_one_loses_an_item(cluster: Cluster) -> None:
    node, provider = node_of(cluster, answer("one"), answer("two"), answer("three"))
    there = await conversation(node)
    for text in ("a", "b"):
        await node.ask("POST", PATH, request(text, conversation=there))
    items = f"/v1/conversations/{there}/items"
    [first, *_] = content(await node.ask("GET", f"{items}?order=asc"))["data"]
    await node.ask("DELETE", f"{items}/{first['id']}")
    await node.ask("POST", PATH, request("c", conversation=there))
    assert [text for _, text in asked(provider)] == ["one", "b", "two", "c"]


async def test_contents_are_in_no_event(cluster: Cluster) -> None:
    node, _ = node_of(cluster, answer("a secret answer"))
    there = await conversation(node)
    await node.ask("POST", PATH, request("a secret question", conversation=there))
    await node.ask("POST", PATH, request("secret", conversation="secret"))
    assert "secret" not in repr(node.events)


@pytest.mark.parametrize("path", [f"{PATH}/resp_1", f"{PATH}/resp_1/cancel"])
async def test_what_never_was_is_not_found(cluster: Cluster, path: str) -> None:
    node, _ = node_of(cluster, answer())
    method = "POST" if path.endswith("cancel") else "GET"
    assert error(await node.ask(method, path)) == (404, "not_found")


async def test_a_kept_response_is_not_streamed_again(cluster: Cluster) -> None:
    node, _ = node_of(cluster, answer())
    response = content(await node.ask("POST", PATH, request()))["id"]
    assert error(await node.ask("GET", f"{PATH}/{response}?stream=true")) == (400, "not_carried")
