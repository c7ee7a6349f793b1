"""Many small circles of objects, with a collector that was told to look all the time."""

import asyncio
import gc
from collections import deque
from pathlib import Path

from aiex.service import Ready

TICK_S = 0.02


class Edge:
    def __init__(self) -> None:
        self.ends = {"from": self, "to": [self]}


class Grapher:
    def __init__(self, name: str, workplace: Path, *, live: float, made_per_s: float) -> None:
        self.name = name
        self._made = int(made_per_s * TICK_S)
        self._live_max = int(live)

    async def run(self, ready: Ready) -> None:
        edges: deque[Edge] = deque((Edge() for _ in range(self._live_max)), self._live_max)
        thresholds = gc.get_threshold()
        gc.set_threshold(300, 3, 1)
        ready()
        try:
            while True:
                await asyncio.sleep(TICK_S)
                self.draw_edges(edges)
        finally:
            gc.set_threshold(*thresholds)

    def draw_edges(self, edges: deque[Edge]) -> None:
        for _ in range(self._made):
            edges.append(Edge())
