"""Where a node is called: takes requests, has them carried out, sends the answers back.

    aiex.<cluster>.node.<name>.call    a request; answered with an answer, its beginning, or why not
    aiex.<cluster>.node.<name>.more    the next bytes of a large answer, please
    aiex.<cluster>.node.<name>.stop    nobody waits for that call any more

A request is carried out by the async function that was handed in for it, in a task of its own,
which is cancelled at the deadline, when the caller says stop, and when the caller is gone.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from random import Random
from typing import Any

import msgspec

from aiex.clock import Clock
from aiex.cluster.calls.answer import Answer, Failure, Reason
from aiex.cluster.calls.call_messages import (
    ANSWER_BYTES_MAX,
    CHUNK_BYTES,
    LARGE,
    OK,
    REQUEST_BYTES_MAX,
    AnswerHead,
    CallHead,
    MoreHead,
    StopHead,
    body_of,
    head_of,
    headers,
    may_answer_to,
    quoted,
    shortened,
    spoken_version,
    too_old_text,
)
from aiex.cluster.calls.held_answers import HELD_S, HeldAnswers
from aiex.cluster.calls.in_flight import InFlight
from aiex.cluster.calls.requests import Page, RequestKind
from aiex.cluster.events import CallHandlerFailed, MessageRefused
from aiex.cluster.membership import MessageUnreadable, Own
from aiex.cluster.subjects import node_subject
from aiex.engine import Message, Messaging, Received
from aiex.errors import AiexError, CallRefused, EngineError
from aiex.events import Emit
from aiex.service import Ready
from aiex.trace_context import next_traceparent

SEND_TIMEOUT_S = 0.5
LISTEN_S = 60.0
RESUBSCRIBE_S = 0.05
# How long what is cancelled may take to tidy up while its place counts as taken.
UNWIND_S = 1.0

type Key = tuple[str, int, str]
type Handler = Callable[[Any, "Caller"], Awaitable[Any]]


class Caller(msgspec.Struct, frozen=True):
    """Who asks, until when an answer is any use, and this node's place in the trace."""

    name: str
    incarnation: int
    remaining_s: float
    traceparent: str


