"""The lengths of many containers, look by look: who shrank or stood still is forgotten.

Numbers are in arrays made before the first look, since the process's memory is what is looked at:
hundreds of thousands of containers with a list each would make it grow by megabytes.
"""

from array import array
from collections.abc import Iterator, Sequence

from aiex.performance.memory.growth import GREW_LOOKS_MIN, Grown
from aiex.performance.memory.pieces import Pieces
from aiex.performance.memory.survey import Container

STEP = 256  # containers between two looks at the clock


class Lengths:
    """`looks`: how many there will be after the first, which is the making of this."""

    def __init__(self, containers: Sequence[Container], looks: int) -> None:
        self._containers = list(containers)
        self._first = array("q", (one.now() for one in self._containers))
        self._last = array("q", self._first)
        self._grew = bytearray(len(self._containers))  # looks that saw more than the one before
        self._looks = 0
        self._stood_max = int(looks * (1 - GREW_LOOKS_MIN))

    def __len__(self) -> int:
        return len(self._containers)

    async def look(self, pieces: Pieces) -> None:
        self._looks += 1
        grew_min = self._looks - self._stood_max
        kept = 0
        for place, container in enumerate(self._containers):
            if place % STEP == 0:
                await pieces.cut()
            length, last = container.now(), self._last[place]
            grew = self._grew[place] + (length > last)
            if length >= last and grew >= grew_min:
                self._containers[kept] = container
                self._first[kept] = self._first[place]
                self._last[kept] = length
                self._grew[kept] = grew
                kept += 1
        for column in (self._containers, self._first, self._last, self._grew):
            del column[kept:]

    def grown(self) -> Iterator[tuple[Container, Grown, int]]:
        """Those that only grew, by how much, and their length at first."""
        for place, container in enumerate(self._containers):
            first = self._first[place]
            grown = self._last[place] - first
            if grown > 0:
                yield container, Grown(grown, self._grew[place] / self._looks), first

    def clear(self) -> None:
        self._containers.clear()
        del self._first[:], self._last[:], self._grew[:]
