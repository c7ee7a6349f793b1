"""Conversations and responses over HTTP: which route is whose, and how failures are told."""

import secrets
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from aiex.assistant.chat import Chat
from aiex.assistant.conversations.asking import Asking, Hold
from aiex.assistant.conversations.claims import Claims, Lives
from aiex.assistant.conversations.conversations import Conversations
from aiex.assistant.conversations.responses import Responses
from aiex.assistant.conversations.thread_form import ThreadRow
from aiex.assistant.conversations.thread_refusal import storage_refusal
from aiex.assistant.conversations.threads import Threads, retried
from aiex.assistant.exchange import Exchange, RequestScope
from aiex.assistant.json_answer import give_json
from aiex.assistant.routes import (
    CONVERSATION,
    CONVERSATIONS,
    ITEM,
    ITEMS,
    RESPONSE,
    RESPONSE_CANCEL,
    RESPONSE_INPUT,
    RESPONSES,
    ids_in,
)
from aiex.assistant.trail import Trail
from aiex.clock import Clock
from aiex.errors import Conflict, EngineUnavailable
from aiex.events import Emit
from aiex.store import Rows


class Talk:
    """Answers the routes of `/v1/conversations` and `/v1/responses`."""

    def __init__(
        self,
        chat: Chat,
        rows: Rows[ThreadRow],
        lives: Lives,
        *,
        clock: Clock,
        emit: Emit,
        new_id: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        threads = Threads(rows)
        claims = self._claims = Claims(lives, clock)
        self._conversations = Conversations(threads, claims, clock=clock, new_id=new_id)
        self._responses = Responses(threads, claims)
        self._asking = Asking(
            chat, threads, claims, self._conversations, clock=clock, emit=emit, new_id=new_id
        )

    async def respond(
        self, trail: Trail, scope: RequestScope, body: bytes, exchange: Exchange, *, hold: Hold
    ) -> None:
        """Answer one request on `exchange`; raises `Refusal` while nothing was sent."""
        try:
            if trail.route == RESPONSES:
                await self._asking.respond(trail, body, exchange, hold)
                return
            answer = await retried(lambda: self._answer(trail, scope, body))
        except (EngineUnavailable, Conflict) as error:
            raise storage_refusal(error) from error
        give_json(trail, msgspec.json.encode(answer), exchange)

    def break_off(self, thread: str, part: str) -> None:
        """Break off a turn that was cancelled at another node, if it is made here."""
        self._claims.break_off(thread, part)

    async def _answer(self, trail: Trail, scope: RequestScope, body: bytes) -> msgspec.Struct:
        owner, query, ids = trail.key_id, scope.query_string, ids_in(scope.path)
        conversations, responses = self._conversations, self._responses
        handlers: dict[tuple[str, str], Callable[..., Awaitable[msgspec.Struct]]] = {
            ("GET", RESPONSE): partial(responses.retrieve, query_string=query),
            ("DELETE", RESPONSE): responses.delete,
            ("POST", RESPONSE_CANCEL): responses.cancel,
            ("GET", RESPONSE_INPUT): partial(responses.input_items, query_string=query),
            ("POST", CONVERSATIONS): partial(conversations.create, body=body),
            ("GET", CONVERSATION): conversations.retrieve,
            ("POST", CONVERSATION): partial(conversations.update, body=body),
            ("DELETE", CONVERSATION): conversations.delete,
            ("GET", ITEMS): partial(conversations.list_items, query_string=query),
            ("POST", ITEMS): partial(conversations.add_items, body=body),
            ("GET", ITEM): conversations.retrieve_item,
            ("DELETE", ITEM): conversations.delete_item,
        }
        return await handlers[scope.method, trail.route](owner, *ids)
