"""Tables by the admin API: what is shown, what is masked, what is refused, what is noted."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from aiex.errors import QueryRefused
from aiex.settings import Settings
from aiex.store import QueryAnswer, RowsRestored, RowsRevealed, Table
from aiex.testing.node_parts import MemoryNode
from aiex.testing.operator import Operator, refusal


class Note(msgspec.Struct, frozen=True):
    book: str
    page: int
    text: str = ""


NOTES = Table("notes", row=Note, key=("book", "page"), sensitive=("text",), fragments=2)
PATH = "/admin/v1/store/tables/notes/rows"


@pytest.fixture
async def node(tmp_path: Path) -> MemoryNode:
    node = MemoryNode(tmp_path, Settings(), tables=[NOTES])
    for book, page in (("diary", 1), ("diary", 2), ("atlas", 1)):
        await node.store.rows(NOTES).put(Note(book, page, "secret"))
    return node


@pytest.fixture
def operator(node: MemoryNode) -> Operator:
    return Operator(node)


async def texts(operator: Operator, query: str) -> list[tuple[list[Any], str]]:
    answer = await operator.ask("GET", f"{PATH}?{query}")
    assert answer.status == 200, answer.body
    return [(one["key"], one["row"]["text"]) for one in answer.json()["rows"]]


async def test_sensitive_fields_are_masked_unless_they_are_named(
    node: MemoryNode, operator: Operator
) -> None:
    assert await texts(operator, "key=diary&key=2") == [(["diary", 2], "***")]
    assert not node.events
    assert await texts(operator, "key=diary&key=2&reveal=text") == [(["diary", 2], "secret")]
    assert node.events == [RowsRevealed("notes", 1, "diary 2")]


async def test_nothing_is_noted_where_nothing_was_shown(
    node: MemoryNode, operator: Operator
) -> None:
    assert await texts(operator, "key=none&reveal=text") == []
    assert not node.events


async def test_a_page_says_whether_it_is_all(operator: Operator) -> None:
    for limit, is_all in ((2, False), (3, True)):
        page = (await operator.ask("GET", f"{PATH}?limit={limit}")).json()
        assert (len(page["rows"]), page["is_all"]) == (limit, is_all)


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("limit=0", "a number from 1 to 1,000"),
        ("limit=1001", "a number from 1 to 1,000"),
        ("limit=%CC%B5", "a number from 1 to 1,000"),
        ("limit=99999999999999999999", "a number from 1 to 1,000"),
        ("reveal=book", "no sensitive field book"),
        ("key=diary&key=one", "no key of notes"),
        ("key=a&key=1&key=2", "has no more than book, page"),
    ],
)
async def test_what_cannot_be_asked_for_is_told(operator: Operator, query: str, why: str) -> None:
    answer = await operator.ask("GET", f"{PATH}?{query}")
    assert answer.status == 400
    assert why in refusal(answer)


async def test_a_table_that_is_not_there_is_told_with_those_that_are(operator: Operator) -> None:
    for method, path, body in (
        ("GET", "/admin/v1/store/tables/novels/rows", None),
        ("GET", "/admin/v1/store/export?table=novels", None),
        ("GET", "/admin/v1/store/verify?table=novels", None),
        ("POST", "/admin/v1/store/import", {"table": "novels", "lines": []}),
        ("POST", "/admin/v1/store/clear", {"table": "novels", "sequences": [0]}),
    ):
        answer = await operator.ask(method, path, body)
        assert answer.status == 404, path
        assert "there are notes" in refusal(answer)


ROW = '{"is":"row","sequence":1,"at_s":1.0,"version":1,"row":{"book":"new","page":1}}'


async def test_a_page_of_a_backup_is_written_and_noted(
    node: MemoryNode, operator: Operator
) -> None:
    asked = {"table": "notes", "lines": [ROW, ROW.replace("new", "diary")]}
    answer = await operator.ask("POST", "/admin/v1/store/import", asked)
    assert answer.json() == {"written": 1, "kept": 1, "ended": 0, "refused": []}
    assert node.events == [RowsRestored("notes", 1, 0)]


@pytest.mark.parametrize(
    "line",
    ["", "{}", "rubbish", '{"is":"whole","line_count":1,"row_count":1,"sha256":""}',
     '{"is":"value","bucket":"hot","key":"a","value":""}', ROW.replace("1.0", '"x"')],
)  # fmt: skip
async def test_a_line_that_is_no_row_is_refused_by_its_number(
    node: MemoryNode, operator: Operator, line: str
) -> None:
    asked = {"table": "notes", "lines": [ROW, line]}
    answer = await operator.ask("POST", "/admin/v1/store/import", asked)
    assert answer.status == 400
    assert "Line 2" in refusal(answer)
    assert not node.events


async def test_clearing_needs_a_sequence_for_each_fragment(
    node: MemoryNode, operator: Operator
) -> None:
    path = "/admin/v1/store/clear"
    answer = await operator.ask("POST", path, {"table": "notes", "sequences": [1]})
    assert "notes has 2 fragments" in refusal(answer)
    answer = await operator.ask("POST", path, {"table": "notes", "sequences": [99, 99]})
    assert answer.json() == {"cleared": 3, "is_all": True}
    assert node.events == [RowsRestored("notes", 0, 3)]


async def test_values_go_into_their_bucket(node: MemoryNode, operator: Operator) -> None:
    line = '{"is":"value","bucket":"hot","key":"drain_s","value":"MzA="}'
    foreign = line.replace("hot", "cluster")
    asked = {"lines": [line, foreign]}
    answer = (await operator.ask("POST", "/admin/v1/store/import-values", asked)).json()
    assert (answer["written"], len(answer["refused"])) == (1, 1)
    entry = await node.hot_bucket.get("drain_s")
    assert entry is not None
    assert entry.value == b"30"


async def test_a_query_is_answered_and_noted_only_when_it_reveals(
    node: MemoryNode, operator: Operator
) -> None:
    node.views.answer = QueryAnswer(("n",), [(1,), (None,)], is_cut=True, took_us=5)
    asked = {"sql": "SELECT n FROM notes", "limit": 2}
    answer = (await operator.ask("POST", "/admin/v1/store/query", asked)).json()
    assert (answer["columns"], answer["rows"], answer["is_all"]) == (["n"], [[1], [None]], False)
    assert not node.events
    await operator.ask("POST", "/admin/v1/store/query", {**asked, "reveal": True})
    assert node.events == [RowsRevealed("", 2, "SELECT n FROM notes")]
    assert node.views.asked == [
        ("SELECT n FROM notes", False, 2), ("SELECT n FROM notes", True, 2),
    ]  # fmt: skip


async def test_a_query_that_is_refused_is_the_askers_mistake(
    node: MemoryNode, operator: Operator
) -> None:
    node.views.answer = QueryRefused("A query only reads.")
    answer = await operator.ask("POST", "/admin/v1/store/query", {"sql": "DROP TABLE notes"})
    assert (answer.status, refusal(answer)) == (400, "A query only reads.")


async def test_without_the_engine_it_is_told_so(node: MemoryNode, operator: Operator) -> None:
    node.store.go_down("no quorum")
    for path in (PATH, "/admin/v1/store/tables"):
        answer = await operator.ask("GET", path)
        assert answer.status == 503
        assert "no quorum" in refusal(answer)
