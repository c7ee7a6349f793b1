"""`/v1/conversations`: made, shown, changed, added to, taken from, deleted."""

import re
from collections.abc import AsyncIterator, Callable
from typing import Final

import msgspec
from msgspec import Raw

from aiex.assistant.conversations.claims import Claims
from aiex.assistant.conversations.item_page import (
    ItemList,
    ItemQuery,
    item_list,
    item_query,
    page_of,
)
from aiex.assistant.conversations.thread_form import (
    DELETED_TTL_S,
    HEAD,
    Deleted,
    Head,
    KeptTurn,
    ThreadRow,
    bytes_of,
    check_given,
    check_room,
    part_of_turn,
)
from aiex.assistant.conversations.thread_refusal import locked, not_found
from aiex.assistant.conversations.threads import Threads, head_of, turn_of
from aiex.assistant.responses.create_body import check_metadata
from aiex.assistant.responses.given_json import decoded
from aiex.assistant.responses.item_form import Item, ItemPlace, place_of
from aiex.assistant.responses.items_from_input import items_from_input
from aiex.assistant.responses.response_form import Metadata
from aiex.clock import Clock
from aiex.store import ABSENT, Put, Stored

_ID = re.compile(r"conv_([0-9a-f]{32})")
_ID_BYTES: Final = 16


