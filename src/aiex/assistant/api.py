"""The API's front door: every request comes through `Api.respond` and leaves as one event.

No framework: the hot path is this module, a table of routes and the handler of the route.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from functools import partial
from random import Random
from time import time
from typing import Any, Final

import msgspec

from aiex.assistant import refusal as refusals
from aiex.assistant.admission import Admission
from aiex.assistant.anthropic.error_form import messages_error_from
from aiex.assistant.call_watch import CallWatch
from aiex.assistant.catalogue import Catalogue, Model
from aiex.assistant.chat import Chat
from aiex.assistant.chat_request import decode_chat_request
from aiex.assistant.completion_request import decode_completion_request
from aiex.assistant.conversations.talk import Talk
from aiex.assistant.embedding_request import decode_embedding_request
from aiex.assistant.events import RequestShed
from aiex.assistant.exchange import ClientGone, Exchange, RequestHeaders, RequestScope
from aiex.assistant.intake import Intake
from aiex.assistant.json_answer import give_json
from aiex.assistant.keys import KeyCheck, key_in
from aiex.assistant.leave_watch import LeaveWatch
from aiex.assistant.load_gate import VERDICTS, Verdict
from aiex.assistant.messages_exchange import MessagesExchange
from aiex.assistant.messages_request import decode_count_request, decode_messages_request
from aiex.assistant.paced_exchange import Pace, PacedExchange
from aiex.assistant.refusal import Refusal
from aiex.assistant.request_id import RequestIds
from aiex.assistant.request_work import RequestWork
from aiex.assistant.routes import (
    CHAT_COMPLETIONS,
    COMPLETIONS,
    COUNT_TOKENS,
    EMBEDDINGS,
    MESSAGES,
    MESSAGES_ROUTES,
    METHODS,
    MODEL,
    PROBES,
    RESPONSES,
    TALK_ROUTES,
    UNKNOWN,
    model_in,
    route_of,
)
from aiex.assistant.token_count import TokenCount
from aiex.assistant.trail import Trail
from aiex.clock import instant
from aiex.events import Emit
from aiex.work import Work

# Nginx's status for "the client closed the connection": nobody receives it, logs and metrics do.
CLIENT_GONE: Final = 499

# The routes that a model answers, each with what reads its requests.
_DECODERS: Final = {
    CHAT_COMPLETIONS: decode_chat_request,
    COMPLETIONS: decode_completion_request,
    EMBEDDINGS: decode_embedding_request,
}
_TEXT: Final = [("content-type", "text/plain; charset=utf-8")]
_log = logging.getLogger("aiex.assistant.api")


class _ListedModel(msgspec.Struct, frozen=True):
    """What OpenAI's clients read, and what Anthropic's do."""

    id: str
    created: int
    owned_by: str
    display_name: str
    created_at: str
    object: str = "model"
    type: str = "model"
    lifecycle: str = "active"


class _ModelList(msgspec.Struct, frozen=True):
    """All models, which Anthropic's clients take for the one page there is."""

    data: list[_ListedModel]
    first_id: str | None
    last_id: str | None
    object: str = "list"
    has_more: bool = False


