"""API keys, as the admin API makes, shows and revokes them."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aiex.assistant import KeyRecord
from aiex.errors import Conflict
from aiex.settings import Settings
from aiex.store import Table, Written
from aiex.testing.clock import FakeClock
from aiex.testing.node_parts import MemoryNode
from aiex.testing.operator import Operator, refusal
from aiex.testing.store_memory import MemoryRows, MemoryStore


async def test_a_key_is_made_listed_and_revoked(node: MemoryNode, operator: Operator) -> None:
    made = await operator.ask("POST", "/admin/v1/keys", {"name": "  robot  "})
    assert made.status == 201
    key, key_id = made.json()["key"], made.json()["id"]
    assert made.json()["name"] == "robot"
    assert node.keys.check.key_id(key) == key_id

    listed = await operator.ask("GET", "/admin/v1/keys")
    (one,) = listed.json()["keys"]
    assert one["id"] == key_id
    assert one["created_by"] == "admin"
    assert one["revoked_at"] is None
    assert key not in listed.body.decode()
    assert key.removeprefix(f"sk-aiex-{key_id}-") not in listed.body.decode()

    revoked = await operator.ask("DELETE", f"/admin/v1/keys/{key_id}")
    assert revoked.status == 200
    assert revoked.json()["revoked_at"] is not None
    assert node.keys.check.key_id(key) == ""
    again = await operator.ask("DELETE", f"/admin/v1/keys/{key_id}")
    assert again.json() == revoked.json()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", b"[]", b'"name"', b"{", b"\xff", b'{"name": 5}', b'{"name": null}',
        b'{"name": ""}', b'{"name": "   "}', b'{"name": "a\\nb"}', b'{"name": "a\\u001b[31m"}',
        b'{"name": "\\ud800"}', b'{"name": "x", "admin": true}',
        json.dumps({"name": "x" * 101}).encode(),
    ],
)  # fmt: skip
async def test_a_key_wants_a_name_that_can_be_shown(
    node: MemoryNode, operator: Operator, body: bytes
) -> None:
    answer = await operator.ask("POST", "/admin/v1/keys", body=body)
    assert answer.status == 400
    assert "name" in refusal(answer)
    assert node.keys.records() == []


async def test_a_name_may_have_a_hundred_characters_of_any_script(operator: Operator) -> None:
    answer = await operator.ask("POST", "/admin/v1/keys", {"name": "é" * 100})
    assert answer.json()["name"] == "é" * 100


@pytest.mark.parametrize("key_id", ["0123456789ab", "é", "a%20b", "*", ">", "%00", "setting"])
async def test_revoking_a_key_there_is_not_says_so(operator: Operator, key_id: str) -> None:
    answer = await operator.ask("DELETE", f"/admin/v1/keys/{key_id}")
    assert answer.status == 404
    assert "aiex keys list" in refusal(answer)


async def test_without_the_engine_keys_are_listed_and_not_changed(
    node: MemoryNode, operator: Operator
) -> None:
    made = await operator.ask("POST", "/admin/v1/keys", {"name": "robot"})
    node.store.go_down("it was lost")
    for answer in (
        await operator.ask("POST", "/admin/v1/keys", {"name": "other"}),
        await operator.ask("DELETE", f"/admin/v1/keys/{made.json()['id']}"),
    ):
        assert (answer.status, refusal(answer)) == (
            503,
            "The tables cannot be used now: it was lost.",
        )
    assert len((await operator.ask("GET", "/admin/v1/keys")).json()["keys"]) == 1


class ContestedStore(MemoryStore):
    """Somebody else always changes a row first."""

    def rows[R: msgspec.Struct](self, table: Table[R]) -> MemoryRows[R]:
        return ContestedRows(self, table)


class ContestedRows[R: msgspec.Struct](MemoryRows[R]):
    async def put(self, row: R, *, expects: int | None = None, **more: Any) -> Written:
        if expects:
            raise Conflict
        return await super().put(row, expects=expects, **more)


async def test_a_change_that_lost_to_another_is_a_conflict(tmp_path: Path) -> None:
    operator = Operator(MemoryNode(tmp_path, Settings(), ContestedStore(FakeClock())))
    made = await operator.ask("POST", "/admin/v1/keys", {"name": "robot"})
    answer = await operator.ask("DELETE", f"/admin/v1/keys/{made.json()['id']}")
    assert answer.status == 409
    assert "Somebody else changed the value" in refusal(answer)


async def test_records_and_views_say_the_same(node: MemoryNode, operator: Operator) -> None:
    await operator.ask("POST", "/admin/v1/keys", {"name": "robot"})
    (record,) = node.keys.records()
    (view,) = (await operator.ask("GET", "/admin/v1/keys")).json()["keys"]
    of_use = {"limits": "own_limits"}  # a record holds what was set, a view what is in force too
    fields = [of_use.get(name, name) for name in KeyRecord.__struct_fields__]
    assert set(fields) - set(view) == {"digest"}
    assert set(view) - set(fields) == {"limits", "spent_nano_usd"}
    assert view["own_limits"] == msgspec.to_builtins(record.limits)
    plain = set(view) - {"limits", "own_limits", "spent_nano_usd"}
    assert {name: view[name] for name in plain} == {name: getattr(record, name) for name in plain}
