"""`/v1/messages/count_tokens`: how many tokens a request has, before anybody answers it.

Who will answer counts where it can: an `anthropic` provider, and the local model. OpenAI's API has
no such question, so for the others it is an estimate, and a header says so.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, runtime_checkable

import msgspec

from aiex.assistant.admission import Admission
from aiex.assistant.catalogue import Catalogue
from aiex.assistant.exchange import Exchange
from aiex.assistant.messages_request import MessagesRequest
from aiex.assistant.provider import Answer, Call, Provider
from aiex.assistant.targets import Targets
from aiex.assistant.trail import Trail
from aiex.errors import ProviderError

# English text has about four bytes a token, and so has JSON.
BYTES_PER_TOKEN: Final = 4
# What frames a message in a model's template.
MESSAGE_TOKENS: Final = 4
# An image counts for its area, at most about this; a document for its pages, which nobody counts
# here.
INLINE_DATA_TOKENS: Final = 1500
_DEPTH_MAX: Final = 100

# Of the API's form, not of the prompt.
_FRAME = frozenset({"type", "cache_control", "media_type", "id", "tool_use_id", "signature"})


@runtime_checkable
class TokenCounter(Protocol):
    """A provider that counts."""

    async def count_tokens(self, call: Call) -> Answer:
        """The count in Anthropic's form, or its error; raises `ProviderError` if there is none."""


class _Count(msgspec.Struct, frozen=True):
    input_tokens: int


class _Counted(msgspec.Struct, frozen=True):
    messages: list[Any]
    system: Any = None
    tools: Any = None


_COUNTED = msgspec.json.Decoder(_Counted)


class TokenCount:
    """Answers requests for counts with the providers it is given."""

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

    async def respond(
        self,
        trail: Trail,
        raw: bytes,
        exchange: Exchange,
        *,
        decode: Callable[[bytes], MessagesRequest],
    ) -> None:
        """Answer the request on `exchange`; raises `Refusal` while nothing was sent."""
        request = decode(raw)
        model = self._catalogue.model(request.model)
        target = next(self._targets.ordered(model, is_stream=False))
        trail.model = model.name
        self._admission.check_model(trail, model.name)
        provider = self._providers[target.provider]
        answer: Answer | None = None
        if isinstance(provider, TokenCounter):
            trail.attempt_count = 1
            trail.provider, trail.target = target.provider, target.name
            call = Call(request, target.model, trail.request_id, trail.traceparent)
            try:
                answer = await provider.count_tokens(call)
            except ProviderError:
                answer = None  # nothing is lost: whoever asks wants a size, and gets one
        kind = "exact"
        if answer is None:
            kind = "estimate"
            count = _Count(estimated_tokens(raw))
            answer = Answer(200, "application/json", msgspec.json.encode(count))
        _send(trail, answer, kind, exchange)


def estimated_tokens(raw: bytes) -> int:
    """About how many tokens a model will count in a request's prompt."""
    try:
        counted = _COUNTED.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return -(-len(raw) // BYTES_PER_TOKEN)
    size = _size((counted.system, counted.messages, counted.tools), _DEPTH_MAX)
    return -(-size // BYTES_PER_TOKEN) + MESSAGE_TOKENS * len(counted.messages)


def _size(node: Any, depth: int) -> int:
    """Bytes of text, inline data by what it will count for."""
    if depth == 0:
        return 0
    if isinstance(node, str):
        return len(node.encode(errors="surrogatepass"))
    if isinstance(node, dict):
        if node.get("type") == "base64":
            return INLINE_DATA_TOKENS * BYTES_PER_TOKEN
        return sum(
            (0 if key in ("text", "content", "role") else len(key)) + _size(value, depth - 1)
            for key, value in node.items()
            if key not in _FRAME or not isinstance(value, str | dict)
        )
    if isinstance(node, list | tuple):
        return sum(_size(value, depth - 1) for value in node)
    return 0 if node is None else len(str(node))


def _send(trail: Trail, answer: Answer, kind: str, exchange: Exchange) -> None:
    trail.status = answer.status
    if answer.status != 200:
        trail.outcome = "provider_failed" if answer.status >= 500 else "refused"
        trail.error_code = f"provider_{answer.status}"
    trail.response_bytes = len(answer.body)
    trail.first_byte_us = trail.elapsed_us()
    headers = [
        ("content-type", answer.content_type),
        ("x-request-id", trail.request_id),
        ("x-aiex-token-count", kind),
        ("server-timing", trail.server_timing()),
        *trail.extra_headers,
    ]
    if trail.target:
        headers.append(("x-aiex-target", trail.target))
    if answer.retry_after:
        headers.append(("retry-after", answer.retry_after))
    exchange.response_bytes(answer.status, headers, answer.body)
