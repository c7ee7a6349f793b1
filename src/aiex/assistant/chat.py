"""A request for a model: one question to one of its targets, and the answer back.

The walk: decode what must be known, choose targets, try them until one answers, pass its bytes on.
Another target is tried only while nothing was sent to the client.
"""

from collections.abc import Callable, Iterator, Mapping
from random import Random

from aiex.assistant.admission import Admission
from aiex.assistant.catalogue import Catalogue, Target
from aiex.assistant.chat_request import ChatRequest, decode_chat_request
from aiex.assistant.client_stream import ClientStream
from aiex.assistant.exchange import Exchange
from aiex.assistant.provider import (
    Answer,
    AnswerStream,
    Call,
    Provider,
    ProviderRefusedUs,
    ProviderTimeout,
)
from aiex.assistant.refusal import Refusal
from aiex.assistant.routing import attempts
from aiex.assistant.trail import Trail
from aiex.assistant.usage import usage_of
from aiex.errors import ProviderError

# Answers that another target may better: overload, and failures of the provider itself. What is
# wrong with the request (the other 4xx) is wrong everywhere. 529 is "overloaded" at Anthropic.
RETRYABLE_STATUS = frozenset({408, 429, 500, 502, 503, 504, 529})


class Chat:
    """Answers requests for a model (chat, completions, embeddings) with the providers given."""

    def __init__(
        self,
        catalogue: Catalogue,
        providers: Mapping[str, Provider],
        *,
        random: Random,
        admission: Admission | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._providers = providers
        self._random = random
        self._admission = admission or Admission.open()

    async def respond(
        self,
        trail: Trail,
        raw: bytes,
        exchange: Exchange,
        *,
        decode: Callable[[bytes], ChatRequest] = decode_chat_request,
    ) -> None:
        """Answer the request on `exchange`; raises `Refusal` while nothing was sent."""
        begun_us = trail.elapsed_us()
        request = decode(raw)
        parsed_us = trail.elapsed_us()
        model = self._catalogue.model(request.model)
        targets = attempts(model, self._catalogue, self._random)
        trail.is_stream = request.is_stream
        trail.model = model.name
        trail.parse_us = parsed_us - begun_us
        await self._admission.admit(trail, raw, request.answer_tokens)
        trail.route_us = trail.elapsed_us() - parsed_us
        if request.is_stream:
            answer = await self._stream(trail, request, targets, exchange)
        else:
            answer = await self._whole(trail, request, targets)
        if answer is not None:
            self._send(trail, _said(request, answer), exchange)

    async def _whole(self, trail: Trail, request: ChatRequest, targets: Iterator[Target]) -> Answer:
        """The first good answer, else the last bad one; raises `Refusal` when there is none."""
        outcome: Answer | ProviderError | None = None
        for target in targets:
            call = _call(trail, request, target)
            asked_us = trail.elapsed_us()
            try:
                outcome = await self._providers[target.provider].answer(call)
            except ProviderError as error:
                outcome = error
                continue
            trail.provider_us = trail.elapsed_us() - asked_us
            if outcome.status not in RETRYABLE_STATUS:
                break
        return _given(outcome)

    async def _stream(
        self, trail: Trail, request: ChatRequest, targets: Iterator[Target], exchange: Exchange
    ) -> Answer | None:
        """None when a stream was passed on, to its end or to where it broke; else as `_whole`."""
        outcome: Answer | ProviderError | None = None
        async with ClientStream(trail, exchange) as client:
            for target in targets:
                call = _call(trail, request, target)
                asked_us = trail.elapsed_us()
                try:
                    async with self._providers[target.provider].stream(call) as answer:
                        trail.provider_us = trail.elapsed_us() - asked_us
                        if isinstance(answer, AnswerStream):
                            await client.relay(answer.chunks, request.relay(answer))
                            return None
                except ProviderError as error:
                    if client.is_open:
                        await client.fail(_failed(trail, error))
                        return None
                    outcome = error
                    continue
                outcome = answer
                if answer.status not in RETRYABLE_STATUS:
                    break
        return _given(outcome)

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
            ("server-timing", trail.server_timing()),
            *trail.extra_headers,
        ]
        if answer.retry_after:
            headers.append(("retry-after", answer.retry_after))
        trail.first_byte_us = trail.elapsed_us()
        exchange.response_bytes(answer.status, headers, answer.body)


def _call(trail: Trail, request: ChatRequest, target: Target) -> Call:
    trail.attempt_count += 1
    trail.provider = target.provider
    trail.target = target.name
    trail.provider_us = 0  # of the target that answers; the others' time is in the total
    return Call(request, target.model, trail.request_id, trail.traceparent)


def _said(request: ChatRequest, answer: Answer) -> Answer:
    try:
        return request.given(answer)
    except ProviderError as error:
        raise _refusal(error) from error


def _given(outcome: Answer | ProviderError | None) -> Answer:
    assert outcome is not None, "every model has a target"
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
