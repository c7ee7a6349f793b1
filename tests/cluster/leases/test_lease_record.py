"""What the engine keeps of a lease, and what its fence is."""

import pytest

from aiex.cluster.leases.lease_record import (
    FREE,
    Holder,
    LeaseRecord,
    decoded_record,
    encoded_record,
)

RECORD = LeaseRecord(Holder("n1", 7), since_ms=9, fence=4, used_fence=3)


def test_a_record_comes_back_as_it_was() -> None:
    assert decoded_record(encoded_record(RECORD)) == RECORD


@pytest.mark.parametrize("value", [b"", b"{}", b"\xff", b"[1]", b'{"holder": "n1"}', b"[" * 10_000])
def test_what_somebody_wrote_by_hand_holds_nothing(value: bytes) -> None:
    assert decoded_record(value) == FREE


def test_the_fence_is_the_revision_of_the_entry_that_took_it() -> None:
    assert LeaseRecord(Holder("n1", 7)).fence_at(12) == 12
    assert LeaseRecord(Holder("n1", 7), fence=12).fence_at(30) == 12


def test_where_revisions_begin_anew_the_fence_goes_on() -> None:
    assert LeaseRecord(Holder("n1", 7), used_fence=40).fence_at(1) == 41