class Api:
    """Answers the API's requests: identity, admission, credentials, route, handler, event."""

    def __init__(
        self,
        chat: Chat,
        catalogue: Catalogue,
        *,
        token_count: TokenCount,
        key_check: Callable[[], KeyCheck | None],
        is_ready: Callable[[], bool],
        intake: Intake,
        pace: Pace,
        body_bytes_max: int,
        body_timeout_s: float,
        random: Random,
        emit: Emit,
        admission: Admission | None = None,
        talk: Talk | None = None,
        is_leaving: Callable[[], bool] = lambda: False,
    ) -> None:
        self._chat = chat
        self._catalogue = catalogue
        self._token_count = token_count
        self._key_check = key_check
        self._is_ready = is_ready
        self._is_leaving = is_leaving
        self._intake = intake
        self._pace = pace
        self._body_bytes_max = body_bytes_max
        self._body_timeout_s = body_timeout_s
        # Not `asyncio.timeout`, whose timer costs a request 5 us: a body is there at once or never.
        self._bodies = CallWatch(body_timeout_s)
        self._emit = emit
        self._admission = admission or Admission.open()
        self._talk = talk
        self._ids = RequestIds(random)
        self._work = RequestWork([one.name for one in catalogue.configured()])
        self._leavers = LeaveWatch()
        self._tasks: dict[asyncio.Task[None], Trail] = {}
        self._started_at_s = int(time())

    @property
    def in_flight_count(self) -> int:
        """Requests being answered now, open streams included."""
        return len(self._tasks)

    def in_flight_by_key(self) -> Counter[str]:
        """Of those, how many each key has, by its public id; empty where none is known."""
        return Counter(trail.key_id for trail in self._tasks.values())

    def cut_off(self) -> int:
        """Cancel what is in flight; the number of requests that were."""
        for task in self._tasks:
            task.cancel()
        return len(self._tasks)

    def work_of(self, task: asyncio.Task[Any]) -> Work | None:
        """Whose work a request's own task does, as far as it is known by now; of another, None.

        Asked by those who look in from outside: in the context of each request it would cost two
        microseconds, with which nothing is done in nearly all of them.
        """
        trail = self._tasks.get(task)
        return None if trail is None else self._work.of(trail.route, trail.model)

    async def respond(self, scope: RequestScope, exchange: Exchange) -> None:
        """Answer one request; returns when its last byte was handed over."""
        path = scope.path
        if path in PROBES:
            self._probe(path, exchange)
            return
        verdict = self._intake.verdict(len(self._tasks))
        if verdict is not None:
            answers = _MESSAGES_TURNED_AWAY if path in MESSAGES_ROUTES else _TURNED_AWAY
            refusal_headers, body = answers[verdict]
            if self._intake.gate.is_shut or self._is_leaving():
                refusal_headers = [*refusal_headers, _CLOSE]
            exchange.response_bytes(503, refusal_headers, body)
            self._emit(_SHED[verdict.reason])
            return
        # Once: the server copies all of them each time it is asked.
        headers = scope.headers
        trail = self._trail(scope, path, headers)
        if trail.route in MESSAGES_ROUTES:
            exchange = MessagesExchange(exchange, trail.request_id)
        task = asyncio.current_task()
        assert task is not None, "the server runs each request in a task"
        self._leavers.add(task, trail, exchange)
        self._tasks[task] = trail
        paced = PacedExchange(exchange, scope, self._pace, self._intake.stream_began)
        try:
            await self._answer(trail, scope, headers, paced)
        except asyncio.CancelledError:
            trail.status = trail.status or CLIENT_GONE
            trail.outcome = "client_gone" if trail.has_lost_client else "cut_off"
            if not trail.has_lost_client:
                raise
        finally:
            self._leavers.remove(task)
            self._tasks.pop(task, None)  # two of one task, as in a test, are one
            self._admission.settle(trail)
            self._intake.release_body(trail.held_bytes)
            if paced.is_streaming:
                self._intake.stream_ended()
            self._emit(trail.finished())

    async def _answer(
        self, trail: Trail, scope: RequestScope, headers: RequestHeaders, exchange: Exchange
    ) -> None:
        try:
            self._authenticate(trail, headers)
            await self._dispatch(trail, scope, headers, exchange)
        except Refusal as refusal:
            _refuse(trail, refusal, exchange)
        except ClientGone:
            trail.outcome = "client_gone"
        except Exception:
            # The 500 page: whatever fails in one request, the node goes on.
            _log.exception("request %s crashed", trail.request_id)
            if not trail.status:
                _refuse(trail, refusals.crashed(trail.request_id), exchange)
            trail.outcome = "crashed"

    def _authenticate(self, trail: Trail, headers: RequestHeaders) -> None:
        check = self._key_check()
        if check is None:
            return
        key = key_in(headers.get("authorization"), headers.get("x-api-key"))
        if not key:
            raise refusals.key_missing()
        trail.key_id = check.key_id(key)
        if not trail.key_id:
            raise refusals.key_wrong()
        trail.auth_us = trail.elapsed_us()

    async def _dispatch(
        self, trail: Trail, scope: RequestScope, headers: RequestHeaders, exchange: Exchange
    ) -> None:
        route, method, request_id = trail.route, trail.method, trail.request_id
        if route is UNKNOWN:
            raise refusals.path_unknown(method, scope.path)
        if method not in METHODS[route]:
            raise refusals.method_wrong(method, route, ", ".join(METHODS[route]))
        decode = _DECODERS.get(route)
        if decode is not None:
            body = await self._whole_body(trail, headers, exchange)
            await self._chat.respond(trail, body, exchange, decode=decode)
        elif route == MESSAGES:
            body = await self._whole_body(trail, headers, exchange)
            messages = partial(decode_messages_request, headers=headers, request_id=request_id)
            await self._chat.respond(trail, body, exchange, decode=messages)
        elif route == COUNT_TOKENS:
            self._admission.show(trail)
            body = await self._whole_body(trail, headers, exchange)
            counted = partial(decode_count_request, headers=headers, request_id=request_id)
            await self._token_count.respond(trail, body, exchange, decode=counted)
        elif route in TALK_ROUTES:
            await self._talk_about(trail, scope, headers, exchange)
        elif route == MODEL:
            self._admission.show(trail)
            model = self._catalogue.model(model_in(scope.path))
            self._admission.check_model(trail, model.name)
            self._give(trail, self._listed(model), exchange)
        else:
            self._admission.show(trail)
            models = [
                self._listed(model)
                for model in self._catalogue.models()
                if self._admission.allows(trail, model.name)
            ]
            first, last = (models[0].id, models[-1].id) if models else (None, None)
            self._give(trail, _ModelList(models, first, last), exchange)

    async def _talk_about(
        self, trail: Trail, scope: RequestScope, headers: RequestHeaders, exchange: Exchange
    ) -> None:
        if self._talk is None:
            raise refusals.path_unknown(scope.method, scope.path)
        body = b""
        if scope.method == "POST":
            body = await self._whole_body(trail, headers, exchange)
        if trail.route != RESPONSES:
            self._admission.show(trail)
        hold = partial(self._hold, trail)
        await self._talk.respond(trail, scope, body, exchange, hold=hold)

    async def _whole_body(self, trail: Trail, headers: RequestHeaders, exchange: Exchange) -> bytes:
        try:
            with self._bodies.call(self._body_timeout_s):
                body = await self._body(trail, headers, exchange)
        except TimeoutError:
            raise refusals.body_too_slow(self._body_timeout_s) from None
        trail.request_bytes = len(body)
        return body

    async def _body(self, trail: Trail, headers: RequestHeaders, exchange: Exchange) -> bytes:
        """The request's body; raises `Refusal` when it is larger than is taken (413), or than there
        is room for beside the others (503).
        """
        announced = headers.get("content-length")
        if announced is not None and announced.isdecimal():
            if len(announced) > 12 or int(announced) > self._body_bytes_max:
                raise refusals.body_too_large(self._body_bytes_max)
            self._hold(trail, int(announced))
            return await exchange()
        body = bytearray()
        async for part in exchange:
            if len(body) + len(part) > self._body_bytes_max:
                raise refusals.body_too_large(self._body_bytes_max)
            self._hold(trail, len(part))
            body += part
        return bytes(body)

    def _hold(self, trail: Trail, more_bytes: int) -> None:
        verdict = self._intake.hold_body(more_bytes)
        if verdict is not None:
            self._emit(_SHED[verdict.reason])
            raise refusals.overloaded(verdict)
        trail.held_bytes += more_bytes

    def _listed(self, model: Model) -> _ListedModel:
        since_s = self._started_at_s
        provider = model.targets[0].provider
        return _ListedModel(model.name, since_s, provider, model.name, instant(since_s))

    def _give(self, trail: Trail, content: msgspec.Struct, exchange: Exchange) -> None:
        give_json(trail, msgspec.json.encode(content), exchange)

    def _probe(self, path: str, exchange: Exchange) -> None:
        """Bare status for load balancers: nothing of the node's inside is told here."""
        if path == "/livez" or self._is_ready():
            exchange.response_bytes(200, _TEXT, b"ok\n")
        else:
            exchange.response_bytes(503, _TEXT, b"not ready\n")

    def _trail(self, scope: RequestScope, path: str, headers: RequestHeaders) -> Trail:
        return Trail(
            method=scope.method,
            route=route_of(path),
            request_id=self._ids.request_id(headers.get("x-request-id")),
            traceparent=self._ids.traceparent(headers.get("traceparent")),
            at_s=time(),
            is_leaving=self._is_leaving,
        )


