"""Conversations and responses over HTTP: which route is whose, and how failures are told."""

import secrets
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from aiex.assistant.chat import Chat
from aiex.assistant.conversations.claims import Claims
from aiex.assistant.conversations.conversations import Conversations
from aiex.assistant.conversations.responses import Hold, Responses
from aiex.assistant.conversations.thread_form import ThreadRow
from aiex.assistant.conversations.thread_refusal import storage_refusal
from aiex.assistant.conversations.threads import Threads
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
        *,
        node: Callable[[], str],
        is_gone: Callable[[str], bool],
        clock: Clock,
        emit: Emit,
        new_id: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        """`node` names this life of this node; `is_gone` knows of others' lives that are over."""
        threads = Threads(rows)
        claims = Claims(node, is_gone, clock)
        self._conversations = Conversations(threads, claims, clock=clock, new_id=new_id)
        self._responses = Responses(
            chat, threads, claims, self._conversations, clock=clock, emit=emit, new_id=new_id
        )

    async def respond(
        self, trail: Trail, scope: RequestScope, body: bytes, exchange: Exchange, *, hold: Hold
    ) -> None:
        """Answer one request on `exchange`; raises `Refusal` while nothing was sent."""
        try:
            if trail.route == RESPONSES:
                await self._responses.create(trail, body, exchange, hold)
                return
            answer = await self._answer(trail, scope, body)
        except (EngineUnavailable, Conflict) as error:
            raise storage_refusal(error) from error
        give_json(trail, msgspec.json.encode(answer), exchange)

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
