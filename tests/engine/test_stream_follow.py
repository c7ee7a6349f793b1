"""What a follower reads in the server's messages: numbers of a delivery, marks of a deletion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.engine.stream import is_deletion
from aiex.engine.stream_follow import Delivery, FollowInterrupted

NUMBERS = st.integers(0, 2**63)
AT_NS = 1795490392729260700


def test_a_delivery_is_read_from_its_reply_subject() -> None:
    reply = "$JS.ACK.KV_keys.x8Gh2.1.17.4.1795490392729260700.3"
    assert Delivery.of(reply) == Delivery(stream_seq=17, consumer_seq=4, at_ns=AT_NS, pending=3)


def test_a_delivery_with_domain_and_account_is_read_too() -> None:
    reply = "$JS.ACK._.ACCOUNT.KV_keys.x8Gh2.1.17.4.1795490392729260700.3"
    assert Delivery.of(reply) == Delivery(stream_seq=17, consumer_seq=4, at_ns=AT_NS, pending=3)


def test_a_token_more_at_the_end_changes_nothing() -> None:
    reply = "$JS.ACK.hub.ACCOUNT.KV_keys.x8Gh2.1.17.4.1795490392729260700.3.random"
    assert Delivery.of(reply) == Delivery(stream_seq=17, consumer_seq=4, at_ns=AT_NS, pending=3)


@given(stream=NUMBERS, consumer=NUMBERS, pending=NUMBERS, is_new=st.booleans())
def test_every_delivery_is_read(stream: int, consumer: int, pending: int, is_new: bool) -> None:
    place = "domain.account." if is_new else ""
    reply = f"$JS.ACK.{place}KV_x.name.1.{stream}.{consumer}.{AT_NS}.{pending}"
    assert Delivery.of(reply) == Delivery(stream, consumer, AT_NS, pending)


@pytest.mark.parametrize("reply", ["", "_INBOX.abc", "$JS.ACK.a.b.c", "$JS.ACK.s.c.1.x.1.1.1"])
def test_what_is_no_delivery_interrupts_the_following(reply: str) -> None:
    with pytest.raises(FollowInterrupted, match="not a delivery"):
        Delivery.of(reply)


@given(reply=st.text(alphabet="$JSACK.0129-_ax", max_size=60))
def test_no_reply_subject_breaks_the_following(reply: str) -> None:
    try:
        delivery = Delivery.of(reply)
    except FollowInterrupted:
        return
    assert reply.count(".") >= 8
    assert isinstance(delivery.stream_seq, int)


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        ({}, False),
        ({"KV-Operation": "PUT"}, False),
        ({"KV-Operation": "DEL"}, True),
        ({"KV-Operation": "PURGE"}, True),
        ({"Nats-Marker-Reason": "MaxAge"}, True),
    ],
)
def test_a_deletion_is_one_whoever_made_it(headers: dict[str, str], verdict: bool) -> None:
    assert is_deletion(headers) is verdict
