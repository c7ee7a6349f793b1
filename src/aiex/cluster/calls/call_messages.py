"""What a call and its answer say about themselves, in headers, and what is refused unread.

The bodies are MessagePack of the types on the page of requests (`aiex.cluster.calls.requests`).
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote, unquote

import msgspec
from msgspec import Meta

from aiex.cluster.membership import MessageUnreadable, Number
from aiex.engine import Message
from aiex.trace_context import TRACEPARENT_CHARS

# What calls speak, and the oldest that is still understood here.
CALLS = 1
CALLS_MIN = 1

# An engine that nobody configured takes messages up to 1 MiB; half of it leaves room for headers
# and keeps what others wait for behind one message below a millisecond.
CHUNK_BYTES = 512 * 1024
REQUEST_BYTES_MAX = 512 * 1024
# A profile or a page of a table. More is a stream, not an answer.
ANSWER_BYTES_MAX = 64 * 1024 * 1024
DEADLINE_S_MAX = 600.0
TEXT_BYTES_MAX = 2048

_VERSION = "Aiex-Calls"
# The only addresses that an answer goes to. Anything else might be a subject that does something.
_INBOX = re.compile(r"_INBOX(\.[A-Za-z0-9]{1,64}){1,4}")

type Milliseconds = Annotated[int, Meta(ge=0, le=int(DEADLINE_S_MAX * 1000))]
type RequestName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_.]{0,63}$")]
type CallId = Annotated[str, Meta(pattern="^[a-z0-9]{1,32}$")]
# A name of 128 characters, each of them up to four bytes written `%XX`.
type QuotedName = Annotated[str, Meta(pattern="^[A-Za-z0-9%_.~-]{1,1536}$")]
type Outcome = Annotated[str, Meta(pattern="^[a-z ]{1,32}$")]
type Traceparent = Annotated[str, Meta(min_length=TRACEPARENT_CHARS, max_length=256)]

OK = "ok"
# The answer is large: this is its beginning, and the rest is to be asked for.
LARGE = "large"

_NAMES = {
    "version": _VERSION,
    "request": "Aiex-Request",
    "call": "Aiex-Call",
    "caller": "Aiex-Caller",
    "incarnation": "Aiex-Incarnation",
    "remaining_ms": "Aiex-Remaining-Ms",
    "traceparent": "traceparent",
    "offset": "Aiex-Offset",
    "outcome": "Aiex-Outcome",
    "size": "Aiex-Bytes",
}


class CallKey(msgspec.Struct, frozen=True, rename=_NAMES):
    """Which call is meant: of whom, in which life, and its number there."""

    call: CallId
    caller: QuotedName
    incarnation: Number

    @property
    def caller_name(self) -> str:
        return unquote(self.caller, errors="replace")

    @property
    def key(self) -> tuple[str, int, str]:
        return self.caller, self.incarnation, self.call


class CallHead(CallKey, frozen=True, kw_only=True, rename=_NAMES):
    request: RequestName
    remaining_ms: Milliseconds
    version: Annotated[int, Meta(ge=1, le=1_000_000)] = CALLS
    traceparent: Traceparent


class MoreHead(CallKey, frozen=True, kw_only=True, rename=_NAMES):
    """Go on with a large answer from byte `offset`."""

    offset: Annotated[int, Meta(ge=0, lt=ANSWER_BYTES_MAX)]


class StopHead(CallKey, frozen=True, rename=_NAMES):
    """Nobody waits for this call any more, or for the rest of its answer."""


class AnswerHead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename=_NAMES):
    """Of a large answer `size` is the whole."""

    outcome: Outcome
    size: Annotated[int, Meta(ge=0, le=ANSWER_BYTES_MAX)] = 0
    traceparent: Annotated[str, Meta(max_length=256)] = ""


def quoted(name: str) -> str:
    """A node's name as a header can carry it."""
    return quote(name, safe="")


def headers(head: msgspec.Struct) -> dict[str, str]:
    return {name: str(value) for name, value in msgspec.to_builtins(head).items()}


def head_of[H: msgspec.Struct](given: Mapping[str, str], shape: type[H]) -> H:
    """What the headers say; raises `MessageUnreadable`."""
    try:
        return msgspec.convert(dict(given), shape, strict=False)
    except msgspec.ValidationError as error:
        raise MessageUnreadable("malformed") from error


def body_of(data: bytes | bytearray, shape: type[Any]) -> Any:
    """The request or answer; raises `MessageUnreadable`."""
    try:
        return msgspec.msgpack.decode(data, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MessageUnreadable("malformed") from error


def spoken_version(message: Message) -> int:
    """Which version of calls a message is of, whatever else is in it; 0 when it says none."""
    text = message.headers.get(_VERSION, "")
    return int(text) if re.fullmatch("[0-9]{1,6}", text) else 0


def may_answer_to(address: str) -> bool:
    """Whether it is an address of one who waits for an answer, and nothing else."""
    return _INBOX.fullmatch(address) is not None


def too_old_text(answering: str, caller: str, version: int) -> str:
    """Why two nodes cannot call each other; empty when they can."""
    if CALLS_MIN <= version <= CALLS:
        return ""
    older = caller if version < CALLS_MIN else answering
    return (
        f"{older} is too old: {caller} speaks version {version} of calls, {answering} {CALLS_MIN} "
        f"to {CALLS}; run releases that understand each other"
    )


def shortened(text: str) -> bytes:
    """A text as a failure carries it."""
    return text.encode(errors="replace")[:TEXT_BYTES_MAX]


def lengthened(data: bytes) -> str:
    """The text of a failure, harmless for a terminal."""
    text = data[:TEXT_BYTES_MAX].decode(errors="replace")
    return "".join(one if one.isprintable() else " " for one in text)
