"""The admin API's own description: every operation in it, every reference resolved."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from aiex.cluster import Answer, Member, MemberState, View
from aiex.node.admin import OPERATIONS, Operation, openapi
from aiex.node.views.keys import KeyRequest
from aiex.store import Table
from aiex.testing.node_parts import MemoryNode
from aiex.testing.operator import Operator


class Note(msgspec.Struct, frozen=True):
    book: str


NOTES = Table("n1", row=Note, key=("book",))
DOCUMENT: dict[str, Any] = msgspec.to_builtins(openapi("1.2.3"))


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


def test_every_reference_leads_somewhere() -> None:
    found = list(references(DOCUMENT))
    assert "#/components/schemas/ServiceView" in found
    for reference in found:
        part: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]
        assert part.get("type") in ("object", "array") or part["enum"]


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
    # That of a canary is asked for in test_hot, where one is begun.
    [one for one in OPERATIONS if one.method == "GET" and one.name != "hot_canary"],
    ids=lambda one: one.name,
)
async def test_an_answer_is_what_the_document_says(operation: Operation, node: MemoryNode) -> None:
    node.cluster = View((Member("n1", 7, MemberState.UP, 1.0, "", "", 1, "", "", 0, 1),))
    node.came = [Answer("n1", node.drains.plan())]
    node.tables = {"n1": NOTES}
    path = operation.path.replace("{name}", "n1").replace("{key}", "log_level")
    answer = await Operator(node).ask("GET", path)
    assert answer.status == operation.status
    content = described(operation)["responses"][str(answer.status)]["content"]
    assert answer.headers["content-type"].partition(";")[0] in content
    if operation.answer is not None:
        msgspec.json.decode(answer.body, type=operation.answer, strict=True)
        shape = DOCUMENT["components"]["schemas"][operation.answer.__name__]
        assert set(answer.json()) == set(shape["properties"])


async def test_the_document_is_served(operator: Operator) -> None:
    answer = await operator.ask("GET", "/openapi.json")
    expected = {**DOCUMENT, "info": {**DOCUMENT["info"], "version": "1.0"}}
    assert answer.json() == msgspec.json.decode(msgspec.json.encode(expected))
