"""Feeds a view from the streams of its table's fragments."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from aiex import engine
from aiex.clock import Clock
from aiex.engine import StreamMessage
from aiex.store.engine_rows import Place
from aiex.store.fragment import MARKER_LIFE_S, Fragment
from aiex.store.row_form import version_of
from aiex.store.view_feed import (
    Began,
    Fed,
    FeedItem,
    Position,
    UpToDate,
    reason_to_begin_anew,
    reason_to_forget,
)

# A marker may end while it is on its way: half of its life is for that.
AWAY_MAX_S = MARKER_LIFE_S / 2


class EngineFeed:
    """A `Feed`; `places` are those of the table's fragments, in order."""

    def __init__(self, places: Sequence[Place], *, clock: Clock) -> None:
        self._places = places
        self._clock = clock

    async def follow(self, fragment: int, position: Position | None) -> AsyncGenerator[FeedItem]:
        where, stream, _ = self._places[fragment]
        has_gap = False
        while True:
            async with aclosing(stream.follow(self._start(position))) as followed:
                async for one in followed:
                    now_s = self._clock.wall_s()
                    if isinstance(one, engine.Began):
                        stream_is, sequence = one.position.identity, one.position.sequence
                        yield Began(
                            stream_is, sequence, self._reason(position, stream_is, sequence)
                        )
                        position = Position(stream_is, sequence, now_s)
                        continue
                    assert position is not None, "a stream begins before it goes on"
                    if reason_to_forget(position, now_s=now_s, away_max_s=AWAY_MAX_S):
                        break  # the engine was silent for too long to go on here
                    if isinstance(one, engine.UpToDate):
                        position = position._replace(heard_at_s=now_s)
                        yield UpToDate()
                        continue
                    has_gap = has_gap or one.sequence != position.sequence + 1
                    position = Position(position.stream, one.sequence, now_s)
                    if (fed := _fed(where, one, has_gap)) is not None:
                        has_gap = False
                        yield fed

    def _start(self, position: Position | None) -> engine.Position:
        """From where to follow the stream."""
        if position is None or self._outdated(position):
            return engine.Position()
        return engine.Position(position.stream, position.sequence)

    def _reason(self, position: Position | None, stream: str, sequence: int) -> str:
        """Why a copy at `position` begins anew, when its stream begins at this sequence."""
        if position is None:
            return "it is new"
        return self._outdated(position) or reason_to_begin_anew(position, stream, sequence)

    def _outdated(self, position: Position) -> str:
        return reason_to_forget(position, now_s=self._clock.wall_s(), away_max_s=AWAY_MAX_S)


def _fed(where: Fragment, message: StreamMessage, has_gap: bool) -> Fed | None:
    """None for a message whose subject is no row's, which nobody here has written."""
    try:
        key = where.key(message.subject)
    except ValueError:
        return None
    return Fed(
        message.sequence,
        message.at_s,
        key,
        None if message.is_deletion else message.data,
        version_of(message),
        has_gap,
        message.batch_id,
        message.ends_batch,
    )
