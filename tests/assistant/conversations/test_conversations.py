"""`/v1/conversations` at one node, over a store in memory."""

from typing import Any

import pytest

from aiex.assistant.conversations.thread_form import THREADS, Deleted, Head, KeptTurn
from aiex.assistant.keys import KeyCheck, new_key
from aiex.testing.exchange import MemoryExchange
from aiex.testing.provider import WHOLE, ScriptedProvider
from aiex.testing.talk_stage import Cluster, TalkNode, content

PATH = "/v1/conversations"
KEY, RECORD = new_key("team", at="2026-01-01T00:00:00.000+00:00", by="test")
OTHER, OTHER_RECORD = new_key("other", at="2026-01-01T00:00:00.000+00:00", by="test")
KEYS = KeyCheck({RECORD.id: RECORD, OTHER_RECORD.id: OTHER_RECORD}, None)


def said(*texts: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text} for text in texts]


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def node(cluster: Cluster) -> TalkNode:
    return cluster.node(ScriptedProvider(cluster.clock, WHOLE))


async def made(node: TalkNode, *texts: str, **more: object) -> str:
    answer = await node.ask("POST", PATH, {"items": said(*texts), **more})
    assert answer.status == 200, answer.body
    conversation_id: str = content(answer)["id"]
    return f"{PATH}/{conversation_id}"


def error(exchange: MemoryExchange) -> tuple[int, str]:
    return exchange.status, content(exchange)["error"]["code"]


async def texts(node: TalkNode, path: str, query: str = "order=asc&limit=100") -> list[str]:
    page = content(await node.ask("GET", f"{path}/items?{query}"))
    return [item["content"][0]["text"] for item in page["data"]]


async def test_a_conversation_is_made_and_shown(node: TalkNode) -> None:
    path = await made(node, "hi", metadata={"a": "b"})
    shown = content(await node.ask("GET", path))
    assert shown == {
        "id": path.removeprefix(f"{PATH}/"),
        "object": "conversation",
        "created_at": 1_700_000_000,
        "metadata": {"a": "b"},
    }


async def test_nothing_need_be_given(node: TalkNode) -> None:
    assert (await node.ask("POST", PATH)).status == 200
    assert (await node.ask("POST", PATH, {})).status == 200


async def test_metadata_is_replaced(node: TalkNode) -> None:
    path = await made(node, metadata={"a": "b"})
    changed = await node.ask("POST", path, {"metadata": {"c": "d"}})
    assert content(changed)["metadata"] == {"c": "d"}
    assert content(await node.ask("GET", path))["metadata"] == {"c": "d"}


async def test_items_are_added_in_their_order(node: TalkNode) -> None:
    path = await made(node, "a")
    added = content(await node.ask("POST", f"{path}/items", {"items": said("b", "c")}))
    assert [item["content"][0]["text"] for item in added["data"]] == ["b", "c"]
    assert (added["first_id"], added["has_more"]) == (added["data"][0]["id"], False)
    assert await texts(node, path) == ["a", "b", "c"]


async def test_the_newest_items_come_first_unless_asked_otherwise(node: TalkNode) -> None:
    path = await made(node, "a", "b")
    await node.ask("POST", f"{path}/items", {"items": said("c")})
    assert await texts(node, path, "") == ["c", "b", "a"]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_pages_follow_on_one_another(node: TalkNode, order: str, limit: int) -> None:
    path = await made(node, "a", "b", "c")
    for text in "de":
        await node.ask("POST", f"{path}/items", {"items": said(text)})
    found: list[str] = []
    query = f"order={order}&limit={limit}"
    while True:
        page = content(await node.ask("GET", f"{path}/items?{query}"))
        found += [item["content"][0]["text"] for item in page["data"]]
        if not page["has_more"]:
            break
        query = f"order={order}&limit={limit}&after={page['last_id']}"
    assert found == (list("abcde") if order == "asc" else list("edcba"))


