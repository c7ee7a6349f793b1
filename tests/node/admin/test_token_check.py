"""Who may ask what of the admin API."""

import pytest

from aiex.node.admin import OPERATIONS
from aiex.testing.asgi import ask
from aiex.testing.node_parts import MemoryNode
from aiex.testing.operator import TOKEN, Operator, bearer, refusal
from aiex.testing.prometheus_text import metric_families

PRIVATE = [(one.method, one.path) for one in OPERATIONS if one.needs_token]
BEARER = f"Bearer {TOKEN}".encode()


@pytest.mark.parametrize(("method", "path"), PRIVATE)
async def test_what_needs_the_token_says_where_it_is(
    operator: Operator, method: str, path: str
) -> None:
    answer = await ask(operator.app, method, path)
    assert answer.status == 401
    assert "admin.token in the node's data directory" in refusal(answer)
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "authorization",
    [
        b"", b"Bearer", b"Bearer ", b"Bearer wrong", BEARER + b"2", BEARER[:-1], TOKEN.encode(),
        b"Basic " + TOKEN.encode(), b"Bearer \xff\xfe", "Bearer thé operator's token".encode(),
        b"Bearer the\x00operator's token", BEARER + b", " + BEARER,
    ],
)  # fmt: skip
async def test_a_wrong_token_is_turned_away_whatever_it_is_made_of(
    operator: Operator, authorization: bytes
) -> None:
    headers = [(b"authorization", authorization)]
    answer = await ask(operator.app, "GET", "/admin/v1/status", headers=headers)
    assert answer.status == 401
    assert "missing or wrong" in refusal(answer)


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer  "])
async def test_the_token_opens_everything(operator: Operator, scheme: str) -> None:
    headers = [(b"authorization", f"{scheme}{TOKEN} ".encode())]
    for one in OPERATIONS:
        answer = await ask(operator.app, one.method, one.path, headers=headers)
        assert answer.status not in (401, 500), one.path


async def test_a_token_that_is_not_ascii_turns_away_without_failing(node: MemoryNode) -> None:
    app = node.admin("tökén").app()
    assert (await ask(app, "GET", "/admin/v1/status", headers=[bearer("x")])).status == 401


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/", "/openapi.json"])
async def test_probes_and_documentation_need_no_token(operator: Operator, path: str) -> None:
    for method in ("GET", "HEAD"):
        assert (await ask(operator.app, method, path)).status == 200


@pytest.mark.parametrize(
    "target",
    [
        "/readyz?verbose", "/readyz?verbose=1", "/healthz?verbose", "/readyz?%76erbose",
        "/readyz?x=1&verbose=", "/livez/", "//livez", "/livez/../admin/v1/status",
        "/admin/v1/status?/livez", "/livez%2f..%2fadmin/v1/status", "/nothing",
    ],
)  # fmt: skip
async def test_a_way_around_the_token_is_none(operator: Operator, target: str) -> None:
    assert (await ask(operator.app, "GET", target)).status == 401


async def test_the_host_a_client_names_opens_nothing(operator: Operator) -> None:
    for host in (b"x/livez?", b"x/livez#", b"x/metrics?"):
        answer = await ask(operator.app, "GET", "/admin/v1/status", headers=[(b"host", host)])
        assert answer.status == 401


@pytest.mark.parametrize(("is_open", "status"), [(True, 200), (False, 401)])
async def test_metrics_are_open_or_not(node: MemoryNode, is_open: bool, status: int) -> None:
    operator = Operator(node, is_metrics_open=is_open)
    assert (await ask(operator.app, "GET", "/metrics")).status == status
    answer = await operator.ask("GET", "/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "aiex_build_info" in metric_families(answer.body)
