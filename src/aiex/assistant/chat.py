"""A request for a model: one question to one of its targets, and the answer back.

The walk: decode what must be known, choose targets, try them until one answers, pass its bytes on.
Another target is tried only while nothing was sent to the client.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol

from aiex.assistant.admission import Admission
from aiex.assistant.attempt import Attempt
from aiex.assistant.attempted import Outcome
from aiex.assistant.attempts import Attempts
from aiex.assistant.call_outcome import RETRYABLE_STATUS, is_worth_another
from aiex.assistant.catalogue import Catalogue
from aiex.assistant.chat_request import ChatRequest, decode_chat_request
from aiex.assistant.client_stream import ClientStream
from aiex.assistant.exchange import Exchange
from aiex.assistant.hedge import hedged
from aiex.assistant.provider import (
    Answer,
    AnswerStream,
    Call,
    Provider,
    ProviderRefusedUs,
    ProviderTimeout,
)
from aiex.assistant.reader_watch import ReaderWatch
from aiex.assistant.refusal import Refusal
from aiex.assistant.targets import Targets
from aiex.assistant.time_limit import time_limit
from aiex.assistant.trail import Trail
from aiex.assistant.usage import usage_of
from aiex.errors import ProviderError

type Result = Answer | ProviderError


class AnswerKeeper(Protocol):
    """Who keeps an answer before its client has all of it."""

    async def begin(self) -> None:
        """The request may be answered; raises `Refusal` when its answer could not be kept."""

    async def kept(self, answer: Answer) -> Answer:
        """A whole answer, as its client gets it; raises `Refusal` when it cannot be kept."""

    async def last(self) -> bytes:
        """The last bytes of a stream, once it is kept; else those that tell why it is not."""


class Chat:
    """Answers requests for a model (chat, completions, embeddings) with the providers given."""

    def __init__(
        self,
        catalogue: Catalogue,
        providers: Mapping[str, Provider],
        targets: Targets,
        *,
        admission: Admission | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._providers = providers
        self._targets = targets
        self._admission = admission or Admission.open()
        self._readers = ReaderWatch()

    async def respond(
        self,
        trail: Trail,
        raw: bytes,
        exchange: Exchange,
        *,
        decode: Callable[[bytes], ChatRequest] = decode_chat_request,
        keeper: AnswerKeeper | None = None,
    ) -> None:
        """Answer the request on `exchange`; raises `Refusal` while nothing was sent."""
        begun_us = trail.elapsed_us()
        request = decode(raw)
        parsed_us = trail.elapsed_us()
        model = self._catalogue.model(request.model)
        trail.is_stream = request.is_stream
        attempts = Attempts(self._targets, self._catalogue, model, trail)
        trail.model = model.name
        trail.parse_us = parsed_us - begun_us
        await self._admission.admit(trail, raw, request.answer_tokens)
        if keeper is not None:
            await keeper.begin()
        trail.route_us = trail.elapsed_us() - parsed_us
        if request.is_stream:
            answer = await self._stream(trail, request, attempts, exchange, keeper)
        else:
            answer = await self._whole(trail, request, attempts, model.hedge_after_s)
        if answer is not None:
            answer = _said(request, answer) if keeper is None else await _kept(keeper, answer)
            self._send(trail, answer, exchange)

    async def _whole(
        self, trail: Trail, request: ChatRequest, attempts: Attempts, hedge_after_s: float
    ) -> Answer:
        """The first good answer, else the last bad one; raises `Refusal` when there is none."""
        outcome: Result | None = None
        attempt = attempts.first() or await attempts.next()
        while attempt is not None:
            if hedge_after_s:
                outcome = await self._race(trail, request, attempts, attempt, hedge_after_s)
            else:
                outcome = await self._asked(trail, request, attempts, attempt)
            if not is_worth_another(outcome):
                break
            attempt = await attempts.next()
        return _given(outcome, attempts)

    def _asked(
        self, trail: Trail, request: ChatRequest, attempts: Attempts, attempt: Attempt
    ) -> Coroutine[Any, Any, Result]:
        """What one target says, or why it says nothing."""
        answer = self._providers[attempt.target.provider].answer(_call(trail, request, attempt))
        return self._tried(trail, attempts, attempt, answer)

    async def _race(
        self,
        trail: Trail,
        request: ChatRequest,
        attempts: Attempts,
        attempt: Attempt,
        hedge_after_s: float,
    ) -> Result:
        """What the target says, or another one if that one is slow and the other is faster."""
        hedge: Attempt | None = None

        async def asked(one: Attempt) -> tuple[Attempt, Result]:
            return one, await self._asked(trail, request, attempts, one)

        def ask_another() -> Coroutine[Any, Any, tuple[Attempt, Result]] | None:
            nonlocal hedge
            hedge = attempts.hedge()
            return asked(hedge) if hedge is not None else None

        try:
            winner, outcome = await hedged(
                asked(attempt),
                ask_another,
                after_s=hedge_after_s,
                clock=self._targets.clock,
                is_good=lambda result: not is_worth_another(result[1]),
            )
        finally:
            # A task that is cancelled before its first step never comes to give its place back.
            attempt.close()
            if hedge is not None:
                hedge.close()
        if hedge is not None:
            attempts.hedged(winner, hedge)
            trail.provider, trail.target = winner.target.provider, winner.name
        return outcome

    async def _stream(
        self,
        trail: Trail,
        request: ChatRequest,
        attempts: Attempts,
        exchange: Exchange,
        keeper: AnswerKeeper | None,
    ) -> Answer | None:
        """None when a stream was passed on, to its end or to where it broke; else as `_whole`."""
        outcome: Result | None = None
        async with ClientStream(trail, exchange, self._readers) as client:
            attempt = attempts.first() or await attempts.next()
            while attempt is not None:
                relayed = self._relayed(trail, request, attempt, client)
                outcome = await self._tried(trail, attempts, attempt, relayed)
                if outcome is None:
                    if keeper is not None:
                        await client.send(await keeper.last())
                    return None
                if client.is_open and isinstance(outcome, ProviderError):
                    await client.fail(_failed(trail, outcome))
                    return None
                if not is_worth_another(outcome):
                    break
                attempt = await attempts.next()
        return _given(outcome, attempts)

    async def _relayed(
        self, trail: Trail, request: ChatRequest, attempt: Attempt, client: ClientStream
    ) -> Answer | None:
        """None once a target's stream was passed on to its end; else what it says instead."""
        call = _call(trail, request, attempt)
        asked_us = trail.elapsed_us()
        async with self._providers[attempt.target.provider].stream(call) as answer:
            trail.provider_us = trail.elapsed_us() - asked_us
            if isinstance(answer, AnswerStream):
                await client.relay(answer.chunks, request.relay(answer), attempt.begun)
                return None
        return answer

    async def _tried[T: Answer | None](
        self, trail: Trail, attempts: Attempts, attempt: Attempt, asking: Awaitable[T]
    ) -> T | ProviderError:
        """The answer or why there is none; the target learns of it and gets its place back."""
        outcome: T | ProviderError
        asked_us = trail.elapsed_us()
        try:
            try:
                if attempt.limit_s is None:
                    outcome = await asking
                else:
                    async with time_limit(self._targets.clock, attempt.limit_s):
                        outcome = await asking
                if outcome is not None:
                    trail.provider_us = trail.elapsed_us() - asked_us
            except ProviderError as error:
                # Its traceback would lead back here: a circle that keeps the whole request, with
                # its body and its connection, until the garbage collector comes by.
                outcome = error.with_traceback(None)
            except TimeoutError:
                outcome = ProviderTimeout("The providers took too long.")
            attempt.ended(outcome)
            if attempt.outcome is not Outcome.OK:
                attempts.failed(attempt)
            return outcome
        finally:
            attempt.close()
            trail.note(attempt.name, attempt.outcome, attempt.took_s)

    def _send(self, trail: Trail, answer: Answer, exchange: Exchange) -> None:
        trail.status = answer.status
        if answer.status == 200:
            trail.usage = usage_of(answer.body)
        else:
            trail.outcome = "provider_failed" if answer.status in RETRYABLE_STATUS else "refused"
            trail.error_code = f"provider_{answer.status}"
        trail.response_bytes = len(answer.body)
        self._admission.settle(trail)
        headers = [
            ("content-type", answer.content_type),
            ("x-request-id", trail.request_id),
            ("x-aiex-target", trail.target),
            ("x-aiex-attempts", str(trail.attempt_count)),
            ("server-timing", trail.server_timing()),
            *trail.extra_headers,
        ]
        if answer.retry_after:
            headers.append(("retry-after", answer.retry_after))
        trail.first_byte_us = trail.elapsed_us()
        exchange.response_bytes(answer.status, headers, answer.body)


