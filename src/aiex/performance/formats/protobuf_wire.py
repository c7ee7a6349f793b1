"""Protocol Buffers' wire format, as far as writing a message needs it.

https://protobuf.dev/programming-guides/encoding/. Fields of value 0 or empty are left out, which
proto3 reads as the same.
"""

from collections.abc import Iterable

_VARINT, _LENGTH = 0, 2
_INT64_MASK = (1 << 64) - 1


def varint(value: int) -> bytes:
    """An integer of 64 bits; a negative one as two's complement, ten bytes."""
    value &= _INT64_MASK
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def integer(field: int, value: int) -> bytes:
    return varint(field << 3 | _VARINT) + varint(value) if value else b""


def integers(field: int, values: Iterable[int]) -> bytes:
    """A packed repeated field; zeros are kept."""
    packed = b"".join(map(varint, values))
    return message(field, packed) if packed else b""


def message(field: int, content: bytes) -> bytes:
    """A message, a string or bytes; an empty one is kept, since a repeated field counts."""
    return varint(field << 3 | _LENGTH) + varint(len(content)) + content
