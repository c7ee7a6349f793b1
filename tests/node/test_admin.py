"""The admin API: who may ask what, and what is answered when it cannot be done."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.types import ASGIApp

from aiex.assistant import KeyRecord
from aiex.errors import Conflict
from aiex.node.admin_operations import OPERATIONS
from aiex.node.health import Phase
from aiex.settings import Settings
from aiex.testing.asgi import Answer, ask
from aiex.testing.bucket_memory import MemoryBucket
from aiex.testing.node_parts import MemoryNode
from aiex.testing.prometheus_text import metric_families

TOKEN = "the token"
BEARER = (b"authorization", b"Bearer the token")
OPEN_PATHS = ("/livez", "/readyz", "/healthz", "/", "/openapi.json")


@pytest.fixture
async def node(tmp_path: Path) -> MemoryNode:
    node = MemoryNode(tmp_path, Settings())
    node.life.become(Phase.READY)
    return node


@pytest.fixture
def app(node: MemoryNode) -> ASGIApp:
    return node.admin(TOKEN).app()


async def operate(
    app: ASGIApp, method: str, path: str, content: object = None, *, body: bytes | None = None
) -> Answer:
    raw = body if body is not None else b"" if content is None else json.dumps(content).encode()
    return await ask(app, method, path, headers=[BEARER], body=raw)


def message(answer: Answer) -> str:
    """What an error says, in the form that every error has."""
    assert answer.headers["content-type"] == "application/json"
    error: dict[str, Any] = answer.json()["error"]
    assert error["code"] == str(answer.status)
    assert error["type"] == ("server_error" if answer.status >= 500 else "invalid_request_error")
    assert isinstance(error["message"], str)
    return str(error["message"])


PRIVATE = [(one.method, one.path) for one in OPERATIONS if one.needs_token]


@pytest.mark.parametrize(("method", "path"), PRIVATE)
async def test_what_needs_the_token_says_where_it_is(app: ASGIApp, method: str, path: str) -> None:
    answer = await ask(app, method, path)
    assert answer.status == 401
    assert "admin.token in the node's data directory" in message(answer)
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "authorization",
    [
        b"", b"Bearer", b"Bearer ", b"Bearer wrong", b"Bearer the token2", b"Bearer the toke",
        b"the token", b"Basic the token", b"Bearer \xff\xfe", "Bearer thé token".encode(),
        b"Bearer the\x00token", b"Bearer the token, Bearer the token",
    ],
)  # fmt: skip
async def test_a_wrong_token_is_turned_away_whatever_it_is_made_of(
    app: ASGIApp, authorization: bytes
) -> None:
    headers = [(b"authorization", authorization)]
    answer = await ask(app, "GET", "/admin/v1/status", headers=headers)
    assert answer.status == 401
    assert "missing or wrong" in message(answer)


@pytest.mark.parametrize("authorization", [b"Bearer the token", b"bearer  the token "])
async def test_the_token_opens_everything(app: ASGIApp, authorization: bytes) -> None:
    headers = [(b"authorization", authorization)]
    for one in OPERATIONS:
        answer = await ask(app, one.method, one.path, headers=headers)
        assert answer.status not in (401, 500), one.path


async def test_a_token_that_is_not_ascii_turns_away_without_failing(node: MemoryNode) -> None:
    app = node.admin("tökén").app()
    headers = [(b"authorization", b"Bearer x")]
    assert (await ask(app, "GET", "/admin/v1/status", headers=headers)).status == 401


@pytest.mark.parametrize("path", OPEN_PATHS)
async def test_probes_and_documentation_need_no_token(app: ASGIApp, path: str) -> None:
    for method in ("GET", "HEAD"):
        assert (await ask(app, method, path)).status == 200


@pytest.mark.parametrize(
    "target",
    [
        "/readyz?verbose", "/readyz?verbose=1", "/healthz?verbose", "/readyz?%76erbose",
        "/readyz?x=1&verbose=", "/livez/", "//livez", "/livez/../admin/v1/status",
        "/admin/v1/status?/livez", "/livez%2f..%2fadmin/v1/status", "/nothing",
    ],
)  # fmt: skip
async def test_a_way_around_the_token_is_none(app: ASGIApp, target: str) -> None:
    assert (await ask(app, "GET", target)).status == 401


async def test_the_host_a_client_names_opens_nothing(app: ASGIApp) -> None:
    for host in (b"x/livez?", b"x/livez#", b"x/metrics?"):
        answer = await ask(app, "GET", "/admin/v1/status", headers=[(b"host", host)])
        assert answer.status == 401


@pytest.mark.parametrize(("is_open", "status"), [(True, 200), (False, 401)])
async def test_metrics_are_open_or_not(node: MemoryNode, is_open: bool, status: int) -> None:
    app = node.admin(TOKEN, is_metrics_open=is_open).app()
    assert (await ask(app, "GET", "/metrics")).status == status
    answer = await ask(app, "GET", "/metrics", headers=[BEARER])
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "aiex_build_info" in metric_families(answer.body)


@pytest.mark.parametrize("path", ["/readyz", "/healthz"])
async def test_readiness_follows_the_nodes_life_and_livez_does_not(
    node: MemoryNode, app: ASGIApp, path: str
) -> None:
    assert (await ask(app, "GET", path)).body == b"ok\n"
    node.life.become(Phase.DRAINING)
    answer = await ask(app, "GET", path)
    assert (answer.status, answer.body) == (503, b"not ready\n")
    assert (await ask(app, "GET", "/livez")).status == 200


async def test_verbose_readiness_says_what_it_depends_on(node: MemoryNode, app: ASGIApp) -> None:
    node.life.become(Phase.DRAINING)
    answer = await operate(app, "GET", "/readyz?verbose")
    assert answer.status == 503
    assert answer.json()["status"] == "failed"
    assert [check["name"] for check in answer.json()["checks"]] == ["node", "load"]


@pytest.mark.parametrize("path", ["/health", "/health/detailed"])
async def test_a_degraded_node_is_healthy_enough_and_says_what_is_wrong(
    node: MemoryNode, app: ASGIApp, path: str
) -> None:
    node.engine = type(node.engine)("down", "it was lost", 0.0, "", is_embedded=True)
    answer = await operate(app, "GET", path)
    assert answer.status == 200
    assert answer.json()["status"] == "degraded"
    checks = {check["name"]: check for check in answer.json()["checks"]}
    assert checks["engine"]["reason"].startswith("the engine is down: it was lost")
    assert checks["node"] == {"name": "node", "status": "ok", "reason": ""}


async def test_a_failed_node_is_not(node: MemoryNode, app: ASGIApp) -> None:
    node.in_flight_count = Settings().api.in_flight_max
    assert (await operate(app, "GET", "/health")).status == 503
    assert (await operate(app, "GET", "/health/live")).json()["status"] == "ok"


async def test_an_operation_there_is_not_is_told_as_an_error(app: ASGIApp) -> None:
    answer = await operate(app, "GET", "/admin/v2/status")
    assert (answer.status, message(answer)) == (404, "Not Found")
    answer = await operate(app, "PUT", "/admin/v1/status")
    assert (answer.status, message(answer)) == (405, "Method Not Allowed")
    assert set(re.findall(r"\w+", answer.headers["allow"])) == {"GET", "HEAD"}


async def test_a_key_is_made_listed_and_revoked(node: MemoryNode, app: ASGIApp) -> None:
    made = await operate(app, "POST", "/admin/v1/keys", {"name": "  robot  "})
    assert made.status == 201
    key, key_id = made.json()["key"], made.json()["id"]
    assert made.json()["name"] == "robot"
    assert node.keys.check.key_id(key) == key_id

    listed = await operate(app, "GET", "/admin/v1/keys")
    (one,) = listed.json()["keys"]
    assert one["id"] == key_id
    assert one["created_by"] == "admin"
    assert one["revoked_at"] is None
    assert key not in listed.body.decode()
    assert key.rpartition("-")[2] not in listed.body.decode()

    revoked = await operate(app, "DELETE", f"/admin/v1/keys/{key_id}")
    assert revoked.status == 200
    assert revoked.json()["revoked_at"] is not None
    assert node.keys.check.key_id(key) == ""
    again = await operate(app, "DELETE", f"/admin/v1/keys/{key_id}")
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
    node: MemoryNode, app: ASGIApp, body: bytes
) -> None:
    answer = await operate(app, "POST", "/admin/v1/keys", body=body)
    assert answer.status == 400
    assert "name" in message(answer)
    assert node.keys.records() == []


async def test_a_name_may_have_a_hundred_characters_of_any_script(app: ASGIApp) -> None:
    answer = await operate(app, "POST", "/admin/v1/keys", {"name": "é" * 100})
    assert answer.json()["name"] == "é" * 100


@pytest.mark.parametrize("key_id", ["0123456789ab", "é", "a%20b", "*", ">", "%00", "setting"])
async def test_revoking_a_key_there_is_not_says_so(app: ASGIApp, key_id: str) -> None:
    answer = await operate(app, "DELETE", f"/admin/v1/keys/{key_id}")
    assert answer.status == 404
    assert "aiex keys list" in message(answer)


async def test_without_the_engine_keys_are_listed_and_not_changed(
    node: MemoryNode, app: ASGIApp
) -> None:
    made = await operate(app, "POST", "/admin/v1/keys", {"name": "robot"})
    node.bucket.go_down("it was lost")
    for answer in (
        await operate(app, "POST", "/admin/v1/keys", {"name": "other"}),
        await operate(app, "DELETE", f"/admin/v1/keys/{made.json()['id']}"),
    ):
        assert (answer.status, message(answer)) == (503, "The engine is down: it was lost.")
    assert len((await operate(app, "GET", "/admin/v1/keys")).json()["keys"]) == 1


class ContestedBucket(MemoryBucket):
    """Somebody else always changes an entry first."""

    async def update(self, key: str, value: bytes, revision: int) -> int:
        raise Conflict


async def test_a_change_that_lost_to_another_is_a_conflict(tmp_path: Path) -> None:
    app = MemoryNode(tmp_path, Settings(), ContestedBucket()).admin(TOKEN).app()
    made = await operate(app, "POST", "/admin/v1/keys", {"name": "robot"})
    answer = await operate(app, "DELETE", f"/admin/v1/keys/{made.json()['id']}")
    assert answer.status == 409
    assert "Somebody else changed the value" in message(answer)


async def test_records_and_views_say_the_same(node: MemoryNode, app: ASGIApp) -> None:
    await operate(app, "POST", "/admin/v1/keys", {"name": "robot"})
    (record,) = node.keys.records()
    (view,) = (await operate(app, "GET", "/admin/v1/keys")).json()["keys"]
    of_use = {"limits": "own_limits"}  # a record holds what was set, a view what is in force too
    fields = [of_use.get(name, name) for name in KeyRecord.__struct_fields__]
    assert set(fields) - set(view) == {"digest"}
    assert set(view) - set(fields) == {"limits", "spent_nano_usd"}
    assert view["own_limits"] == msgspec.to_builtins(record.limits)
    plain = set(view) - {"limits", "own_limits", "spent_nano_usd"}
    assert {name: view[name] for name in plain} == {name: getattr(record, name) for name in plain}