class CallDesk:
    """`handlers` has an async function for the type of each request that is answered here.

    One that raises `CallRefused` says that it would not; anything else it raises is its failure.
    """

    name = "cluster.calls"

    def __init__(
        self,
        own: Own,
        cluster: str,
        connection: Messaging,
        handlers: Mapping[type[Any], Handler],
        *,
        page: Page,
        may_answer: Callable[[], bool],
        clock: Clock,
        random: Random,
        emit: Emit,
    ) -> None:
        self._own = own
        self._subject = node_subject(cluster, own.name)
        self._connection = connection
        self._handlers = {page.of(request).name: one for request, one in handlers.items()}
        self._page = page
        self._may_answer = may_answer
        self._clock = clock
        self._random = random
        self._emit = emit
        self._in_flight = InFlight()
        self._held = HeldAnswers()
        self._running: dict[Key, asyncio.Task[None]] = {}

    @property
    def running_count(self) -> int:
        """Requests that are being carried out for others."""
        return len(self._running)

    @property
    def held_bytes(self) -> int:
        """Bytes of large answers that wait to be fetched."""
        return self._held.held_bytes

    async def run(self, ready: Ready) -> None:
        ready()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(tasks), name="calls listen")
                tasks.create_task(self._tidy(), name="calls tidy")
        finally:
            self._held = HeldAnswers()

    async def answer_here(
        self, kind: RequestKind, request: Any, deadline_s: float, traceparent: str
    ) -> Answer[Any] | Failure:
        """What a node's call to itself comes to; nothing is sent, so it needs no engine."""
        name = self._own.name
        handler = self._handlers.get(kind.name)
        if handler is None:
            return Failure(name, Reason.NO_SUCH_REQUEST, self._unknown_text(kind.name))
        if full := self._in_flight.full(name):
            return Failure(name, Reason.REFUSED, full)
        began_s = self._clock.monotonic_s()
        caller = Caller(name, 0, deadline_s, next_traceparent(traceparent, self._random))
        with self._in_flight.place(name):
            came = await self._carried_out(kind, handler(request, caller), caller)
        if isinstance(came, Failure):
            return came
        return Answer(name, came, self._clock.monotonic_s() - began_s, caller.traceparent)

    def caller_gone(self, name: str, incarnation: int) -> None:
        """Nobody waits for what that life of a node asked."""
        for key, task in self._running.items():
            if key[:2] == (quoted(name), incarnation):
                task.cancel()
        self._held.release_of(quoted(name), incarnation)

    # Taking.

    async def _listen(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            await self._connection.until_up()
            with contextlib.suppress(EngineError, TimeoutError):
                async with self._connection.subscribed(
                    f"{self._subject}.*", timeout_s=SEND_TIMEOUT_S
                ) as inbox:
                    await self._take_all(inbox, tasks)
            await asyncio.sleep(RESUBSCRIBE_S)

    async def _take_all(self, inbox: Received, tasks: asyncio.TaskGroup) -> None:
        while True:
            try:
                message = await inbox.next(LISTEN_S)
            except TimeoutError:
                continue
            # Of two processes under one name only the member answers.
            if self._may_answer():
                await self._take(message, tasks)

    async def _take(self, message: Message, tasks: asyncio.TaskGroup) -> None:
        what = message.subject.rpartition(".")[2]
        try:
            if what == "stop":
                self._stop(head_of(message.headers, StopHead))
            elif not may_answer_to(message.reply):
                self._emit(MessageRefused("forged address"))
            elif what == "more":
                await self._send_more(message, head_of(message.headers, MoreHead))
            elif what == "call":
                await self._take_call(message, tasks)
            else:
                self._emit(MessageRefused("out of place"))
        except MessageUnreadable as error:
            self._emit(MessageRefused(str(error)))
            await self._refuse(message.reply, Reason.REFUSED, f"the message is {error}")

    async def _take_call(self, message: Message, tasks: asyncio.TaskGroup) -> None:
        """Begin with a request, or refuse it at once; raises `MessageUnreadable`."""
        reply = message.reply
        version = spoken_version(message)
        caller = message.headers.get("Aiex-Caller", "the caller")[:64]
        if version and (text := too_old_text(self._own.name, caller, version)):
            await self._refuse(reply, Reason.TOO_OLD, text)
            return
        head = head_of(message.headers, CallHead)
        if len(message.data) > REQUEST_BYTES_MAX:
            raise MessageUnreadable("too large")
        kind, handler = self._page.named(head.request), self._handlers.get(head.request)
        if kind is None or handler is None:
            await self._refuse(reply, Reason.NO_SUCH_REQUEST, self._unknown_text(head.request))
            return
        request = body_of(message.data, kind.request)
        if head.key in self._running:
            self._emit(MessageRefused("repeated"))
        elif full := self._in_flight.full(head.caller_name):
            await self._refuse(reply, Reason.REFUSED, f"{self._own.name} has enough to do: {full}")
        else:
            self._begin(head, self._serve(head, kind, handler, request, reply), tasks)

    def _begin(
        self, head: CallHead, work: Coroutine[Any, Any, None], tasks: asyncio.TaskGroup
    ) -> None:
        # The place is taken now and not when the task first runs: more calls may come before.
        self._in_flight.begin(head.caller_name)
        task = self._running[head.key] = tasks.create_task(work, name=f"call {head.request}")

        def end(_: object) -> None:
            del self._running[head.key]
            self._in_flight.end(head.caller_name)

        task.add_done_callback(end)

    def _stop(self, head: StopHead) -> None:
        if task := self._running.get(head.key):
            task.cancel()
        self._held.release(head.key)

    async def _send_more(self, message: Message, head: MoreHead) -> None:
        chunk = self._held.chunk(head.key, head.offset, self._clock.monotonic_s())
        if chunk is None:
            text = f"{self._own.name} does not hold that answer any more"
            await self._refuse(message.reply, Reason.REFUSED, text)
        else:
            await self._send(message.reply, AnswerHead(outcome=OK), chunk)

    # Answering.

    async def _serve(
        self, head: CallHead, kind: RequestKind, handler: Handler, request: Any, reply: str
    ) -> None:
        caller = Caller(
            head.caller_name,
            head.incarnation,
            head.remaining_ms / 1000,
            next_traceparent(head.traceparent, self._random),
        )

        async def encoded() -> bytes:
            return msgspec.msgpack.encode(await handler(request, caller))

        came = await self._carried_out(kind, encoded(), caller)
        if isinstance(came, Failure):
            await self._refuse(reply, came.reason, came.text, caller.traceparent)
        else:
            await self._send_answer(head, came, reply, caller.traceparent)

    async def _carried_out(
        self, kind: RequestKind, work: Awaitable[Any], caller: Caller
    ) -> Any | Failure:
        """What the work comes to by the deadline. When this is cancelled, so is the work."""
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task}, timeout=caller.remaining_s)
            is_late = not task.done()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=UNWIND_S)
        name = self._own.name
        if is_late or task.cancelled():
            text = f"{name} was not done with it in time"
            return Failure(name, Reason.DEADLINE, text)
        error = task.exception()
        if error is None:
            return task.result()
        if isinstance(error, CallRefused):
            return Failure(name, Reason.REFUSED, str(error))
        text = str(error) if isinstance(error, AiexError) else f"{type(error).__name__}: {error}"
        self._emit(CallHandlerFailed(kind.name, caller.name, text))
        return Failure(name, Reason.ERROR, text)

    async def _send_answer(self, head: CallHead, body: bytes, reply: str, traceparent: str) -> None:
        if len(body) <= CHUNK_BYTES:
            await self._send(reply, AnswerHead(outcome=OK, traceparent=traceparent), body)
            return
        name = self._own.name
        if len(body) > ANSWER_BYTES_MAX:
            text = f"the answer of {name} has {len(body)} bytes, {ANSWER_BYTES_MAX} are the limit"
            await self._refuse(reply, Reason.REFUSED, text, traceparent)
        elif not self._held.hold(head.key, body, self._clock.monotonic_s()):
            text = f"too many large answers wait at {name} to be fetched"
            await self._refuse(reply, Reason.REFUSED, text, traceparent)
        else:
            answer = AnswerHead(outcome=LARGE, size=len(body), traceparent=traceparent)
            await self._send(reply, answer, body[:CHUNK_BYTES])

    async def _refuse(self, reply: str, reason: Reason, text: str, traceparent: str = "") -> None:
        if may_answer_to(reply):
            head = AnswerHead(outcome=reason.value, traceparent=traceparent)
            await self._send(reply, head, shortened(text))

    async def _send(self, reply: str, head: AnswerHead, body: bytes) -> None:
        # Without a connection nobody gets an answer; the caller's deadline tells it so.
        with contextlib.suppress(EngineError):
            await self._connection.publish(
                reply, body, headers=headers(head), timeout_s=SEND_TIMEOUT_S
            )

    async def _tidy(self) -> None:
        while True:
            await self._clock.sleep(HELD_S / 5)
            self._held.tidy(self._clock.monotonic_s())

    def _unknown_text(self, request: str) -> str:
        release = f" (release {self._own.version})" if self._own.version else ""
        return f"{self._own.name}{release} does not know the request {request}"
