"""Asking other nodes: an answer or a failure, by a deadline, whatever happens to whoever is asked.

    match await calls.call("n2", Ping(), deadline_s=1.0):
        case Answer(value=pong): …
        case Failure(reason=reason, text=text): …

A call costs one message each way. A large answer comes in chunks that are asked for one by one, so
it never fills anybody's buffers.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from random import Random
from typing import Any, Protocol

import msgspec

from aiex.clock import Clock
from aiex.cluster.calls.answer import Answer, Answers, Failure, Reason
from aiex.cluster.calls.call_desk import SEND_TIMEOUT_S, CallDesk
from aiex.cluster.calls.call_messages import (
    CHUNK_BYTES,
    DEADLINE_S_MAX,
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
    lengthened,
    quoted,
)
from aiex.cluster.calls.in_flight import InFlight
from aiex.cluster.calls.requests import Page, Request, RequestKind
from aiex.cluster.events import CallFinished, MessageRefused
from aiex.cluster.membership import GONE, MemberState, MessageUnreadable
from aiex.cluster.subjects import node_subject
from aiex.engine import Messaging, NobodyAnswers
from aiex.errors import EngineError, EngineRefused
from aiex.events import Emit
from aiex.trace_context import next_traceparent

# Of large answers, as much as may be under way to this node at once.
FETCHED_BYTES_MAX = 256 * 1024 * 1024
# The engine's own deadline for one message is never the earlier one.
SPARE_S = 1.0


class Seen(Protocol):
    """What calls need to know of the members."""

    def incarnation(self) -> int: ...

    def state_of(self, name: str) -> MemberState | None: ...

    def expected_names(self) -> list[str]: ...


class Calls:
    """One node's calls to all, itself included."""

    def __init__(
        self,
        own_name: str,
        cluster: str,
        connection: Messaging,
        desk: CallDesk,
        seen: Seen,
        *,
        page: Page,
        clock: Clock,
        random: Random,
        emit: Emit,
    ) -> None:
        self._own_name = own_name
        self._cluster = cluster
        self._connection = connection
        self._desk = desk
        self._seen = seen
        self._page = page
        self._clock = clock
        self._random = random
        self._emit = emit
        self._in_flight = InFlight()
        self._under_way: dict[str, set[_UnderWay]] = {}
        self._prefix = f"{random.getrandbits(64):016x}"
        self._numbers = count(1)
        self._fetched_bytes = 0

    @property
    def in_flight_count(self) -> int:
        return self._in_flight.total

    async def call[A](
        self, node: str, request: Request[A], *, deadline_s: float, traceparent: str = ""
    ) -> Answer[A] | Failure:
        """What `node` answers; a `Failure` after `deadline_s` at the latest, and never raises."""
        assert 0 < deadline_s <= DEADLINE_S_MAX, "every call has a deadline"
        kind = self._page.of(type(request))
        began_s = self._clock.monotonic_s()
        if node == self._own_name:
            came = await self._desk.answer_here(kind, request, deadline_s, traceparent)
        else:
            came = await self._called(node, kind, request, deadline_s, traceparent)
        took_us = int((self._clock.monotonic_s() - began_s) * 1e6)
        outcome = came.reason.value if isinstance(came, Failure) else OK
        self._emit(CallFinished(kind.name, outcome, took_us))
        return came

    async def call_all[A](
        self,
        request: Request[A],
        *,
        deadline_s: float,
        nodes: Sequence[str] | None = None,
        traceparent: str = "",
    ) -> AsyncGenerator[Answer[A] | Failure]:
        """What each of `nodes` answers, or each member, this node included, as it comes.

        Members that are missing without a goodbye fail at once. Closed early, the calls still under
        way are cancelled.
        """
        names = self._seen.expected_names() if nodes is None else nodes
        came: asyncio.Queue[asyncio.Task[Answer[A] | Failure]] = asyncio.Queue()
        tasks = [
            asyncio.create_task(
                self.call(name, request, deadline_s=deadline_s, traceparent=traceparent),
                name=f"call {name}",
            )
            for name in names
        ]
        for task in tasks:
            task.add_done_callback(came.put_nowait)
        try:
            for _ in tasks:
                yield (await came.get()).result()
        finally:
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)

    async def gather[A](
        self,
        request: Request[A],
        *,
        deadline_s: float,
        nodes: Sequence[str] | None = None,
        traceparent: str = "",
    ) -> Answers[A]:
        """All that `call_all` gives, once everybody answered or failed."""
        answers: list[Answer[A]] = []
        failures: list[Failure] = []
        async with contextlib.aclosing(
            self.call_all(request, deadline_s=deadline_s, nodes=nodes, traceparent=traceparent)
        ) as came:
            async for one in came:
                if isinstance(one, Failure):
                    failures.append(one)
                else:
                    answers.append(one)
        return Answers(tuple(answers), tuple(failures))

    def member_gone(self, name: str, text: str) -> None:
        """Whoever waits for that node need not wait any longer."""
        for one in self._under_way.get(name, ()):
            one.lose(text)

    # One call.

    async def _called(
        self,
        node: str,
        kind: RequestKind,
        request: Any,
        deadline_s: float,
        traceparent: str,
    ) -> Answer[Any] | Failure:
        body = msgspec.msgpack.encode(request)
        if len(body) > REQUEST_BYTES_MAX:
            text = f"the request has {len(body)} bytes, {REQUEST_BYTES_MAX} are the limit"
            return Failure(node, Reason.REFUSED, text)
        if (state := self._seen.state_of(node)) in GONE:
            return Failure(node, Reason.DOWN, f"{node} is {state}")
        if full := self._in_flight.full(node):
            return Failure(node, Reason.REFUSED, full)
        head = CallHead(
            call=f"{self._prefix}{next(self._numbers):x}",
            caller=quoted(self._own_name),
            incarnation=self._seen.incarnation(),
            request=kind.name,
            remaining_ms=int(deadline_s * 1000),
            traceparent=next_traceparent(traceparent, self._random),
        )
        with self._in_flight.place(node), self._waited_for(node, deadline_s) as under_way:
            try:
                async with under_way.timeout:
                    return await self._asked(node, kind, head, body, deadline_s)
            except TimeoutError:
                if under_way.lost:
                    return Failure(node, Reason.DOWN, under_way.lost)
                text = f"{node} gave no answer within {deadline_s:g} s"
                return Failure(node, Reason.DEADLINE, text)
            except NobodyAnswers:
                return Failure(node, Reason.DOWN, f"nobody listens for calls to {node}")
            except EngineRefused as error:
                return Failure(node, Reason.REFUSED, str(error))
            except EngineError as error:
                return Failure(node, Reason.DOWN, f"this node cannot reach others: {error}")
            except MessageUnreadable as error:
                self._emit(MessageRefused(str(error)))
                text = f"what came as an answer of {node} is {error}"
                return Failure(node, Reason.REFUSED, text)

    async def _asked(
        self, node: str, kind: RequestKind, head: CallHead, body: bytes, deadline_s: float
    ) -> Answer[Any] | Failure:
        began_s = self._clock.monotonic_s()
        try:
            message = await self._connection.request(
                f"{node_subject(self._cluster, node)}.call",
                body,
                headers=headers(head),
                timeout_s=deadline_s + SPARE_S,
            )
        except asyncio.CancelledError:
            await self._say_stop(node, head)
            raise
        answer = head_of(message.headers, AnswerHead)
        whole: bytes | bytearray = message.data
        if answer.outcome == LARGE:
            try:
                if text := self._no_room_text(answer.size):
                    return Failure(node, Reason.REFUSED, text)
                whole = await self._fetched(node, head, answer.size, message.data)
            finally:
                await self._say_stop(node, head)
        elif answer.outcome != OK:
            return Failure(node, _reason(answer.outcome), lengthened(message.data))
        took_s = self._clock.monotonic_s() - began_s
        return Answer(node, body_of(whole, kind.answer), took_s, answer.traceparent)

    async def _fetched(self, node: str, head: CallHead, size: int, beginning: bytes) -> bytearray:
        """A large answer, whole; raises `MessageUnreadable` when it does not fit together."""
        whole = bytearray(beginning)
        self._fetched_bytes += size
        try:
            while len(whole) < size:
                whole += await self._next_chunk(node, head, len(whole), size)
        finally:
            self._fetched_bytes -= size
        if len(whole) != size:
            raise MessageUnreadable("malformed")
        return whole

    async def _next_chunk(self, node: str, head: CallHead, offset: int, size: int) -> bytes:
        more = MoreHead(head.call, head.caller, head.incarnation, offset=offset)
        message = await self._connection.request(
            f"{node_subject(self._cluster, node)}.more",
            headers=headers(more),
            timeout_s=DEADLINE_S_MAX,
        )
        answer = head_of(message.headers, AnswerHead)
        if answer.outcome != OK or len(message.data) != min(CHUNK_BYTES, size - offset):
            raise MessageUnreadable("incomplete")
        return message.data

    def _no_room_text(self, size: int) -> str:
        if self._fetched_bytes + size <= FETCHED_BYTES_MAX:
            return ""
        return (
            f"{self._fetched_bytes} bytes of large answers are under way to this node already, and "
            f"this one has {size}; {FETCHED_BYTES_MAX} are the limit"
        )

    async def _say_stop(self, node: str, head: CallHead) -> None:
        stop = StopHead(head.call, head.caller, head.incarnation)
        # Unsaid, the handler goes on until its deadline, which it knows.
        with contextlib.suppress(EngineError):
            await self._connection.publish(
                f"{node_subject(self._cluster, node)}.stop",
                headers=headers(stop),
                timeout_s=SEND_TIMEOUT_S,
            )

    @contextmanager
    def _waited_for(self, node: str, deadline_s: float) -> "Iterator[_UnderWay]":
        under_way = _UnderWay(asyncio.timeout(deadline_s))
        of_node = self._under_way.setdefault(node, set())
        of_node.add(under_way)
        try:
            yield under_way
        finally:
            of_node.discard(under_way)
            if not of_node and self._under_way.get(node) is of_node:
                del self._under_way[node]


class _UnderWay:
    """A call that waits; `lost` says why it need not."""

    __slots__ = ("lost", "timeout")

    def __init__(self, timeout: asyncio.Timeout) -> None:
        self.timeout = timeout
        self.lost = ""

    def lose(self, text: str) -> None:
        if not self.lost and not self.timeout.expired():
            self.lost = text
            self.timeout.reschedule(asyncio.get_running_loop().time())


def _reason(outcome: str) -> Reason:
    try:
        return Reason(outcome)
    except ValueError:
        return Reason.REFUSED  # a reason of a newer node; its text says more
