"""How far the copy of a fragment is, and whether it is a state that the fragment ever had. Pure.

A stream keeps the newest values only. Say rows A and B were written, then A again, while the view
was slow: it is given B and the second A. After B alone it has a new B beside an old A, which nobody
ever wrote. So after a gap the copy is whole again only once the feed says that it is up to date:
then what has overwritten the lost one has come. (How much is pending is no proof: the server counts
what was overwritten out at once, and what overwrote it in a moment later.)
"""

from dataclasses import dataclass

from aiex.store.view_feed import Began, Fed, Position


@dataclass(slots=True)
class Progress:
    """Of one fragment; told of each item of its feed."""

    stream: str = ""
    sequence: int = 0
    is_up_to_date: bool = False  # was, since its feed last began
    is_anew: bool = False
    is_at_rest: bool = False
    is_lacking: bool = False
    batch: str = ""

    @classmethod
    def of(cls, position: Position) -> "Progress":
        return cls(position.stream, position.sequence)

    @property
    def is_whole(self) -> bool:
        """Whether the copy, with all that came so far, is a state that the fragment had."""
        return not (self.is_lacking or self.batch or self.is_anew)

    @property
    def is_fresh(self) -> bool:
        """Whether it is the newest one, as far as anybody can know."""
        return self.is_up_to_date and self.is_whole

    def position(self, heard_at_s: float) -> Position:
        """From where its feed can go on."""
        return Position(self.stream, self.sequence, heard_at_s)

    def begin(self, began: Began) -> None:
        if began.anew_because:
            self.is_anew, self.batch = True, ""
        self.stream, self.sequence = began.stream, began.sequence
        self.is_up_to_date = self.is_at_rest = False

    def take(self, fed: Fed) -> None:
        assert fed.sequence > self.sequence, "a feed is in order"
        self.is_lacking = self.is_lacking or fed.has_gap
        self.sequence = fed.sequence
        # The end of a batch may have been overwritten; whatever comes next is then not of it.
        self.batch = "" if fed.is_batch_end else fed.batch
        self.is_at_rest = False

    def rest(self) -> None:
        """The feed is up to date; when it says so again, nothing is on its way."""
        if self.is_at_rest:
            self.batch = ""
        self.is_up_to_date = self.is_at_rest = True
        self.is_anew = self.is_lacking = False
