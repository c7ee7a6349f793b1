"""What a snapshot tells of the rest of the node, as whoever composes the node fills it in."""

from typing import Protocol

from aiex.performance.snapshot.requests import EngineSeen, RequestsSeen


class Surroundings(Protocol):
    """Both are read from memory: neither waits."""

    def in_flight_count(self) -> int: ...

    def engine_word(self) -> str:
        """How the engine is, in a word: `up`, `down`, …"""

    def requests(self) -> RequestsSeen:
        """What the API has in hand and answered, with all its routes and targets."""

    def engine(self) -> EngineSeen:
        """The engine as this node sees it, and who else is at it."""
