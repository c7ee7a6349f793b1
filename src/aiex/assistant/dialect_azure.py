"""Azure OpenAI: another address, and a stream whose first event has no choices.

- With an `api_version` as a date the deployment is part of the address; without one, or with
  `preview`, requests go to the newer surface `/openai/v1`, where it is the model's name.
- A stream begins with an event that holds only the content filter's verdict on the prompt
  (`prompt_filter_results`, `choices` empty). Programs written for OpenAI read `choices[0]` of every
  event and fail there, so its fields are moved into the first event that has a choice.
- A prompt that the filter refuses is a 400 with the code `content_filter`, an answer it stopped has
  that as its finish reason: both are passed on. So is what the asynchronous filter sends later.
- Dated versions before 2024-09 refuse the `stream_options` that tell a stream's usage.
"""

from collections.abc import AsyncIterator
from urllib.parse import quote

import msgspec

from aiex.assistant.dialect import openai_error
from aiex.assistant.event_cutter import EventCutter, payload

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
# Of the event without choices these are empty or meaningless.
_HEAD = frozenset({"id", "object", "created", "model", "choices", "system_fingerprint", "usage"})


class AzureDialect:
    def __init__(self, api_version: str) -> None:
        self._is_dated = api_version[:1].isdigit()
        self._query = f"?api-version={quote(api_version)}" if api_version else ""

    def url(self, base_url: str, path: str, model: str) -> str:
        if self._is_dated:
            return f"{base_url}/openai/deployments/{quote(model, safe='')}{path}{self._query}"
        return f"{base_url}/openai/v1{path}{self._query}"

    def is_key_refused(self, status: int, body: bytes) -> bool:
        return False

    def answer(self, body: bytes) -> bytes:
        return body

    def error(self, status: int, body: bytes) -> bytes:
        return openai_error(status, body)

    async def chunks(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        cutter = EventCutter()
        verdict: dict[str, msgspec.Raw] = {}
        has_begun = False
        async for chunk in chunks:
            if has_begun:
                yield chunk
                continue
            events = cutter.feed(chunk)
            for position, event in enumerate(events):
                if (found := _verdict(event)) is not None:
                    verdict |= found
                    continue
                # From here on nothing is looked at any more.
                has_begun = True
                yield b"".join([_with(event, verdict), *events[position + 1 :], cutter.rest])
                break
        if not has_begun and cutter.rest:
            yield cutter.rest


def _verdict(event: bytes) -> dict[str, msgspec.Raw] | None:
    """What an event without choices says besides; None for any other event."""
    if b"filter_results" not in event and b"prompt_annotations" not in event:
        return None
    fields = _fields(event)
    if fields is None or bytes(fields.get("choices", b"")) != b"[]":
        return None
    return {name: value for name, value in fields.items() if name not in _HEAD}


def _with(event: bytes, verdict: dict[str, msgspec.Raw]) -> bytes:
    fields = _fields(event) if verdict else None
    if fields is None:
        return event
    return b"data: " + msgspec.json.encode({**verdict, **fields}) + b"\n\n"


def _fields(event: bytes) -> dict[str, msgspec.Raw] | None:
    try:
        return _FIELDS.decode(payload(event))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