async def test_an_empty_page_has_no_ends(node: TalkNode) -> None:
    path = await made(node)
    assert content(await node.ask("GET", f"{path}/items")) == {
        "object": "list",
        "data": [],
        "first_id": None,
        "last_id": None,
        "has_more": False,
    }


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "limit=-1", "order=up", "after=msg_1"]
)
async def test_a_wrong_page_is_refused(node: TalkNode, query: str) -> None:
    path = await made(node, "a")
    answer = await node.ask("GET", f"{path}/items?{query}")
    assert error(answer) == (400, "invalid_value")
    assert error(await node.ask("GET", f"{path}/items?{'&'.join(['x=1'] * 41)}"))[0] == 400
    assert content(answer)["error"]["param"] == query.partition("=")[0]


async def test_an_item_is_shown_and_deleted(node: TalkNode) -> None:
    path = await made(node, "a", "b", "c")
    [_, item, _] = content(await node.ask("GET", f"{path}/items?order=asc"))["data"]
    assert content(await node.ask("GET", f"{path}/items/{item['id']}")) == item
    assert content(await node.ask("DELETE", f"{path}/items/{item['id']}"))["object"] == (
        "conversation"
    )
    assert error(await node.ask("GET", f"{path}/items/{item['id']}")) == (404, "not_found")
    assert error(await node.ask("DELETE", f"{path}/items/{item['id']}")) == (404, "not_found")
    assert await texts(node, path) == ["a", "c"]


async def test_an_item_of_another_conversation_is_not_found(node: TalkNode) -> None:
    path, elsewhere = await made(node, "a"), await made(node, "b")
    [item] = content(await node.ask("GET", f"{elsewhere}/items"))["data"]
    assert error(await node.ask("GET", f"{path}/items/{item['id']}")) == (404, "not_found")


async def test_what_is_deleted_is_gone_for_good(cluster: Cluster, node: TalkNode) -> None:
    path = await made(node, "secret words")
    [item] = content(await node.ask("GET", f"{path}/items"))["data"]
    assert content(await node.ask("DELETE", path)) == {
        "id": path.removeprefix(f"{PATH}/"),
        "object": "conversation.deleted",
        "deleted": True,
    }
    for there in (path, f"{path}/items", f"{path}/items/{item['id']}"):
        assert error(await node.ask("GET", there)) == (404, "not_found")
    assert error(await node.ask("DELETE", path)) == (404, "not_found")
    rows = [stored.row async for stored in cluster.store.rows(THREADS).scan()]
    assert len(rows) == 2
    assert all(row.kept == Deleted() for row in rows)


async def test_the_mark_of_a_deletion_goes_after_90_days(cluster: Cluster, node: TalkNode) -> None:
    await node.ask("DELETE", await made(node, "a"))
    cluster.clock.jump(90 * 24 * 3600 + 1)
    assert [stored async for stored in cluster.store.rows(THREADS).scan()] == []


async def test_what_is_added_while_it_is_deleted_goes_too(cluster: Cluster, node: TalkNode) -> None:
    path = await made(node, "a")
    rows = cluster.store.rows(THREADS)
    batch = rows.batch

    async def add_first(*changes: Any, **more: Any) -> Any:
        rows.batch = batch  # type: ignore[method-assign]
        assert (await node.ask("POST", f"{path}/items", {"items": said("b")})).status == 200
        return await batch(*changes, **more)

    rows.batch = add_first  # type: ignore[method-assign]
    assert (await node.ask("DELETE", path)).status == 200
    kept = [stored.row.kept async for stored in rows.scan()]
    assert kept == [Deleted()] * 3


async def test_a_conversation_knows_how_large_it_is(cluster: Cluster, node: TalkNode) -> None:
    path = await made(node, "a", "b" * 100)
    await node.ask("POST", f"{path}/items", {"items": said("c", "d")})
    for item in content(await node.ask("GET", f"{path}/items"))["data"][1:3]:
        await node.ask("DELETE", f"{path}/items/{item['id']}")
    kept = [stored.row.kept async for stored in cluster.store.rows(THREADS).scan()]
    [head] = [one for one in kept if isinstance(one, Head)]
    turns = [one for one in kept if isinstance(one, KeptTurn)]
    assert head.item_count == sum(len(turn.items) for turn in turns) == 2
    assert head.byte_count == sum(turn.byte_count for turn in turns)
    assert all(turn.byte_count < 300 for turn in turns)


