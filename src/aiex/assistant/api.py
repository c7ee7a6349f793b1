"""The API's front door: every request comes through `Api.respond` and leaves as one event.

No framework: the hot path is this module, a table of routes and the handler of the route.
"""

import asyncio
import logging
from collections.abc import Callable
from random import Random
from time import time
from typing import Final

import msgspec

from aiex.assistant import refusal as refusals
from aiex.assistant.catalogue import Catalogue, Model
from aiex.assistant.chat import Chat
from aiex.assistant.exchange import ClientGone, Exchange, RequestScope
from aiex.assistant.keys import KeyCheck, key_in
from aiex.assistant.refusal import Refusal
from aiex.assistant.request_id import RequestIds
from aiex.assistant.routes import (
    CHAT_COMPLETIONS,
    METHODS,
    MODEL,
    PROBES,
    UNKNOWN,
    model_in,
    route_of,
)
from aiex.assistant.trail import Trail
from aiex.events import Emit

# Nginx's status for "the client closed the connection": nobody receives it, logs and metrics do.
CLIENT_GONE: Final = 499

_TEXT: Final = [("content-type", "text/plain; charset=utf-8")]
_log = logging.getLogger("aiex.assistant.api")


class _ListedModel(msgspec.Struct, frozen=True):
    id: str
    created: int
    owned_by: str
    object: str = "model"


class _ModelList(msgspec.Struct, frozen=True):
    data: list[_ListedModel]
    object: str = "list"


class Api:
    """Answers the API's requests: identity, admission, credentials, route, handler, event."""

    def __init__(
        self,
        chat: Chat,
        catalogue: Catalogue,
        *,
        key_check: Callable[[], KeyCheck | None],
        is_ready: Callable[[], bool],
        in_flight_max: int,
        body_bytes_max: int,
        body_timeout_s: float,
        random: Random,
        emit: Emit,
    ) -> None:
        self._chat = chat
        self._catalogue = catalogue
        self._key_check = key_check
        self._is_ready = is_ready
        self._in_flight_max = in_flight_max
        self._body_bytes_max = body_bytes_max
        self._body_timeout_s = body_timeout_s
        self._emit = emit
        self._ids = RequestIds(random)
        self._tasks: set[asyncio.Task[None]] = set()
        self._started_at_s = int(time())

    @property
    def in_flight_count(self) -> int:
        """Requests being answered now, open streams included."""
        return len(self._tasks)

    def cut_off(self) -> int:
        """Cancel what is in flight; the number of requests that were."""
        for task in self._tasks:
            task.cancel()
        return len(self._tasks)

    async def respond(self, scope: RequestScope, exchange: Exchange) -> None:
        """Answer one request; returns when its last byte was handed over."""
        path = scope.path
        if path in PROBES:
            self._probe(path, exchange)
            return
        trail = self._trail(scope)
        task = asyncio.current_task()
        assert task is not None, "the server runs each request in a task"
        gone = exchange.client_disconnect()

        def leave(_: object) -> None:
            trail.has_lost_client = True
            task.cancel()

        gone.add_done_callback(leave)
        self._tasks.add(task)
        try:
            await self._answer(trail, scope, exchange)
        except asyncio.CancelledError:
            trail.status = trail.status or CLIENT_GONE
            trail.outcome = "client_gone" if trail.has_lost_client else "cut_off"
            if not trail.has_lost_client:
                raise
        finally:
            gone.remove_done_callback(leave)
            gone.cancel()
            self._tasks.discard(task)
            self._emit(trail.finished())

    async def _answer(self, trail: Trail, scope: RequestScope, exchange: Exchange) -> None:
        try:
            if len(self._tasks) > self._in_flight_max:
                raise refusals.overloaded()
            self._authenticate(trail, scope)
            await self._dispatch(trail, scope, exchange)
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

    def _authenticate(self, trail: Trail, scope: RequestScope) -> None:
        check = self._key_check()
        if check is None:
            return
        headers = scope.headers
        key = key_in(headers.get("authorization"), headers.get("x-api-key"))
        if not key:
            raise refusals.key_missing()
        trail.key_id = check.key_id(key)
        if not trail.key_id:
            raise refusals.key_wrong()
        trail.auth_us = trail.elapsed_us()

    async def _dispatch(self, trail: Trail, scope: RequestScope, exchange: Exchange) -> None:
        route = trail.route
        if route is UNKNOWN:
            raise refusals.path_unknown(scope.method, scope.path)
        if scope.method != METHODS[route]:
            raise refusals.method_wrong(scope.method, route)
        if route == CHAT_COMPLETIONS:
            try:
                async with asyncio.timeout(self._body_timeout_s):
                    body = await self._body(scope, exchange)
            except TimeoutError:
                raise refusals.body_too_slow(self._body_timeout_s) from None
            trail.request_bytes = len(body)
            await self._chat.respond(trail, body, exchange)
        elif route == MODEL:
            model = self._catalogue.model(model_in(scope.path))
            self._give(trail, self._listed(model), exchange)
        else:
            models = [self._listed(model) for model in self._catalogue.models()]
            self._give(trail, _ModelList(models), exchange)

    async def _body(self, scope: RequestScope, exchange: Exchange) -> bytes:
        """The request's body; raises `Refusal` (413) once it is larger than is taken."""
        announced = scope.headers.get("content-length")
        if announced is not None and announced.isdecimal():
            if len(announced) > 12 or int(announced) > self._body_bytes_max:
                raise refusals.body_too_large(self._body_bytes_max)
            return await exchange()
        body = bytearray()
        async for part in exchange:
            body += part
            if len(body) > self._body_bytes_max:
                raise refusals.body_too_large(self._body_bytes_max)
        return bytes(body)

    def _listed(self, model: Model) -> _ListedModel:
        return _ListedModel(model.name, self._started_at_s, model.targets[0].provider)

    def _give(self, trail: Trail, content: msgspec.Struct, exchange: Exchange) -> None:
        body = msgspec.json.encode(content)
        trail.status = 200
        trail.response_bytes = len(body)
        headers = [("content-type", "application/json"), ("x-request-id", trail.request_id)]
        exchange.response_bytes(200, headers, body)

    def _probe(self, path: str, exchange: Exchange) -> None:
        """Bare status for load balancers: nothing of the node's inside is told here."""
        if path == "/livez" or self._is_ready():
            exchange.response_bytes(200, _TEXT, b"ok\n")
        else:
            exchange.response_bytes(503, _TEXT, b"not ready\n")

    def _trail(self, scope: RequestScope) -> Trail:
        headers = scope.headers
        path = scope.path
        return Trail(
            method=scope.method,
            route=route_of(path),
            request_id=self._ids.request_id(headers.get("x-request-id")),
            traceparent=self._ids.traceparent(headers.get("traceparent")),
            at_s=time(),
        )


def _refuse(trail: Trail, refusal: Refusal, exchange: Exchange) -> None:
    trail.status = refusal.status
    trail.outcome = "refused" if refusal.status < 500 else "provider_failed"
    trail.error_code = refusal.code
    headers = [
        ("content-type", "application/json"),
        ("x-request-id", trail.request_id),
        ("server-timing", trail.server_timing()),
    ]
    if refusal.retry_after_s is not None:
        headers.append(("retry-after", str(refusal.retry_after_s)))
    if trail.target:
        headers.append(("x-aiex-target", trail.target))
        headers.append(("x-aiex-attempts", str(trail.attempt_count)))
    body = refusal.body()
    trail.response_bytes = len(body)
    exchange.response_bytes(refusal.status, headers, body)
