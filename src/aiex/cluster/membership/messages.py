"""What nodes say to each other about themselves, and what is refused before anybody reads it.

MessagePack with names, so that a node may add fields which older ones ignore. Every text and list
has a limit; a message that breaks one is no message.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from aiex.cluster.membership.groups import GROUP_PATTERN, GROUPS_LEN_MAX

# What this node speaks, and the oldest it still understands. A release may be one ahead of what it
# replaces, so the range spans two once there is a second.
PROTOCOL = 1
PROTOCOL_MIN = 1

MESSAGE_BYTES_MAX = 16 * 1024
NAME_CHARS_MAX = 128
# Of the members that are gone, the last so many are told to others.
GONE_LEN_MAX = 32
INCARNATION_MAX = 2**53 - 1  # JSON's readers keep no larger number exactly

# What people see of a text must not move their cursor.
_PLAIN = r"^[^\x00-\x1f\x7f-\x9f]*$"

type Name = Annotated[str, Meta(min_length=1, max_length=NAME_CHARS_MAX, pattern=_PLAIN)]
type Url = Annotated[str, Meta(max_length=512, pattern=_PLAIN)]
type Word = Annotated[str, Meta(max_length=64, pattern=_PLAIN)]
type Number = Annotated[int, Meta(ge=0, le=INCARNATION_MAX)]
type Version = Annotated[int, Meta(ge=1, le=1_000_000)]
type GroupName = Annotated[str, Meta(pattern=GROUP_PATTERN)]

type Standing = Literal["joining", "up", "draining"]


class Gone(msgspec.Struct, frozen=True):
    """A member that is gone, for those who never heard it: `age_ms` since when."""

    name: Name
    incarnation: Number
    has_left: bool
    age_ms: Number
    zone: Word = ""
    version: Word = ""


class Heartbeat(msgspec.Struct, frozen=True, tag_field="kind", tag="heartbeat"):
    """I am here, this is how I am, and the next comes within `gap_ms`."""

    protocol: Version
    protocol_min: Version
    name: Name
    incarnation: Number
    seq: Number
    gap_ms: Annotated[int, Meta(ge=1, le=600_000)]
    standing: Standing
    zone: Word = ""
    version: Word = ""
    api_url: Url = ""
    admin_url: Url = ""
    in_flight: Number = 0
    in_flight_max: Number = 0
    gone: Annotated[tuple[Gone, ...], Meta(max_length=GONE_LEN_MAX)] = ()
    groups: Annotated[tuple[GroupName, ...], Meta(max_length=GROUPS_LEN_MAX)] = ()
    carrier: Annotated[str, Meta(max_length=253, pattern=_PLAIN)] = ""  # as which it carries
    hot_revision: Number = 0


class Goodbye(msgspec.Struct, frozen=True, tag_field="kind", tag="goodbye"):
    """I stop now. This incarnation is over."""

    name: Name
    incarnation: Number


class Probe(msgspec.Struct, frozen=True, tag_field="kind", tag="probe"):
    """Are you there? Answered with a heartbeat."""

    sender: Name


class Foreign(msgspec.Struct, frozen=True):
    """The part of a heartbeat that every version of the protocol has."""

    protocol: Version
    protocol_min: Version
    name: Name
    incarnation: Number
    standing: Word


type Message = Heartbeat | Goodbye | Probe | Foreign


class MessageUnreadable(ValueError):
    """What came is no message of the cluster; the text says in two words why."""


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Heartbeat | Goodbye | Probe] = msgspec.msgpack.Decoder(
    Heartbeat | Goodbye | Probe
)
_foreign_decoder = msgspec.msgpack.Decoder(Foreign)


def encoded(message: Heartbeat | Goodbye | Probe) -> bytes:
    return _encoder.encode(message)


def decoded(data: bytes) -> Message:
    """The message, or its beginning when it is of a protocol that is not understood here.

    Raises `MessageUnreadable` for everything else.
    """
    if len(data) > MESSAGE_BYTES_MAX:
        raise MessageUnreadable("too large")
    try:
        message = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _foreign(data, error)
    if isinstance(message, Heartbeat) and not understands(message):
        return Foreign(
            message.protocol,
            message.protocol_min,
            message.name,
            message.incarnation,
            message.standing,
        )
    return message


def understands(other: Heartbeat | Foreign) -> bool:
    """Whether that node and this one understand each other."""
    return other.protocol >= PROTOCOL_MIN and other.protocol_min <= PROTOCOL


def _foreign(data: bytes, cause: Exception) -> Foreign:
    try:
        foreign = _foreign_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MessageUnreadable("malformed") from error
    if understands(foreign):
        raise MessageUnreadable("malformed") from cause
    return foreign