class _Create(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    items: list[Raw] | None = None
    metadata: Metadata | None = None


class _Update(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    metadata: Metadata | None


class _Add(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    items: list[Raw]


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation as clients get it."""

    id: str
    object: str = "conversation"
    created_at: int
    metadata: Metadata


class ConversationDeleted(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    object: str = "conversation.deleted"
    deleted: bool = True


_CREATE = msgspec.json.Decoder(_Create)
_UPDATE = msgspec.json.Decoder(_Update)
_ADD = msgspec.json.Decoder(_Add)


class Conversations:
    """What is done with conversations, each by the key that owns it.

    Every method raises `Refusal`, and what `aiex.store` raises; after a `Conflict` it may be called
    again.
    """

    def __init__(
        self, threads: Threads, claims: Claims, *, clock: Clock, new_id: Callable[[int], str]
    ) -> None:
        """`new_id` makes so many random bytes, as hexadecimal digits."""
        self._threads = threads
        self._claims = claims
        self._clock = clock
        self._new_id = new_id

    async def create(self, owner: str, body: bytes) -> Conversation:
        given = decoded(_CREATE, body or b"{}")
        check_metadata(given.metadata)
        thread = self._new_id(_ID_BYTES)
        at_s = self._now_s()
        head = Head(metadata=given.metadata or {})
        row = ThreadRow(thread=thread, part=HEAD, owner=owner, at_s=at_s, kept=head)
        changes = []
        if given.items:
            turn, head = _added(given.items, thread, head)
            changes.append(Put(_turn_row(row, turn, head.turn_count), ABSENT))
            row = msgspec.structs.replace(row, kept=head)
        await self._threads.write([*changes, Put(row, ABSENT)], proof=row)
        return _shown(row)

    async def retrieve(self, owner: str, conversation_id: str) -> Conversation:
        return _shown((await self.head(owner, conversation_id)).row)

    async def update(self, owner: str, conversation_id: str, body: bytes) -> Conversation:
        given = decoded(_UPDATE, body)
        check_metadata(given.metadata)
        stored = await self.head(owner, conversation_id)
        head = msgspec.structs.replace(head_of(stored), metadata=given.metadata or {})
        row = msgspec.structs.replace(stored.row, kept=head)
        await self._threads.write([Put(row, stored.sequence)], proof=row)
        return _shown(row)

    async def delete(self, owner: str, conversation_id: str) -> ConversationDeleted:
        """All rows at once; a turn in progress will find its place gone."""
        stored = await self.head(owner, conversation_id)
        gone = msgspec.structs.replace(stored.row, kept=Deleted())
        parts = [part_of_turn(number + 1) for number in range(head_of(stored).turn_count)]
        turns = [
            Put(msgspec.structs.replace(gone, part=part), ttl_s=DELETED_TTL_S) for part in parts
        ]
        head = Put(gone, stored.sequence, DELETED_TTL_S)
        await self._threads.write([*turns, head], proof=gone)
        return ConversationDeleted(id=conversation_id)

    async def add_items(self, owner: str, conversation_id: str, body: bytes) -> ItemList:
        """The items, once they are there; raises `Refusal` (409) while a turn is in progress."""
        given = decoded(_ADD, body)
        stored = await self.head(owner, conversation_id)
        head = head_of(stored)
        if self._claims.is_live(head.claim):
            raise locked()
        turn, head = _added(given.items, stored.row.thread, head)
        row = msgspec.structs.replace(stored.row, kept=head)
        changes = [
            Put(_turn_row(row, turn, head.turn_count), ABSENT),
            Put(row, stored.sequence),
        ]
        await self._threads.write(changes, proof=changes[0].row)
        return item_list(turn.given, has_more=False)

    async def list_items(self, owner: str, conversation_id: str, query_string: str) -> ItemList:
        stored = await self.head(owner, conversation_id)
        query = item_query(query_string, stored.row.thread)
        turns = self._turns(stored, query)
        return await page_of(turns, query)

    async def retrieve_item(self, owner: str, conversation_id: str, item_id: str) -> Item:
        _, found = await self._item(owner, conversation_id, item_id)
        return found

    async def delete_item(self, owner: str, conversation_id: str, item_id: str) -> Conversation:
        """Take the item out of its turn, and out of the response that it is in."""
        head_stored = await self.head(owner, conversation_id)
        stored, item = await self._item(owner, conversation_id, item_id)
        turn, head = turn_of(stored), head_of(head_stored)
        left = msgspec.structs.replace(
            turn,
            given=[one for one in turn.given if one.id != item.id],
            said=[one for one in turn.said if one.id != item.id],
        )
        left = msgspec.structs.replace(left, byte_count=bytes_of(left))
        head = msgspec.structs.replace(
            head,
            item_count=head.item_count - 1,
            byte_count=head.byte_count - turn.byte_count + left.byte_count,
        )
        turn_row = msgspec.structs.replace(stored.row, kept=left)
        row = msgspec.structs.replace(head_stored.row, kept=head)
        changes = [Put(turn_row, stored.sequence), Put(row, head_stored.sequence)]
        await self._threads.write(changes, proof=turn_row)
        return _shown(row)

    async def head(
        self, owner: str, conversation_id: str, *, param: str = "conversation_id"
    ) -> Stored[ThreadRow]:
        """The conversation's head; raises `Refusal` (404)."""
        found = _ID.fullmatch(conversation_id)
        stored = await self._threads.find(found[1], HEAD, owner) if found else None
        if stored is None:
            raise not_found("Conversation", conversation_id, param=param)
        return stored

    async def _turns(
        self, stored: Stored[ThreadRow], query: ItemQuery
    ) -> AsyncIterator[list[Item]]:
        """The turns' items, one turn after another as they are asked for."""
        count = head_of(stored).turn_count
        first = int(query.after.part, 16) if query.after else (1 if query.is_ascending else count)
        numbers = range(max(first, 1), count + 1) if query.is_ascending else range(first, 0, -1)
        for number in numbers:
            turn = await self._threads.find(
                stored.row.thread, part_of_turn(number), stored.row.owner
            )
            if turn is not None and turn_of(turn).claim is None:
                yield turn_of(turn).items

    async def _item(
        self, owner: str, conversation_id: str, item_id: str
    ) -> tuple[Stored[ThreadRow], Item]:
        found, place = _ID.fullmatch(conversation_id), place_of(item_id)
        if found and place and place.thread == found[1]:
            stored = await self._threads.find(place.thread, place.part, owner)
            if stored is not None and turn_of(stored).claim is None:
                for item in turn_of(stored).items:
                    if item.id == item_id:
                        return stored, item
        raise not_found("Item", item_id, param="item_id")

    def _now_s(self) -> int:
        return int(self._clock.wall_s())


def conversation_id_of(thread: str) -> str:
    """The id of the conversation that a thread is."""
    return f"conv_{thread}"


def _shown(row: ThreadRow) -> Conversation:
    head = row.kept
    assert isinstance(head, Head), "only conversations have a head"
    return Conversation(
        id=conversation_id_of(row.thread), created_at=row.at_s, metadata=head.metadata
    )


def _added(given: list[Raw], thread: str, head: Head) -> tuple[KeptTurn, Head]:
    """Items as a turn without a response, and the conversation with them."""
    number = head.turn_count + 1
    items = items_from_input(given, ItemPlace(thread, part_of_turn(number), 0), "items")
    turn = check_given(KeptTurn(given=items, in_conversation=True))
    check_room(head, len(items), turn.byte_count)
    return turn, msgspec.structs.replace(
        head,
        turn_count=number,
        item_count=head.item_count + len(items),
        byte_count=head.byte_count + turn.byte_count,
        claim=None,
    )


def _turn_row(head: ThreadRow, turn: KeptTurn, number: int) -> ThreadRow:
    return msgspec.structs.replace(head, part=part_of_turn(number), kept=turn)
