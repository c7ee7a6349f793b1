"""How many calls are under way with each peer and in all. Arithmetic; nobody waits here.

A call that finds no place is refused at once: waiting would make whoever called slow because of
somebody else's peer.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

# What one loop has with one peer in health is a handful; so many are under way for a second only
# when the peer is frozen, which membership notices after 2.5 s.
PEER_MAX = 128
# Eight peers may be frozen at once before others suffer; requests of 512 KiB each are 512 MiB.
TOTAL_MAX = 1024


class InFlight:
    """Counts; a place is held while a call is under way."""

    def __init__(self, peer_max: int = PEER_MAX, total_max: int = TOTAL_MAX) -> None:
        self._peer_max = peer_max
        self._total_max = total_max
        self._counts: Counter[str] = Counter()
        self.total = 0

    def full(self, peer: str) -> str:
        """Why there is no place for one more; empty when there is."""
        if self._counts[peer] >= self._peer_max:
            return f"{self._peer_max} calls with {peer} are under way, which is the limit"
        if self.total >= self._total_max:
            return f"{self._total_max} calls are under way, which is the limit"
        return ""

    def begin(self, peer: str) -> None:
        """Take a place, to be given back by `end`."""
        assert not self.full(peer), "ask first"
        self._counts[peer] += 1
        self.total += 1

    def end(self, peer: str) -> None:
        self.total -= 1
        self._counts[peer] -= 1
        if not self._counts[peer]:
            del self._counts[peer]

    @contextmanager
    def place(self, peer: str) -> Iterator[None]:
        """A place until the block ends."""
        self.begin(peer)
        try:
            yield
        finally:
            self.end(peer)
