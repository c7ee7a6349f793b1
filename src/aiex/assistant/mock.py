"""What the mock answers: the same for the same question, with faults by a seeded draw."""

import json
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import cycle, islice
from random import Random
from typing import Annotated

import msgspec
from msgspec import Meta

from aiex.settings import ProviderSettings

_CREATED = 1_700_000_000
_WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog"]


class MockFault(Enum):
    ERROR = "error"
    RATE_LIMIT = "rate limit"
    HANG = "hang"
    CUT = "cut"


class _Part(msgspec.Struct, frozen=True):
    text: str = ""


class _Message(msgspec.Struct, frozen=True):
    role: str = ""
    content: str | list[_Part] | None = None


class _Function(msgspec.Struct, frozen=True):
    name: str = "tool"


class _Tool(msgspec.Struct, frozen=True):
    function: _Function = _Function()


class MockRequest(msgspec.Struct, frozen=True):
    model: str
    messages: list[_Message]
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    tools: list[_Tool] | None = None
    tool_choice: msgspec.Raw = msgspec.Raw(b"null")


_REQUEST = msgspec.json.Decoder(MockRequest)


def decode_mock_request(body: bytes) -> MockRequest:
    """Raises `msgspec.DecodeError` for messages no provider would take."""
    return _REQUEST.decode(body)


class MockModel:
    """Answers by rule: `echo X` gives X, a required tool is called, anything else gives words.

    Tokens are words separated by white space.
    """

    def __init__(self, settings: ProviderSettings) -> None:
        self._answer_tokens = settings.answer_tokens
        self._random = Random(settings.seed)  # noqa: S311 - a drill repeats with its seed
        faults = settings.faults
        self._shares = (
            (MockFault.ERROR, faults.error_ratio),
            (MockFault.RATE_LIMIT, faults.rate_limit_ratio),
            (MockFault.HANG, faults.hang_ratio),
            (MockFault.CUT, faults.cut_ratio),
        )
        self._has_faults = any(share for _, share in self._shares)

    def fault(self) -> MockFault | None:
        """The fault of the next request, if it has one."""
        if not self._has_faults:
            return None
        drawn = self._random.random()
        for fault, share in self._shares:
            if drawn < share:
                return fault
            drawn -= share
        return None

    def answer(self, request: MockRequest) -> bytes:
        """A whole completion."""
        message: dict[str, object] = {"role": "assistant", "content": self._text(request)}
        reason = "stop"
        if call := _tool_call(request):
            message, reason = (
                {"role": "assistant", "content": None, "tool_calls": [call]},
                "tool_calls",
            )
        choice = {"index": 0, "message": message, "finish_reason": reason}
        return json.dumps(
            {
                **_head(request, "chat.completion"),
                "choices": [choice],
                "usage": self._usage(request),
            }
        ).encode()

    def frames(self, request: MockRequest) -> Iterator[bytes]:
        """The events of a stream as they are wanted, usage and end mark included."""
        head = _head(request, "chat.completion.chunk")
        call = _tool_call(request)
        deltas: Iterable[dict[str, object]]
        if call:
            deltas = [{"tool_calls": [{"index": 0, **call}]}]
        else:
            words = enumerate(self._words(request))
            deltas = ({"content": word if n == 0 else f" {word}"} for n, word in words)
        for delta in deltas:
            yield _event({**head, "choices": [_choice(delta, None)]})
        yield _event({**head, "choices": [_choice({}, "tool_calls" if call else "stop")]})
        yield _event({**head, "choices": [], "usage": self._usage(request)})
        yield b"data: [DONE]\n\n"

    def half_of_frames(self, request: MockRequest) -> Iterator[bytes]:
        """A stream that stops in the middle of its answer."""
        count = 1 if _tool_call(request) else max(1, self._word_count(request) // 2)
        return islice(self.frames(request), count)

    def _text(self, request: MockRequest) -> str:
        return " ".join(self._words(request))

    def _words(self, request: MockRequest) -> Iterator[str]:
        words = _echoed(request)
        return islice(cycle(_WORDS) if words is None else words, self._word_count(request))

    def _word_count(self, request: MockRequest) -> int:
        words = _echoed(request)
        count = self._answer_tokens if words is None else len(words)
        limit = request.max_completion_tokens or request.max_tokens
        return min(count, limit) if limit else count

    def _usage(self, request: MockRequest) -> dict[str, int]:
        prompt = sum(len(_text_of(message).split()) for message in request.messages)
        completion = self._word_count(request)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        }


def _echoed(request: MockRequest) -> list[str] | None:
    """The words to say again, when the last message asks for that."""
    question = _text_of(request.messages[-1]) if request.messages else ""
    return question.removeprefix("echo ").split(" ") if question.startswith("echo ") else None


def _event(content: dict[str, object]) -> bytes:
    return b"data: %s\n\n" % json.dumps(content).encode()


def _choice(delta: dict[str, object], finish_reason: str | None) -> dict[str, object]:
    return {"index": 0, "delta": delta, "finish_reason": finish_reason}


def _head(request: MockRequest, kind: str) -> dict[str, object]:
    return {"id": "chatcmpl-mock", "object": kind, "created": _CREATED, "model": request.model}


def _text_of(message: _Message) -> str:
    if isinstance(message.content, list):
        return " ".join(part.text for part in message.content)
    return message.content or ""


def _tool_call(request: MockRequest) -> dict[str, object] | None:
    """A call of the first tool, when the client says one must be called."""
    if not request.tools or bytes(request.tool_choice) != b'"required"':
        return None
    return {
        "id": "call_mock",
        "type": "function",
        "function": {"name": request.tools[0].function.name, "arguments": "{}"},
    }