def _call(trail: Trail, request: ChatRequest, attempt: Attempt) -> Call:
    target = attempt.target
    trail.provider = target.provider
    trail.target = attempt.name
    trail.provider_us = 0  # of the target that answers; the others' time is in the total
    return Call(request, target.model, trail.request_id, trail.traceparent)


def _said(request: ChatRequest, answer: Answer) -> Answer:
    try:
        return request.given(answer)
    except ProviderError as error:
        raise _refusal(error) from error


async def _kept(keeper: AnswerKeeper, answer: Answer) -> Answer:
    try:
        return await keeper.kept(answer)
    except ProviderError as error:
        raise _refusal(error) from error


def _given(outcome: Result | None, attempts: Attempts) -> Answer:
    if outcome is None:
        raise attempts.refusal()
    if isinstance(outcome, ProviderError):
        raise _refusal(outcome) from outcome
    return outcome


def _failed(trail: Trail, error: ProviderError) -> Refusal:
    refusal = _refusal(error)
    trail.outcome = "provider_failed"
    trail.error_code = refusal.code
    return refusal


def _refusal(error: ProviderError) -> Refusal:
    if isinstance(error, ProviderTimeout):
        return Refusal(504, "provider_timeout", str(error), kind="server_error")
    if isinstance(error, ProviderRefusedUs):
        return Refusal(502, "provider_credentials", str(error), kind="server_error")
    return Refusal(502, "provider_failed", str(error), kind="server_error")
