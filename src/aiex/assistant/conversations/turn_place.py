"""Where a turn is kept: in a conversation, in a chain of responses, or nowhere.

What they have in common: `items` is where the first item goes. `begin` claims the place and shows
the turn in progress; it raises `Conflict` when another was faster. `commit` writes the whole turn
in one step, or raises `Conflict` when the place was taken from it. `release` leaves the place as it
was before. `drop` says that the turn is over here, whatever became of it.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from aiex.assistant.conversations.claims import CLAIM_S, Claims
from aiex.assistant.conversations.thread_form import (
    HEAD,
    RESPONSE_TTL_S,
    Claim,
    Head,
    KeptTurn,
    ThreadRow,
    part_of_turn,
)
from aiex.assistant.conversations.threads import TRIES_MAX, Threads, head_of
from aiex.assistant.responses.item_form import ItemPlace
from aiex.errors import Conflict
from aiex.store import ABSENT, Delete, Put, Stored

# The row of a turn that came to nothing, and that nobody could take away, goes by itself.
UNKEPT_TTL_S: Final = int(CLAIM_S) + 3600


class NoPlace:
    """The turn is not kept."""

    kind = "unkept"

    def __init__(self, thread: str) -> None:
        self.items = ItemPlace(thread, part_of_turn(1), 0)

    async def begin(self, turn: KeptTurn, cancel: Callable[[], None]) -> None:
        """There is nobody to wait for."""

    async def commit(self, turn: KeptTurn) -> None:
        """There is nothing to write."""

    async def release(self) -> None:
        """There is nothing to give back."""

    def drop(self) -> None:
        """There is no claim."""


class PlaceInChain:
    """A row of its own: responses that follow on the same one do not wait for each other."""

    kind = "response"

    def __init__(self, threads: Threads, claims: Claims, row: ThreadRow) -> None:
        """`row` has all but the turn itself."""
        self.items = ItemPlace(row.thread, row.part, 0)
        self._threads = threads
        self._claims = claims
        self._row = row
        self._claim: Claim | None = None
        self._sequence = ABSENT

    async def begin(self, turn: KeptTurn, cancel: Callable[[], None]) -> None:
        claim = self._claim = self._claims.make(self._row.thread, self._row.part, cancel)
        row = _with(self._row, msgspec.structs.replace(turn, claim=claim))
        put = Put(row, ABSENT, UNKEPT_TTL_S)
        self._sequence = await self._threads.write([put], proof=row)

    async def commit(self, turn: KeptTurn) -> None:
        row = _with(self._row, turn)
        await self._threads.write([Put(row, self._sequence, RESPONSE_TTL_S)], proof=row)

    async def release(self) -> None:
        key = (self._row.thread, self._row.part)
        await self._threads.write([Delete(key, self._sequence)])

    def drop(self) -> None:
        if self._claim is not None:
            self._claims.drop(self._claim)


class PlaceInConversation:
    """The next turn of a conversation: claimed in its head, which each change goes through."""

    kind = "conversation"

    def __init__(
        self, threads: Threads, claims: Claims, stored: Stored[ThreadRow], at_s: int
    ) -> None:
        """`stored` is the conversation's head, as it must still be when the turn begins."""
        head = head_of(stored)
        part = part_of_turn(head.turn_count + 1)
        self.items = ItemPlace(stored.row.thread, part, 0)
        self._threads = threads
        self._claims = claims
        self._stored = stored
        self._row = ThreadRow(
            thread=stored.row.thread, part=part, owner=stored.row.owner, at_s=at_s, kept=head
        )
        self._claim: Claim | None = None

    @property
    def head(self) -> Head:
        """The conversation as this turn knows it."""
        return head_of(self._stored)

    async def begin(self, turn: KeptTurn, cancel: Callable[[], None]) -> None:
        claim = self._claim = self._claims.make(self._row.thread, self._row.part, cancel)
        head = self.head
        claimed = _with(
            self._stored.row,
            msgspec.structs.replace(head, turn_count=head.turn_count + 1, claim=claim),
        )
        row = _with(self._row, msgspec.structs.replace(turn, claim=claim))
        changes = [Put(row, ABSENT, UNKEPT_TTL_S), Put(claimed, self._stored.sequence)]
        sequence = await self._threads.write(changes, proof=claimed)
        self._stored = Stored(claimed, sequence, self._stored.at_s)

    async def commit(self, turn: KeptTurn) -> None:
        row = _with(self._row, turn)
        for _ in range(TRIES_MAX):
            head = self.head
            left = msgspec.structs.replace(
                head,
                claim=None,
                item_count=head.item_count + len(turn.items),
                byte_count=head.byte_count + turn.byte_count,
            )
            after = Put(_with(self._stored.row, left), self._stored.sequence)
            try:
                await self._threads.write([Put(row), after], proof=row)
            except Conflict:
                # The metadata may have changed, or an item was deleted: the turn is still this one.
                await self._see_claim()
            else:
                return
        raise Conflict

    async def release(self) -> None:
        for _ in range(TRIES_MAX):
            left = msgspec.structs.replace(self.head, claim=None)
            after = Put(_with(self._stored.row, left), self._stored.sequence)
            key = (self._row.thread, self._row.part)
            try:
                await self._threads.write([Delete(key), after])
            except Conflict:
                await self._see_claim()
            else:
                return

    def drop(self) -> None:
        if self._claim is not None:
            self._claims.drop(self._claim)

    async def _see_claim(self) -> None:
        """Look at the head anew; raises `Conflict` when the turn was taken away."""
        head = self._stored.row
        stored = await self._threads.find(head.thread, HEAD, head.owner)
        if stored is None or head_of(stored).claim != self._claim:
            raise Conflict
        self._stored = stored


type TurnPlace = NoPlace | PlaceInChain | PlaceInConversation


def _with(row: ThreadRow, kept: Head | KeptTurn) -> ThreadRow:
    return msgspec.structs.replace(row, kept=kept)
