"""What nodes say arrives whole, or is refused: too large, broken, hostile, of another time."""

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.cluster.membership.groups import GROUPS_LEN_MAX
from aiex.cluster.membership.messages import (
    GONE_LEN_MAX,
    INCARNATION_MAX,
    MESSAGE_BYTES_MAX,
    PROTOCOL,
    Foreign,
    Gone,
    Goodbye,
    Heartbeat,
    MessageUnreadable,
    Probe,
    decoded,
    encoded,
)

HEARTBEAT = Heartbeat(
    1,
    1,
    "n1",
    7,
    1,
    500,
    "up",
    "z",
    "0.1",
    "http://a",
    "http://b",
    3,
    10,
    (Gone("n2", 6, True, 9),),
)


def altered(**fields: Any) -> bytes:
    return msgspec.msgpack.encode({**msgspec.to_builtins(HEARTBEAT), **fields})


@pytest.mark.parametrize("message", [HEARTBEAT, Goodbye("n1", 7), Probe("n1")])
def test_a_message_arrives_as_it_was_sent(message: Heartbeat | Goodbye | Probe) -> None:
    assert decoded(encoded(message)) == message


def test_what_a_newer_release_adds_is_ignored() -> None:
    assert decoded(altered(mood="good")) == HEARTBEAT


def test_the_largest_heartbeat_is_one() -> None:
    gone = tuple(Gone("n" * 128, INCARNATION_MAX, True, 10**9) for _ in range(GONE_LEN_MAX))
    groups = ("g" * 64,) * GROUPS_LEN_MAX
    largest = msgspec.structs.replace(
        HEARTBEAT, name="n" * 128, api_url="u" * 512, gone=gone, groups=groups
    )
    assert decoded(encoded(largest)) == largest


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "n" * 129},
        {"name": "a\x1b[2J"},
        {"name": 7},
        {"zone": "a\nb"},
        {"api_url": "u" * 513},
        {"incarnation": -1},
        {"incarnation": INCARNATION_MAX + 1},
        {"incarnation": 2**63},
        {"seq": 1.5},
        {"gap_ms": 0},
        {"gap_ms": 10**9},
        {"standing": "down"},
        {"in_flight": float("nan")},
        {"gone": [msgspec.to_builtins(HEARTBEAT.gone[0])] * (GONE_LEN_MAX + 1)},
        {"gone": [{"name": "n2"}]},
        {"groups": ["a"] * (GROUPS_LEN_MAX + 1)},
        {"groups": ["A b"]},
        {"kind": "order"},
        {"protocol": 0},
    ],
)
def test_a_field_out_of_its_bounds_makes_it_no_message(fields: dict[str, Any]) -> None:
    with pytest.raises(MessageUnreadable, match="malformed"):
        decoded(altered(**fields))


@pytest.mark.parametrize(
    "data",
    [b"", b"\xc1", b"{}", encoded(HEARTBEAT)[:-1], encoded(HEARTBEAT) + b"x", b"\x91" * 9999],
)
def test_a_broken_message_is_refused(data: bytes) -> None:
    with pytest.raises(MessageUnreadable, match="malformed"):
        decoded(data)


def test_a_message_that_is_too_large_is_not_even_read() -> None:
    with pytest.raises(MessageUnreadable, match="too large"):
        decoded(b"\x00" * (MESSAGE_BYTES_MAX + 1))


@given(st.binary(max_size=300))
def test_no_bytes_at_all_do_anything_else(data: bytes) -> None:
    with contextlib.suppress(MessageUnreadable):
        decoded(data)


@given(st.integers(0, 200), st.integers(0, 255))
def test_no_flipped_byte_does_either(position: int, byte: int) -> None:
    data = bytearray(encoded(HEARTBEAT))
    data[position % len(data)] = byte
    with contextlib.suppress(MessageUnreadable):
        decoded(bytes(data))


def test_a_node_of_another_time_is_known_by_name() -> None:
    newer = {"protocol": PROTOCOL + 5, "protocol_min": PROTOCOL + 4}
    expected = Foreign(PROTOCOL + 5, PROTOCOL + 4, "n1", 7, "up")
    assert decoded(altered(**newer)) == expected
    assert decoded(altered(**newer, seq="words", standing="up", gone=None)) == expected


def test_a_newer_node_that_still_understands_this_one_is_understood() -> None:
    assert isinstance(decoded(altered(protocol=PROTOCOL + 1, protocol_min=PROTOCOL)), Heartbeat)
