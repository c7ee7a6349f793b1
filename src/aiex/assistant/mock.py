"""What the mock answers: the same for the same question, with faults by a seeded draw."""

import json
from enum import Enum
from random import Random

import msgspec

from aiex.settings import ProviderSettings

CREATED = 1_700_000_000
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


class MockRequest(msgspec.Struct, frozen=True):
    model: str
    messages: list[_Message]
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    tools: list[dict[str, msgspec.Raw]] | None = None
    tool_choice: msgspec.Raw = msgspec.Raw(b"null")


_REQUEST = msgspec.json.Decoder(MockRequest)


def decode_mock_request(body: bytes) -> MockRequest:
    """Raises `msgspec.DecodeError` for messages no provider would take."""
    return _REQUEST.decode(body)


def mock_question(model: str, text: str, max_tokens: int | None) -> MockRequest:
    """The request of a chat that only says `text`."""
    return MockRequest(model, [_Message("user", text)], max_tokens)


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
        message: dict[str, object] = {"role": "assistant", "content": self.text(request)}
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

    def frames(self, request: MockRequest) -> list[bytes]:
        """The events of a stream, usage and end mark included."""
        head = _head(request, "chat.completion.chunk")
        if call := _tool_call(request):
            deltas: list[dict[str, object]] = [{"tool_calls": [{"index": 0, **call}]}]
        else:
            words = self.text(request).split(" ")
            deltas = [{"content": word if n == 0 else f" {word}"} for n, word in enumerate(words)]
        last = {"index": 0, "delta": {}, "finish_reason": "tool_calls" if call else "stop"}
        choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
        events = [{**head, "choices": [choice]} for choice in [*choices, last]]
        events.append({**head, "choices": [], "usage": self._usage(request)})
        return [b"data: %s\n\n" % json.dumps(event).encode() for event in events] + [
            b"data: [DONE]\n\n"
        ]

    def text(self, request: MockRequest) -> str:
        """What the answer says."""
        question = _text_of(request.messages[-1]) if request.messages else ""
        words = (
            question.removeprefix("echo ").split(" ")
            if question.startswith("echo ")
            else [_WORDS[n % len(_WORDS)] for n in range(self._answer_tokens)]
        )
        limit = request.max_completion_tokens or request.max_tokens
        return " ".join(words[:limit] if limit else words)

    def _usage(self, request: MockRequest) -> dict[str, int]:
        prompt = sum(len(_text_of(message).split()) for message in request.messages)
        completion = len(self.text(request).split())
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        }


def _head(request: MockRequest, kind: str) -> dict[str, object]:
    return {"id": "chatcmpl-mock", "object": kind, "created": CREATED, "model": request.model}


def _text_of(message: _Message) -> str:
    if isinstance(message.content, list):
        return " ".join(part.text for part in message.content)
    return message.content or ""


def _tool_call(request: MockRequest) -> dict[str, object] | None:
    """A call of the first tool, when the client says one must be called."""
    if not request.tools or bytes(request.tool_choice) != b'"required"':
        return None
    name = json.loads(bytes(request.tools[0].get("function", b'{"name":"tool"}')))["name"]
    return {
        "id": "call_mock",
        "type": "function",
        "function": {"name": name, "arguments": "{}"},
    }
