"""A message of a stream as servers give it: as JSON when asked for, by headers when direct."""

import base64
from datetime import datetime

import msgspec

from aiex.engine.session import Message
from aiex.engine.stream import StreamMessage


def stored_message(answer: bytes) -> StreamMessage:
    """The message in the answer to `STREAM.MSG.GET`."""
    found = msgspec.json.decode(answer, type=_Found).message
    return StreamMessage(
        found.subject,
        found.seq,
        instant_s(found.time),
        _headers(base64.b64decode(found.hdrs)),
        base64.b64decode(found.data),
    )


def direct_message(message: Message) -> StreamMessage:
    """The message of a stream that came by itself, with the rest in its headers."""
    headers = message.headers
    return StreamMessage(
        headers["Nats-Subject"],
        int(headers["Nats-Sequence"]),
        instant_s(headers["Nats-Time-Stamp"]),
        headers,
        message.data,
    )


def instant_s(text: str) -> float:
    """Seconds since the epoch of a time as the server writes it, to the microsecond."""
    return datetime.fromisoformat(text).timestamp()


def _headers(block: bytes) -> dict[str, str]:
    """The headers in a stored block (`NATS/1.0`, then `Name: value` lines)."""
    lines = block.decode(errors="replace").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


class _Stored(msgspec.Struct, frozen=True):
    subject: str
    seq: int
    time: str
    data: str = ""
    hdrs: str = ""


class _Found(msgspec.Struct, frozen=True):
    message: _Stored