async def test_another_key_finds_nothing(cluster: Cluster) -> None:
    node = cluster.node(ScriptedProvider(cluster.clock, WHOLE), keys=KEYS)
    mine = {"authorization": f"Bearer {KEY}"}
    theirs = {"authorization": f"Bearer {OTHER}"}
    begun = content(await node.ask("POST", PATH, {"items": said("a")}, mine))
    path = f"{PATH}/{begun['id']}"
    [item] = content(await node.ask("GET", f"{path}/items", None, mine))["data"]
    for method, there, body in (
        ("GET", path, None),
        ("POST", path, {"metadata": {}}),
        ("DELETE", path, None),
        ("GET", f"{path}/items", None),
        ("POST", f"{path}/items", {"items": said("x")}),
        ("GET", f"{path}/items/{item['id']}", None),
        ("DELETE", f"{path}/items/{item['id']}", None),
        ("POST", "/v1/responses", {"model": "m", "input": "x", "conversation": begun["id"]}),
    ):
        assert error(await node.ask(method, there, body, theirs)) == (404, "not_found")
    assert (await node.ask("GET", path, None, mine)).status == 200


@pytest.mark.parametrize("there", ["conv_1", "x", "conv_" + "0" * 32])
async def test_what_never_was_is_not_found(node: TalkNode, there: str) -> None:
    assert error(await node.ask("GET", f"{PATH}/{there}")) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"items": [{"type": "web_search_call"}]}, "not_carried"),
        ({"items": 7}, "invalid_value"),
        ({"metadata": {"k" * 65: "x"}}, "invalid_value"),
        ({"unknown": 1}, "not_carried"),
        (b"{", "invalid_json"),
    ],
)
async def test_what_cannot_be_kept_is_refused(node: TalkNode, body: Any, code: str) -> None:
    assert error(await node.ask("POST", PATH, body)) == (400, code)


async def test_an_item_too_large_is_refused(node: TalkNode) -> None:
    answer = await node.ask("POST", PATH, {"items": said("x" * 4_000_001)})
    assert error(answer) == (400, "input_too_large")


async def test_a_full_conversation_takes_no_more(node: TalkNode) -> None:
    path = await made(node)
    for _ in range(4):
        answer = await node.ask("POST", f"{path}/items", {"items": said("x" * 3_900_000)})
        assert answer.status == 200
    answer = await node.ask("POST", f"{path}/items", {"items": said("x" * 3_900_000)})
    assert error(answer) == (400, "conversation_too_long")


async def test_without_the_engine_everything_kept_is_unavailable(
    cluster: Cluster, node: TalkNode
) -> None:
    path = await made(node, "a")
    cluster.store.go_down("no quorum")
    for method, there, body in (
        ("POST", PATH, {}),
        ("GET", path, None),
        ("DELETE", path, None),
        ("GET", f"{path}/items", None),
    ):
        answer = await node.ask(method, there, body)
        assert error(answer) == (503, "store_unavailable")
        assert answer.headers["retry-after"] == "2"
        assert node.finished[-1].outcome == "refused"


async def test_a_lost_answer_is_looked_for(cluster: Cluster, node: TalkNode) -> None:
    cluster.store.lose_next_answer()
    path = await made(node, "a")
    cluster.store.lose_next_answer()
    assert (await node.ask("POST", f"{path}/items", {"items": said("b")})).status == 200
    assert await texts(node, path) == ["a", "b"]


async def test_a_method_too_many_is_refused_with_those_there_are(node: TalkNode) -> None:
    answer = await node.ask("PUT", f"{PATH}/conv_1", {})
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, POST, DELETE"
