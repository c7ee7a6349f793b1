"""Nodes of a real cluster share a key's limits: together they let through what one would."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openai
import pytest

from aiex.testing.node_process import NodeProcess, wait_until
from aiex.testing.static_nodes import StaticNodes

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

QUESTION: Any = [{"role": "user", "content": "echo one two three"}]
COST_NANO_USD = 4 * 2_500_000 + 3 * 10_000_000
PRICES = '{"mock": {"input_usd_per_million": 2500, "output_usd_per_million": 10000}}'
LIMIT = 12
HEARD_S = 30.0


def new_key(node: NodeProcess, nodes: Sequence[NodeProcess], **limits: object) -> str:
    """A key that all nodes know."""
    made = node.admin("/admin/v1/keys", "POST", {"name": "test", **limits})

    def is_known() -> bool:
        listed = [one.admin("/admin/v1/keys")["keys"] for one in nodes]
        return all(made["id"] in {key["id"] for key in keys} for keys in listed)

    wait_until(is_known, HEARD_S, lambda: "the key is not known everywhere")
    key: str = made["key"]
    return key


async def statuses(key: str, nodes: Sequence[NodeProcess], count: int) -> Counter[int]:
    """How often which status comes of asking each node `count` times, all at once."""

    async def asked(client: openai.AsyncOpenAI) -> int:
        try:
            await client.chat.completions.create(model="mock", messages=QUESTION)
        except openai.APIStatusError as error:
            return error.status_code
        return 200

    clients = [
        openai.AsyncOpenAI(base_url=f"{node.api_url}/v1", api_key=key, max_retries=0, timeout=20)
        for node in nodes
    ]
    answers = await asyncio.gather(*(asked(one) for one in clients for _ in range(count)))
    for client in clients:
        await client.close()
    return Counter(answers)


async def test_three_nodes_let_through_what_one_would(tmp_path: Path) -> None:
    with StaticNodes(tmp_path) as cluster:
        nodes = cluster.formed(1, 2, 3, prices=PRICES)
        key = new_key(nodes[0], nodes, requests_per_minute=LIMIT)
        began_s = time.monotonic()
        answers = await statuses(key, nodes, 10)
        back = int((time.monotonic() - began_s) * LIMIT / 60)
        assert answers[200] + answers[429] == 30
        assert LIMIT <= answers[200] <= LIMIT + back
        for node in nodes:
            assert node.metric("aiex_limits_away") == 0

        # What all of them used is one sum, whoever is asked.
        wait_until(
            lambda: all(
                sum(row["requests"] for row in node.admin("/admin/v1/usage")["rows"])
                == answers[200]
                for node in nodes
            ),
            HEARD_S,
            lambda: f"not {answers[200]}: {[node.admin('/admin/v1/usage') for node in nodes]}",
        )

        # A budget of five requests: of those, and of what was in progress when they were spent.
        budget_micro_usd = 5 * COST_NANO_USD // 1_000
        key = new_key(nodes[1], nodes, budget_micro_usd=budget_micro_usd)
        spent = Counter[int]()
        for _ in range(6):
            spent += await statuses(key, nodes, 1)
        assert 5 <= spent[200] <= 5 + len(nodes)
        assert spent[429] == 18 - spent[200]

        # Two of three are killed: the last one cannot ask, and uses its share of the limit.
        key = new_key(nodes[0], nodes, requests_per_minute=LIMIT)
        for node in nodes[:2]:
            os.kill(node.pid, signal.SIGKILL)
        began_s = time.monotonic()
        answers = await statuses(key, nodes[2:], 10)
        back = int((time.monotonic() - began_s) * LIMIT / 60)
        assert LIMIT // 3 <= answers[200] <= LIMIT // 3 + back + 1
        assert nodes[2].metric("aiex_limits_away") == 1
