"""The admin API's own description: every operation in it, every reference resolved."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aiex.cluster import Answer, Member, MemberState, View
from aiex.node.admin_operations import OPERATIONS, Operation, openapi
from aiex.node.admin_page import admin_page
from aiex.node.admin_views import KeyRequest
from aiex.node.health import Phase
from aiex.settings import Settings
from aiex.testing.asgi import ask
from aiex.testing.node_parts import MemoryNode

DOCUMENT: dict[str, Any] = msgspec.to_builtins(openapi("1.2.3"))
BEARER = (b"authorization", b"Bearer token")


def described(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][operation.path][operation.method.lower()]
    return found


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(reference := part.get("$ref"), str):
            yield reference
        for one in part.values():
            yield from references(one)
    elif isinstance(part, list):
        for one in part:
            yield from references(one)


def test_every_operation_is_described_and_no_other() -> None:
    in_document = {
        (method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods
    }
    assert in_document == {(one.method, one.path) for one in OPERATIONS}
    assert DOCUMENT["openapi"] == "3.1.0"
    assert DOCUMENT["info"]["version"] == "1.2.3"


def test_no_two_operations_have_one_name() -> None:
    assert len({one.name for one in OPERATIONS}) == len(OPERATIONS)


def test_every_reference_leads_somewhere() -> None:
    found = list(references(DOCUMENT))
    assert "#/components/schemas/ServiceView" in found
    for reference in found:
        part: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]
        assert part["type"] == "object"


def test_every_shape_described_is_used() -> None:
    used = {reference.rpartition("/")[2] for reference in references(DOCUMENT)}
    assert set(DOCUMENT["components"]["schemas"]) == used


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_an_operation_tells_what_it_takes_gives_and_asks_for(operation: Operation) -> None:
    found = described(operation)
    assert found["operationId"] == operation.name
    assert found["summary"].endswith(".")
    assert str(operation.status) in found["responses"]
    assert ("security" in found) == ("401" in found["responses"]) == operation.needs_token
    assert ("requestBody" in found) == (operation.takes is not None)
    in_path = [one["name"] for one in found.get("parameters", []) if one["in"] == "path"]
    assert [f"{{{name}}}" for name in in_path] == [
        step for step in operation.path.split("/") if step.startswith("{")
    ]


def test_what_a_key_request_may_hold_is_told() -> None:
    schema = DOCUMENT["components"]["schemas"][KeyRequest.__name__]
    assert schema["required"] == ["name"]
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    "operation",
    # That of a canary is asked for in test_hot_admin, where one is begun.
    [one for one in OPERATIONS if one.method == "GET" and one.name != "hot_canary"],
    ids=lambda one: one.name,
)
async def test_an_answer_is_what_the_document_says(operation: Operation, tmp_path: Path) -> None:
    node = MemoryNode(tmp_path, Settings())
    node.life.become(Phase.READY)
    node.cluster = View((Member("n1", 7, MemberState.UP, 1.0, "", "", 1, "", "", 0, 1),))
    node.came = [Answer("n1", node.drains.plan())]
    path = operation.path.replace("{name}", "n1").replace("{key}", "log_level")
    if operation.name != "drain_plan":
        node.came = []
    answer = await ask(node.admin("token").app(), "GET", path, headers=[BEARER])
    assert answer.status == operation.status
    content = described(operation)["responses"][str(answer.status)]["content"]
    assert answer.headers["content-type"].partition(";")[0] in content
    if operation.answer is not None:
        msgspec.json.decode(answer.body, type=operation.answer, strict=True)
        shape = DOCUMENT["components"]["schemas"][operation.answer.__name__]
        assert set(answer.json()) == set(shape["properties"])


async def test_the_document_is_served(tmp_path: Path) -> None:
    answer = await ask(MemoryNode(tmp_path, Settings()).admin("t").app(), "GET", "/openapi.json")
    expected = {**DOCUMENT, "info": {**DOCUMENT["info"], "version": "1.0"}}
    assert answer.json() == msgspec.json.decode(msgspec.json.encode(expected))


class Page(HTMLParser):
    """The texts, links and scripts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.links: list[str | None] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_shows_every_operation_and_loads_nothing_from_elsewhere() -> None:
    page = Page(admin_page("1.0"))
    for operation in OPERATIONS:
        assert operation.path in page.texts
        assert operation.summary in page.texts
    assert page.tags.count("tr") == len(OPERATIONS) + 1
    assert "script" not in page.tags
    assert page.links == ["/openapi.json"]


def test_a_version_is_text_on_the_page_whatever_it_is() -> None:
    page = Page(admin_page("<script>alert(1)</script>"))
    assert "script" not in page.tags
    assert "<script>alert(1)</script>" in page.texts
