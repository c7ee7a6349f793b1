"""What a node answers to others: each request of the page by somebody, of the parts as they are."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from aiex.cluster import (
    REQUESTS,
    AwaitHot,
    Caller,
    CountTraffic,
    HotApplied,
    Traffic,
)
from aiex.node.answers import Answers
from aiex.settings import Settings
from aiex.testing.node_parts import MemoryNode

CALLER = Caller("n2", 7, 1.0, "")


@pytest.fixture
def node(tmp_path: Path) -> MemoryNode:
    return MemoryNode(tmp_path, Settings())


@pytest.fixture
def answers(node: MemoryNode) -> Answers:
    return Answers(lambda: node.parts, lambda: node.report, lambda: node.drains)


def test_what_is_answered_is_on_the_page_of_requests(answers: Answers) -> None:
    assert set(answers.handlers()) <= {kind.request for kind in REQUESTS}


async def test_a_hot_value_is_answered_once_the_node_has_heard_of_it(
    node: MemoryNode, answers: Answers
) -> None:
    asked = asyncio.create_task(answers.hot_applied(AwaitHot("log_level", 1), CALLER))
    following = asyncio.create_task(node.hot.run(lambda: None))
    await node.clock.settle()
    assert not asked.done()
    await node.hot.put("log_level", "debug")
    assert await asked == HotApplied(1)
    following.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await following


async def test_traffic_is_told_with_the_life_that_it_is_of(answers: Answers) -> None:
    assert await answers.count_traffic(CountTraffic(), CALLER) == Traffic(7, 0, 0, {})
