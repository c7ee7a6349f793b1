"""What a view is fed with: the changes of one fragment in their order, and marks between them.

    Began, Fed, Fed, UpToDate, Fed, UpToDate, UpToDate …

A fragment's stream keeps the newest values only. A change that was overwritten before it was read
never comes; the one that comes then has a gap before it, and the next `UpToDate` says that what has
replaced the missing ones has come too.
"""

from collections.abc import AsyncGenerator
from typing import NamedTuple, Protocol

from aiex.store.table import Key

# Clocks are set, by a little. One that went back by more says nothing of how long a view was away.
CLOCK_SLACK_S = 60.0


class Position(NamedTuple):
    """How far a copy of a fragment is, and when its stream was heard of last, by the wall clock."""

    stream: str
    sequence: int
    heard_at_s: float


class Began(NamedTuple):
    """What follows are the changes of `stream` after `sequence`.

    `anew_because`: all rows come again, what was copied before is to be forgotten, and this is why;
    empty when the copy goes on from its position.
    """

    stream: str
    sequence: int
    anew_because: str = ""


class Fed(NamedTuple):
    """A row was put, or deleted when there is no `row`."""

    sequence: int
    at_s: float  # wall clock of the engine
    key: Key
    row: bytes | None
    version: int
    has_gap: bool = False  # changes before it were overwritten before they came
    batch: str = ""  # the batch it is part of
    is_batch_end: bool = False


class UpToDate(NamedTuple):
    """Everything the stream held when this began, or at the last gap, was given.

    Comes once that is so, and then as a sign of life whenever nothing has happened for a moment.
    """


type FeedItem = Began | Fed | UpToDate


class Feed(Protocol):
    """The fragments of one table."""

    def follow(self, fragment: int, position: Position | None) -> AsyncGenerator[FeedItem]:
        """Its changes after `position`, or all rows when that is none or too old; for ever.

        Goes on by itself over restarts and silences of the engine. `Began` comes first, and again
        when the stream was replaced by another.
        """


def reason_to_begin_anew(position: Position, stream: str, last_sequence: int) -> str:
    """Why a copy cannot go on from its position in this stream; empty when it can."""
    if position.stream != stream:
        return "its stream is another one"
    if last_sequence < position.sequence:
        return "its stream is younger than the view"
    return ""


def reason_to_forget(position: Position, *, now_s: float, away_max_s: float) -> str:
    """Why a copy is too old to go on from, whatever its stream is by now; empty when it is not.

    Deletions are told by markers that do not live for ever: whoever was away for longer than
    `away_max_s` may have missed one.
    """
    if now_s < position.heard_at_s - CLOCK_SLACK_S:
        return "the clock went back, so nobody knows for how long the view was away"
    if now_s - position.heard_at_s > away_max_s:
        return "the view was away for longer than deletions are remembered"
    return ""
