"""The views of this node, as other nodes ask about them."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from aiex.cluster import (
    Caller,
    DescribeCopies,
    DescribedCopies,
    DescribedCopy,
    VerifiedCopies,
    VerifiedCopy,
    VerifyCopies,
)
from aiex.errors import StoreUnavailable
from aiex.store import Verification, ViewState


class Copies(Protocol):
    """What `Views` gives."""

    def states(self) -> list[ViewState]: ...

    async def verify(self, table: str, *, deadline_s: float) -> Verification: ...


class OwnCopies:
    """Answers `DescribeCopies` and `VerifyCopies`."""

    def __init__(self, views: Copies) -> None:
        self._views = views
        # Comparing reads all of a table twice: one at a time, whoever asks.
        self._one_at_a_time = asyncio.Lock()

    async def described(self, _: DescribeCopies, __: Caller) -> DescribedCopies:
        return DescribedCopies(
            tuple(
                DescribedCopy(one.table, state_word(one), one.sequences, one.trouble[:512])
                for one in self._views.states()
            )
        )

    async def verified(self, asked: VerifyCopies, caller: Caller) -> VerifiedCopies:
        """Of all views that are asked for, or that there are; nobody waits for those that are not.

        A table that has no view here is none of this node's: it is left out.
        """
        there = [one.table for one in self._views.states()]
        wanted = [name for name in asked.tables or there if name in there]
        # The answer takes a moment to get there.
        each_s = (caller.remaining_s - 1.0) / max(1, len(wanted))
        async with self._one_at_a_time:
            return VerifiedCopies(tuple([await self._verified(one, each_s) for one in wanted]))

    async def _verified(self, table: str, deadline_s: float) -> VerifiedCopy:
        try:
            found = await self._views.verify(table, deadline_s=max(0.1, deadline_s))
        except StoreUnavailable as error:
            return VerifiedCopy(table, trouble=str(error)[:512])
        fragments = found.fragments
        return VerifiedCopy(
            table,
            sum(one.row_count for one in fragments),
            sum(one.missing_count for one in fragments),
            sum(one.extra_count for one in fragments),
            sum(one.different_count for one in fragments),
            _texts(found.damages),
            _texts([text for one in fragments for text in one.examples]),
        )


def state_word(view: ViewState) -> str:
    """complete, stale or catching up."""
    if not view.is_complete:
        return "catching up"
    return "stale" if view.is_stale else "complete"


def _texts(texts: Sequence[str]) -> tuple[str, ...]:
    """As many and as long as a call may carry."""
    return tuple(text[:512] for text in texts[:10])