def _turned_away(verdict: Verdict) -> tuple[list[tuple[str, str]], bytes]:
    headers = [("content-type", "application/json"), ("retry-after", str(verdict.retry_after_s))]
    return headers, refusals.overloaded(verdict).body()


def _messages_turned_away(verdict: Verdict) -> tuple[list[tuple[str, str]], bytes]:
    headers, body = _turned_away(verdict)
    return headers, messages_error_from(body, 503, "")


# Made once: a node that is busy turning requests away has no time to write why.
_TURNED_AWAY: Final = {verdict: _turned_away(verdict) for verdict in VERDICTS}
_MESSAGES_TURNED_AWAY: Final = {verdict: _messages_turned_away(verdict) for verdict in VERDICTS}
# To who is turned away while load balancers are told to go elsewhere: behind those that only choose
# for a new connection, one that is kept would come back here. While only some are turned away it
# stays open: a handshake costs more than another refusal, and most would come back all the same.
_CLOSE: Final = ("connection", "close")
_SHED: Final = {verdict.reason: RequestShed(verdict.reason) for verdict in VERDICTS}


def _refuse(trail: Trail, refusal: Refusal, exchange: Exchange) -> None:
    trail.status = refusal.status
    # Nobody was asked yet when the server itself refuses: that it is full is no provider's failure.
    # Nor is it one's failure when a request says what its API cannot.
    is_theirs = trail.attempt_count and refusal.status >= 500 and not refusal.is_ours
    trail.outcome = "provider_failed" if is_theirs else "refused"
    trail.error_code = refusal.code
    headers = [
        ("content-type", "application/json"),
        ("x-request-id", trail.request_id),
        ("server-timing", trail.server_timing()),
        *refusal.headers,
        *trail.extra_headers,
    ]
    if refusal.retry_after_s is not None:
        headers.append(("retry-after", str(refusal.retry_after_s)))
    if trail.target:
        headers.append(("x-aiex-target", trail.target))
        headers.append(("x-aiex-attempts", str(trail.attempt_count)))
    body = refusal.body()
    trail.response_bytes = len(body)
    exchange.response_bytes(refusal.status, headers, body)
