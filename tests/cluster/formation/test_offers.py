"""Members' word that they may carry, as it is read in the engine."""

import msgspec

from aiex.cluster.formation.offers import OFFERS_MAX, Offer, Offers, offer_key
from aiex.engine import CarrierAddress

A, B = (CarrierAddress(name, "127.0.0.1", 1, 2) for name in ("a", "b"))


def noted(*offers: Offer) -> Offers:
    read = Offers()
    for one in offers:
        read.note(offer_key(one.node), msgspec.json.encode(one))
    return read


def test_those_are_available_who_are_up_and_carry_nothing() -> None:
    offers = noted(Offer("n2", B), Offer("n1", A))
    assert offers.available({"n1", "n2"}, ()) == (A, B)
    assert offers.available({"n1"}, ()) == (A,)
    assert offers.available({"n1", "n2"}, ("a",)) == (B,)


def test_an_offer_tells_where_its_carrier_is() -> None:
    moved = CarrierAddress("a", "10.0.0.9", 1, 2)
    offers = noted(Offer("n1", A), Offer("n1", moved))
    assert offers.addresses() == {"a": moved}
    offers.withdraw(offer_key("n1"))
    assert offers.addresses() == {}


def test_any_name_of_a_node_makes_a_key_of_its_own() -> None:
    keys = {offer_key(name) for name in ("n1", "n 1", "a.b", "*", ">", "é", "")}
    assert len(keys) == 7
    assert all(key.removeprefix("offer.").isalnum() for key in keys)


def test_what_is_no_offer_withdraws_the_one_before() -> None:
    offers = noted(Offer("n1", A))
    offers.note(offer_key("n1"), b"{")
    assert offers.get(offer_key("n1")) is None


def test_more_than_a_cluster_can_have_are_not_remembered() -> None:
    offers = noted(*(Offer(f"n{number}", A) for number in range(OFFERS_MAX + 1)))
    assert offers.get(offer_key(f"n{OFFERS_MAX}")) is None
    offers.note(offer_key("n0"), msgspec.json.encode(Offer("n0", B)))
    assert offers.get(offer_key("n0")) == Offer("n0", B)
