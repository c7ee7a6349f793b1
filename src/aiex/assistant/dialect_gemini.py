"""Gemini's OpenAI-compatible endpoint, made to say what OpenAI's clients expect.

- Errors come as a list of one, and a wrong API key is a 400 (`API_KEY_INVALID`), not a 401.
- Thoughts are counted in `total_tokens` only; here they are part of the completion, as reasoning
  tokens, which is also what Google bills.
- Every event of a stream carries the usage so far; here one event at the end does.
- Tool calls come without an `index`, and in a stream end with `stop`; here with `tool_calls`.

What Google adds (`extra_content.google.thought_signature`) passes through both ways: Gemini 3 wants
its signatures back with the next turn.
"""

import copy
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from aiex.assistant.dialect import openai_error
from aiex.assistant.event_cutter import EventCutter, payload

BASE_URL = "https://generativelanguage.googleapis.com/v1beta/openai"

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class GeminiDialect:
    def url(self, base_url: str, path: str, model: str) -> str:
        return base_url + path

    def is_key_refused(self, status: int, body: bytes) -> bool:
        return status == 400 and b'"API_KEY_INVALID"' in body

    def answer(self, body: bytes) -> bytes:
        try:
            fields = _FIELDS.decode(body)
            usage = msgspec.json.decode(fields["usage"])
        except (KeyError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return body
        whole = _whole_usage(usage)
        if whole == usage:
            return body
        fields["usage"] = msgspec.Raw(msgspec.json.encode(whole))
        return msgspec.json.encode(fields)

    def error(self, status: int, body: bytes) -> bytes:
        return openai_error(status, body)

    async def chunks(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        cutter = EventCutter()
        stream = _GeminiStream()
        async for chunk in chunks:
            if data := b"".join([stream.turned(event) for event in cutter.feed(chunk)]):
                yield data
        # An end without its blank line is still an end.
        if tail := b"".join([stream.turned(cutter.rest + b"\n\n") if cutter.rest else b""]):
            yield tail
        if last := stream.usage_event():
            yield last


class _GeminiStream:
    """Events as they come to events as OpenAI would send them."""

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._usage: Any = None
        self._call_counts: dict[int, int] = {}  # by choice

    def turned(self, event: bytes) -> bytes:
        data = payload(event)
        if data.strip() == b"[DONE]":
            return self.usage_event() + event
        try:
            chunk = msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return event
        if not isinstance(chunk, dict) or not isinstance(chunk.get("choices"), list):
            return event
        if isinstance(usage := chunk.pop("usage", None), dict):
            self._usage = usage
        self._head = {name: chunk[name] for name in chunk if name != "choices"}
        if not chunk["choices"]:
            return b""
        for choice in chunk["choices"]:
            if isinstance(choice, dict):
                self._turn(choice)
        return b"data: " + msgspec.json.encode(chunk) + b"\n\n"

    def usage_event(self) -> bytes:
        """The event that tells the usage, once; empty when there is none to tell."""
        if self._usage is None:
            return b""
        usage, self._usage = _whole_usage(self._usage), None
        return (
            b"data: " + msgspec.json.encode({**self._head, "choices": [], "usage": usage}) + b"\n\n"
        )

    def _turn(self, choice: dict[str, Any]) -> None:
        index = choice.get("index", 0)
        delta = choice.get("delta")
        calls = delta.get("tool_calls") if isinstance(delta, dict) else None
        count = self._call_counts.get(index, 0) if isinstance(index, int) else 0
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict):
                call.setdefault("index", count)
                count += 1
        if isinstance(index, int):
            self._call_counts[index] = count
        if count and choice.get("finish_reason") == "stop":
            choice["finish_reason"] = "tool_calls"


def _whole_usage(usage: Any) -> Any:
    """The usage with thoughts counted as completion; as it is when nothing is missing."""
    if not isinstance(usage, dict):
        return usage
    prompt, completion, total = (
        usage.get(name, 0) for name in ("prompt_tokens", "completion_tokens", "total_tokens")
    )
    if not all(isinstance(count, int) for count in (prompt, completion, total)):
        return usage
    thoughts = total - prompt - completion
    if thoughts <= 0 or "completion_tokens" not in usage:
        return usage
    whole = copy.copy(usage)
    whole["completion_tokens"] = completion + thoughts
    details = usage.get("completion_tokens_details")
    known = details if isinstance(details, dict) else {}
    whole["completion_tokens_details"] = {"reasoning_tokens": thoughts, **known}
    return whole
