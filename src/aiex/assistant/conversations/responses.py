"""Responses that are kept, or in progress: shown, broken off, deleted."""

import msgspec

from aiex.assistant.conversations.claims import Claims
from aiex.assistant.conversations.item_page import ItemList, item_query, page
from aiex.assistant.conversations.thread_form import (
    DELETED_TTL_S,
    HEAD,
    RESPONSE_TTL_S,
    Deleted,
    KeptTurn,
    ThreadRow,
)
from aiex.assistant.conversations.thread_refusal import in_progress, not_found, over
from aiex.assistant.conversations.threads import Threads, head_of, turn_of
from aiex.assistant.refusal import Refusal
from aiex.assistant.responses.response_events import failed
from aiex.assistant.responses.response_form import Response, thread_and_part
from aiex.store import Put, Stored

_RESPONSE = msgspec.json.Decoder(Response)


class ResponseDeleted(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    object: str = "response"
    deleted: bool = True


class Responses:
    """What is done with responses, each by the key that owns it.

    Every method raises `Refusal`, and what `aiex.store` raises; after a `Conflict` it may be called
    again.
    """

    def __init__(self, threads: Threads, claims: Claims) -> None:
        self._threads = threads
        self._claims = claims

    async def retrieve(self, owner: str, response_id: str, query_string: str) -> Response:
        if "stream=true" in query_string:
            raise Refusal(
                400,
                "not_carried",
                "'stream' is not possible here: only responses in the background could be "
                "followed, and there are none.",
                param="stream",
            )
        return self._shown(await self._turn(owner, response_id))

    async def input_items(self, owner: str, response_id: str, query_string: str) -> ItemList:
        stored = await self._turn(owner, response_id)
        return page(turn_of(stored).given, item_query(query_string, stored.row.thread))

    async def delete(self, owner: str, response_id: str) -> ResponseDeleted:
        """A conversation keeps its items; without one they go with the response."""
        stored = await self._turn(owner, response_id)
        kept = turn_of(stored)
        if self._claims.is_live(kept.claim):
            raise in_progress()
        if not kept.in_conversation:
            await self._replace(stored, Deleted(), DELETED_TTL_S)
        elif kept.claim is None:
            await self._replace(stored, msgspec.structs.replace(kept, response=""))
        else:
            # What was given to a turn that came to nothing never was in the conversation.
            await self._replace(stored, KeptTurn(in_conversation=True))
        return ResponseDeleted(id=response_id)

    async def cancel(self, owner: str, response_id: str) -> Response:
        """Take the place of a turn in progress away from it; raises `Refusal` when it is over."""
        stored = await self._turn(owner, response_id)
        kept = turn_of(stored)
        if kept.claim is None or not self._claims.is_live(kept.claim):
            raise over(response_id)
        response = msgspec.structs.replace(self._shown(stored), status="cancelled")
        left = KeptTurn(
            response=msgspec.json.encode(response).decode(),
            before=kept.before,
            in_conversation=kept.in_conversation,
        )
        await self._replace(stored, left, 0 if kept.in_conversation else RESPONSE_TTL_S)
        await self._claims.break_off_anywhere(kept.claim)
        return response

    async def _replace(
        self, stored: Stored[ThreadRow], left: KeptTurn | Deleted, ttl_s: int = 0
    ) -> None:
        """Write what is left of a turn, which then claims its conversation no more."""
        kept = turn_of(stored)
        row = msgspec.structs.replace(stored.row, kept=left)
        changes = [Put(row, stored.sequence, ttl_s)]
        if kept.in_conversation and kept.claim is not None:
            head = await self._threads.find(row.thread, HEAD, row.owner)
            if head is not None and head_of(head).claim == kept.claim:
                freed = msgspec.structs.replace(head_of(head), claim=None)
                head_row = msgspec.structs.replace(head.row, kept=freed)
                changes.append(Put(head_row, head.sequence))
        await self._threads.write(changes, proof=row)

    async def _turn(self, owner: str, response_id: str) -> Stored[ThreadRow]:
        there = thread_and_part(response_id)
        stored = await self._threads.find(*there, owner) if there else None
        if stored is None or not turn_of(stored).response:
            raise not_found("Response", response_id)
        return stored

    def _shown(self, stored: Stored[ThreadRow]) -> Response:
        kept = turn_of(stored)
        response = _RESPONSE.decode(kept.response)
        if kept.claim is not None and not self._claims.is_live(kept.claim):
            return failed(response, _lost(), [])
        return msgspec.structs.replace(response, output=kept.said)


def _lost() -> Refusal:
    return Refusal(
        503,
        "node_lost",
        "The node that made this response is gone, or gave it up.",
        kind="server_error",
    )
