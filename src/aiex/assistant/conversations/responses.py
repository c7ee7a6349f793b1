"""`/v1/responses`: asked, shown, broken off, deleted."""

import asyncio
import re
from collections.abc import Callable
from typing import Final

import msgspec

from aiex.assistant.chat import Chat
from aiex.assistant.conversations.claims import Claims
from aiex.assistant.conversations.conversations import Conversations
from aiex.assistant.conversations.item_page import ItemList, item_query, page
from aiex.assistant.conversations.thread_form import (
    DELETED_TTL_S,
    HEAD,
    RESPONSE_TTL_S,
    THREAD_BYTES_MAX,
    TURNS_MAX,
    Deleted,
    KeptTurn,
    ThreadRow,
    check_given,
    check_room,
    lineage,
)
from aiex.assistant.conversations.thread_refusal import in_progress, locked, not_found, over
from aiex.assistant.conversations.threads import TRIES_MAX, Threads
from aiex.assistant.conversations.turn import ResponsesRequest, Turn
from aiex.assistant.conversations.turn_place import (
    NoPlace,
    PlaceInChain,
    PlaceInConversation,
    TurnPlace,
    head_of,
)
from aiex.assistant.exchange import Exchange
from aiex.assistant.json_answer import give_json
from aiex.assistant.refusal import Refusal
from aiex.assistant.responses.chat_from_items import chat_from_items
from aiex.assistant.responses.create_body import decode_create_body, response_begun
from aiex.assistant.responses.item_form import Item
from aiex.assistant.responses.items_from_input import items_from_input
from aiex.assistant.responses.response_events import failed
from aiex.assistant.responses.response_form import ConversationRef, CreateBody, Response
from aiex.assistant.token_estimate import answer_tokens
from aiex.assistant.trail import Trail
from aiex.clock import Clock
from aiex.errors import Conflict
from aiex.events import Emit
from aiex.store import Put, Stored

type Hold = Callable[[int], None]
"""Take so many bytes of what the node may have in memory; raises `Refusal` (503)."""

_ID = re.compile(r"resp_([0-9a-f]{32})([0-9a-f]{8})")
_THREAD_BYTES: Final = 16
_PART_BYTES: Final = 4
_RESPONSE = msgspec.json.Decoder(Response)


