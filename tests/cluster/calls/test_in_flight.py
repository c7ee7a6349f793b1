"""Places for calls: so many with one peer, so many in all, and each is given back."""

import pytest

from aiex.cluster.calls.in_flight import InFlight


def test_a_peer_that_is_full_leaves_places_for_others() -> None:
    calls = InFlight(peer_max=1, total_max=3)
    with calls.place("n2"):
        assert calls.full("n2") == "1 calls with n2 are under way, which is the limit"
        assert calls.full("n3") == ""
        assert calls.total == 1
    assert calls.full("n2") == ""


def test_in_all_there_are_only_so_many() -> None:
    calls = InFlight(peer_max=9, total_max=2)
    with calls.place("n2"), calls.place("n3"):
        assert calls.full("n4") == "2 calls are under way, which is the limit"
    assert calls.full("n4") == ""


def test_a_place_is_given_back_by_a_call_that_fails() -> None:
    calls = InFlight(peer_max=1, total_max=1)
    with pytest.raises(ValueError), calls.place("n2"):
        raise ValueError
    assert (calls.total, calls.full("n2")) == (0, "")
