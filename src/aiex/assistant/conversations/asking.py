"""`POST /v1/responses`: what came before a question, and a turn that a model answers."""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from aiex.assistant.chat import Chat
from aiex.assistant.conversations.claims import Claims
from aiex.assistant.conversations.conversations import Conversations
from aiex.assistant.conversations.thread_form import (
    THREAD_BYTES_MAX,
    TURNS_MAX,
    KeptTurn,
    ThreadRow,
    check_given,
    check_room,
    lineage,
)
from aiex.assistant.conversations.thread_refusal import in_progress, locked
from aiex.assistant.conversations.threads import Threads, head_of, turn_of
from aiex.assistant.conversations.turn import ResponsesRequest, Turn
from aiex.assistant.conversations.turn_place import (
    NoPlace,
    PlaceInChain,
    PlaceInConversation,
    TurnPlace,
)
from aiex.assistant.exchange import Exchange
from aiex.assistant.json_answer import give_json
from aiex.assistant.refusal import Refusal
from aiex.assistant.responses.chat_from_items import chat_from_items
from aiex.assistant.responses.create_body import decode_create_body, response_begun
from aiex.assistant.responses.item_form import Item
from aiex.assistant.responses.items_from_input import items_from_input
from aiex.assistant.responses.response_form import ConversationRef, CreateBody, thread_and_part
from aiex.assistant.token_estimate import answer_tokens
from aiex.assistant.trail import Trail
from aiex.clock import Clock
from aiex.events import Emit

type Hold = Callable[[int], None]
"""Take so many bytes of what the node may have in memory; raises `Refusal` (503)."""

_THREAD_BYTES: Final = 16
_PART_BYTES: Final = 4


class Asking:
    """Puts questions to models and sees that the turns are kept.

    Raises `Refusal`, and what `aiex.store` raises.
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
        """`new_id` makes so many random bytes, as hexadecimal digits."""
        self._chat = chat
        self._threads = threads
        self._claims = claims
        self._conversations = conversations
        self._clock = clock
        self._emit = emit
        self._new_id = new_id

    async def respond(self, trail: Trail, raw: bytes, exchange: Exchange, hold: Hold) -> None:
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
        turns = [one async for one in self._threads.turns(stored.row.thread)]
        turns.sort(key=lambda one: one[0])
        items = [item for _, turn in turns if turn.claim is None for item in turn.items]
        return PlaceInConversation(self._threads, self._claims, stored, self._now_s()), items

    async def _after(self, owner: str, response_id: str, hold: Hold) -> tuple[str, str, list[Item]]:
        """The thread and part of an earlier response, and all items up to it."""
        there = thread_and_part(response_id)
        stored = await self._threads.find(*there, owner) if there else None
        kept = turn_of(stored) if stored else None
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
        async for one in self._threads.turns(thread):
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

    def _now_s(self) -> int:
        return int(self._clock.wall_s())


def _break_off(trail: Trail, turn: Turn, exchange: Exchange) -> None:
    """End a request whose response was cancelled; a stream has ended with that already."""
    task = asyncio.current_task()
    assert task is not None, "the server runs each request in a task"
    task.uncancel()
    if not trail.status:
        give_json(trail, turn.cancelled(), exchange)
    trail.outcome = "refused"
    trail.error_code = "response_cancelled"
