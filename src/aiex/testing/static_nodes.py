"""Nodes on this machine that find each other by seeds, each at a loopback address of its own."""

import contextlib
import os
from pathlib import Path
from random import Random
from typing import Any, Self

from aiex.testing.node_process import MOCK_ONLY, NodeProcess, wait_until

SECRET = "a secret that these nodes share"  # noqa: S105 - of nodes on loopback
FORM_S = 60.0


class StaticNodes:
    """Nodes `n1`, `n2`, … whose seeds are the first three; use it in a `with` block.

    Settings are given as in `--set`, with `__` for the dot: `cluster__name="other"`.
    """

    def __init__(self, directory: Path) -> None:
        random = Random(os.urandom(8))  # noqa: S311 - tests that run at once do not meet
        self._network = f"127.{random.randrange(64, 250)}.{random.randrange(250)}"
        self._directory = directory
        self._cleanup = contextlib.ExitStack()
        self.nodes: dict[str, NodeProcess] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def host(self, number: int) -> str:
        return f"{self._network}.{number}"

    def seeds(self, *numbers: int) -> str:
        return "[" + ", ".join(f'"{self.host(one)}"' for one in numbers) + "]"

    def start(self, number: int, **settings: object) -> NodeProcess:
        """Start a node, on what its data directory holds; it may be given other settings."""
        name = f"n{number}"
        directory = self._directory / name
        directory.mkdir(exist_ok=True)
        told = {
            "node__name": name,
            "cluster__name": "lab",
            "cluster__discovery": "static",
            "cluster__seeds": self.seeds(1, 2, 3),
            "cluster__host": self.host(number),
            "cluster__secret": SECRET,
        } | settings
        arguments = [f"--set={path.replace('__', '.')}={value}" for path, value in told.items()]
        node = NodeProcess(directory, [*MOCK_ONLY, *arguments])
        self.nodes[name] = self._cleanup.enter_context(node)
        return node

    def formed(self, *numbers: int, **settings: object) -> list[NodeProcess]:
        """Start these with the same settings and wait until each sees all of them up."""
        nodes = [self.start(number, **settings) for number in numbers]
        for node in nodes:
            node.ready()
        wait_until(
            lambda: all(self._is_whole(node, len(nodes)) for node in nodes),
            FORM_S,
            lambda: f"no cluster: {[node.admin('/admin/v1/cluster') for node in nodes]}",
        )
        return nodes

    @staticmethod
    def _is_whole(node: NodeProcess, count: int) -> bool:
        seen: dict[str, Any] = node.admin("/admin/v1/cluster")
        states = [member["state"] for member in seen["members"]]
        return seen["condition"] == "whole" and states == ["up"] * count
