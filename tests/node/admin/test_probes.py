"""What probes are told."""

import msgspec
import pytest

from aiex.node.health import Phase
from aiex.settings import Settings
from aiex.testing.asgi import ask
from aiex.testing.node_parts import MemoryNode
from aiex.testing.operator import Operator


@pytest.mark.parametrize("path", ["/readyz", "/healthz"])
async def test_readiness_follows_the_nodes_life_and_livez_does_not(
    node: MemoryNode, operator: Operator, path: str
) -> None:
    assert (await ask(operator.app, "GET", path)).body == b"ok\n"
    node.life.become(Phase.DRAINING)
    answer = await ask(operator.app, "GET", path)
    assert (answer.status, answer.body) == (503, b"not ready\n")
    assert (await ask(operator.app, "GET", "/livez")).status == 200


async def test_verbose_readiness_says_what_it_depends_on(
    node: MemoryNode, operator: Operator
) -> None:
    node.life.become(Phase.DRAINING)
    answer = await operator.ask("GET", "/readyz?verbose")
    assert answer.status == 503
    assert answer.json()["status"] == "failed"
    assert [check["name"] for check in answer.json()["checks"]] == ["node", "load", "hot_values"]


@pytest.mark.parametrize("path", ["/health", "/health/detailed"])
async def test_a_degraded_node_is_healthy_enough_and_says_what_is_wrong(
    node: MemoryNode, operator: Operator, path: str
) -> None:
    node.engine = msgspec.structs.replace(node.engine, state="down", reason="it was lost")
    answer = await operator.ask("GET", path)
    assert answer.status == 200
    assert answer.json()["status"] == "degraded"
    checks = {check["name"]: check for check in answer.json()["checks"]}
    assert checks["engine"]["reason"].startswith("the engine is down: it was lost")
    assert checks["node"] == {"name": "node", "status": "ok", "reason": ""}


async def test_a_failed_node_is_not(node: MemoryNode, operator: Operator) -> None:
    node.in_flight_count = Settings().api.in_flight_max
    assert (await operator.ask("GET", "/health")).status == 503
    assert (await operator.ask("GET", "/health/live")).json()["status"] == "ok"