class ResponseDeleted(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    object: str = "response"
    deleted: bool = True


class Responses:
    """What is done with responses, each by the key that owns it.

    Every method raises `Refusal`, and what `aiex.store` raises.
    """

    def __init__(
        self,
        chat: Chat,
        threads: Threads,
        claims: Claims,
        conversations: Conversations,
        *,
        clock: Clock,
        emit: Emit,
        new_id: Callable[[int], str],
    ) -> None:
        self._chat = chat
        self._threads = threads
        self._claims = claims
        self._conversations = conversations
        self._clock = clock
        self._emit = emit
        self._new_id = new_id

    async def create(self, trail: Trail, raw: bytes, exchange: Exchange, hold: Hold) -> None:
        """Have a model answer, keep the turn, and give it to the client."""
        body = decode_create_body(raw)
        place, before, follows = await self._place(trail.key_id, body, hold)
        given = items_from_input(body.input or "", place.items)
        chat = chat_from_items(body, [*before, *given])
        kept = KeptTurn(given=given, before=follows, in_conversation=body.conversation is not None)
        response = response_begun(body, raw, place.items, self._now_s())
        if not isinstance(place, NoPlace):
            kept = check_given(kept)
        if isinstance(place, PlaceInConversation):
            check_room(place.head, len(given), kept.byte_count)
        turn = Turn(place, response, kept, trail=trail, clock=self._clock, emit=self._emit)
        request = ResponsesRequest(
            model=body.model,
            is_stream=body.stream is True,
            wants_usage=True,
            raw=msgspec.json.encode(chat),
            answer_tokens=answer_tokens(body.max_output_tokens, None),
            chat=chat,
            turn=turn,
        )
        try:
            await self._chat.respond(
                trail, request.raw, exchange, decode=lambda _: request, keeper=turn
            )
        except asyncio.CancelledError:
            if not turn.is_cancelled or trail.has_lost_client:
                raise
            _break_off(trail, turn, exchange)
        finally:
            await turn.release()

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
        return page(_kept(stored).given, item_query(query_string, stored.row.thread))

    async def delete(self, owner: str, response_id: str) -> ResponseDeleted:
        """A conversation keeps its items; without one they go with the response."""
        for _ in range(TRIES_MAX):
            stored = await self._turn(owner, response_id)
            kept = _kept(stored)
            if self._claims.is_live(kept.claim):
                raise in_progress()
            left: KeptTurn | Deleted = Deleted()
            ttl_s = DELETED_TTL_S
            if kept.in_conversation:
                ttl_s = 0
                # What was given to a turn that came to nothing never was in the conversation.
                left = KeptTurn(in_conversation=True)
                if kept.claim is None:
                    left = msgspec.structs.replace(kept, response="")
            try:
                await self._replace(stored, left, ttl_s)
            except Conflict:
                continue
            return ResponseDeleted(id=response_id)
        raise Conflict

    async def cancel(self, owner: str, response_id: str) -> Response:
        """Take the place of a turn in progress away from it; raises `Refusal` when it is over."""
        stored = await self._turn(owner, response_id)
        kept = _kept(stored)
        if kept.claim is None or not self._claims.is_live(kept.claim):
            raise over(response_id)
        response = msgspec.structs.replace(self._shown(stored), status="cancelled")
        left = KeptTurn(
            response=msgspec.json.encode(response).decode(),
            before=kept.before,
            in_conversation=kept.in_conversation,
        )
        await self._replace(stored, left, 0 if kept.in_conversation else RESPONSE_TTL_S)
        self._claims.cancel(kept.claim)
        return response

    async def _replace(
        self, stored: Stored[ThreadRow], left: KeptTurn | Deleted, ttl_s: int
    ) -> None:
        """Write what is left of a turn, which then claims its conversation no more."""
        kept = _kept(stored)
        row = msgspec.structs.replace(stored.row, kept=left)
        changes = [Put(row, stored.sequence, ttl_s)]
        if kept.in_conversation and kept.claim is not None:
            head = await self._threads.find(row.thread, HEAD, row.owner)
            if head is not None and head_of(head).claim == kept.claim:
                freed = msgspec.structs.replace(head_of(head), claim=None)
                head_row = msgspec.structs.replace(head.row, kept=freed)
                changes.append(Put(head_row, head.sequence))
        await self._threads.write(changes, proof=row)

    async def _place(
        self, owner: str, body: CreateBody, hold: Hold
    ) -> tuple[TurnPlace, list[Item], str]:
        """Where the turn goes, what came before it, and the part that it follows on."""
        if body.conversation is not None:
            place, before = await self._in_conversation(owner, body.conversation, hold)
            return place, before, ""
        thread, before, follows = self._new_id(_THREAD_BYTES), list[Item](), ""
        if body.previous_response_id is not None:
            thread, follows, before = await self._after(owner, body.previous_response_id, hold)
        if body.store is False:
            return NoPlace(thread), before, follows
        row = ThreadRow(
            thread=thread,
            part=self._new_id(_PART_BYTES),
            owner=owner,
            at_s=self._now_s(),
            kept=KeptTurn(),
        )
        return PlaceInChain(self._threads, self._claims, row), before, follows

    async def _in_conversation(
        self, owner: str, given: str | ConversationRef, hold: Hold
    ) -> tuple[PlaceInConversation, list[Item]]:
        conversation_id = given if isinstance(given, str) else given.id
        stored = await self._conversations.head(owner, conversation_id, param="conversation")
        head = head_of(stored)
        if self._claims.is_live(head.claim):
            raise locked()
        check_room(head, 0, 0)
        hold(head.byte_count)
        turns = [one async for one in self._threads.turns(stored.row.thread, owner)]
        turns.sort(key=lambda one: one[0])
        items = [item for _, turn in turns if turn.claim is None for item in turn.items]
        return PlaceInConversation(self._threads, self._claims, stored, self._now_s()), items

    async def _after(self, owner: str, response_id: str, hold: Hold) -> tuple[str, str, list[Item]]:
        """The thread and part of an earlier response, and all items up to it."""
        found = _ID.fullmatch(response_id)
        stored = await self._threads.find(found[1], found[2], owner) if found else None
        kept = _kept(stored) if stored else None
        if kept is not None and self._claims.is_live(kept.claim):
            raise in_progress("previous_response_id")
        if stored is None or kept is None or not kept.response or kept.claim is not None:
            raise Refusal(
                404,
                "previous_response_not_found",
                f"Previous response with id '{response_id[:80]}' not found.",
                param="previous_response_id",
            )
        if kept.in_conversation:
            raise Refusal(
                400,
                "invalid_value",
                "That response is part of a conversation: give 'conversation' instead.",
                param="previous_response_id",
            )
        thread, part = stored.row.thread, stored.row.part
        turns: list[tuple[str, KeptTurn]] = []
        size = 0
        async for one in self._threads.turns(thread, owner):
            size += one[1].byte_count
            if size > THREAD_BYTES_MAX or len(turns) == TURNS_MAX:
                raise Refusal(
                    400,
                    "conversation_too_long",
                    f"Responses that follow on one another may be {TURNS_MAX:,}, and take "
                    f"{THREAD_BYTES_MAX:,} bytes; begin anew with the items that matter.",
                    param="previous_response_id",
                )
            hold(one[1].byte_count)
            turns.append(one)
        return thread, part, [item for turn in lineage(turns, part) for item in turn.items]

    async def _turn(self, owner: str, response_id: str) -> Stored[ThreadRow]:
        found = _ID.fullmatch(response_id)
        stored = await self._threads.find(found[1], found[2], owner) if found else None
        if stored is None or not _kept(stored).response:
            raise not_found("Response", response_id)
        return stored

    def _shown(self, stored: Stored[ThreadRow]) -> Response:
        kept = _kept(stored)
        response = _RESPONSE.decode(kept.response)
        if kept.claim is not None and not self._claims.is_live(kept.claim):
            return failed(response, _lost(), [])
        return msgspec.structs.replace(response, output=kept.said)

    def _now_s(self) -> int:
        return int(self._clock.wall_s())


def _kept(stored: Stored[ThreadRow]) -> KeptTurn:
    kept = stored.row.kept
    assert isinstance(kept, KeptTurn), "responses are turns"
    return kept


def _break_off(trail: Trail, turn: Turn, exchange: Exchange) -> None:
    """End a request whose response was cancelled; a stream has ended with that already."""
    task = asyncio.current_task()
    assert task is not None, "the server runs each request in a task"
    task.uncancel()
    if not trail.status:
        give_json(trail, turn.cancelled(), exchange)
    trail.outcome = "refused"
    trail.error_code = "response_cancelled"


def _lost() -> Refusal:
    return Refusal(
        503,
        "node_lost",
        "The node that made this response is gone, or gave it up.",
        kind="server_error",
    )
