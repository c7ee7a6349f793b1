"""What nodes say to each other while they form a cluster, over the engine's core messages."""

from typing import Annotated

import msgspec
from msgspec import Meta

from aiex.cluster.messages import MESSAGE_BYTES_MAX, MessageUnreadable, Name, Number

type Names = Annotated[tuple[Name, ...], Meta(max_length=5)]


class Hello(msgspec.Struct, frozen=True):
    """A carrier is there, for the charter of this epoch, and has state of its own, or none."""

    cluster: Name
    carrier: Name
    epoch: Number
    carriers: Names
    has_state: bool


_decoder = msgspec.msgpack.Decoder(Hello)


def encoded_hello(hello: Hello) -> bytes:
    return msgspec.msgpack.encode(hello)


def decoded_hello(data: bytes) -> Hello:
    """Raises `MessageUnreadable` for what is none."""
    if len(data) > MESSAGE_BYTES_MAX:
        raise MessageUnreadable("too large")
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MessageUnreadable("malformed") from error
