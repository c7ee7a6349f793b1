"""The page of requests: each has one name and says what it does; bodies travel or are refused."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.cluster import (
    REQUESTS,
    DescribedEngine,
    DescribedFormation,
    DescribedMember,
    DescribedOutsider,
    DescribedRefusal,
    Description,
    Page,
    Ping,
    Pong,
    Request,
    RequestKind,
)
from aiex.cluster.calls.call_messages import ANSWER_BYTES_MAX, body_of
from aiex.cluster.membership.messages import INCARNATION_MAX, MessageUnreadable
from aiex.cluster.membership.roster import MEMBERS_MAX

MEMBER = DescribedMember("n" * 128, INCARNATION_MAX, "suspect", "r" * 512, "v" * 64, "z" * 64)
LARGEST = Description(
    "n" * 128,
    INCARNATION_MAX,
    "v" * 64,
    1,
    "3.13.0",
    "ready",
    1.7e9,
    1.7e9,
    {f"section-{number}": "0" * 16 for number in range(16)},
    DescribedEngine("embedded", "no quorum", "r" * 512, "2.14.0"),
    (MEMBER,) * (MEMBERS_MAX + 1),
    ("g" * 64,) * 32,
    "s" * 512,
    "s" * 512,
    "u" * 512,
    DescribedFormation(
        "c" * 32,
        "static",
        "carrier",
        carriers=("h" * 253,) * 64,
        seeds=("h" * 253,) * 5,
        servers={"h" * 250 + str(number): True for number in range(64)},
        refusals=(DescribedRefusal("r" * 512, "a" * 64, is_own=True),) * 64,
        outsiders=(DescribedOutsider("n" * 128, INCARNATION_MAX, "r" * 512),) * 64,
    ),
)


def test_every_request_is_a_frozen_struct_and_says_what_it_does() -> None:
    for kind in REQUESTS:
        assert issubclass(kind.request, Request)
        assert kind.request.__struct_config__.frozen
        assert kind.answer.__struct_config__.frozen
        assert kind.text.endswith(".")


def test_a_request_is_found_by_name_and_by_type() -> None:
    page = Page()
    kind = page.of(Ping)
    assert (kind.name, kind.answer) == ("ping", Pong)
    assert page.named("ping") is kind
    assert page.named("pong") is None


def test_two_requests_of_one_name_or_type_are_a_mistake() -> None:
    for twin in (RequestKind("ping", Pong, Pong, ""), RequestKind("pong", Ping, Pong, "")):
        with pytest.raises(AssertionError, match="one name for one type"):
            Page([*REQUESTS, twin])
    with pytest.raises(AssertionError, match="Pong is on no page"):
        Page().of(Pong)


def test_the_description_of_the_largest_cluster_travels() -> None:
    body = msgspec.msgpack.encode(LARGEST)
    assert len(body) < ANSWER_BYTES_MAX / 16
    assert body_of(body, Description) == LARGEST


def test_a_description_of_more_than_there_can_be_is_refused() -> None:
    larger = msgspec.structs.replace(LARGEST, members=(MEMBER,) * 3000)
    with pytest.raises(MessageUnreadable):
        body_of(msgspec.msgpack.encode(larger), Description)


@given(st.binary(max_size=300))
def test_no_bytes_at_all_do_anything_else(data: bytes) -> None:
    for kind in REQUESTS:
        for shape in (kind.request, kind.answer):
            with contextlib.suppress(MessageUnreadable):
                assert isinstance(body_of(data, shape), shape)


@given(st.integers(0, 2000), st.integers(0, 255))
def test_no_flipped_byte_does_either(position: int, byte: int) -> None:
    small = msgspec.structs.replace(LARGEST, members=(MEMBER,))
    data = bytearray(msgspec.msgpack.encode(small))
    data[position % len(data)] = byte
    with contextlib.suppress(MessageUnreadable):
        body_of(bytes(data), Description)
