"""A node in memory that is ready, and an operator at it."""

from pathlib import Path

import pytest

from aiex.node.health import Phase
from aiex.settings import Settings
from aiex.testing.node_parts import MemoryNode
from aiex.testing.operator import Operator


@pytest.fixture
def node(tmp_path: Path) -> MemoryNode:
    node = MemoryNode(tmp_path, Settings())
    node.life.become(Phase.READY)
    return node


@pytest.fixture
def operator(node: MemoryNode) -> Operator:
    return Operator(node)
