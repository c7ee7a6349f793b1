"""Who may carry the engine, and where: members' word on that, as the engine keeps it."""

from collections.abc import Container
from hashlib import sha256

import msgspec

from aiex.engine import CarrierAddress

OFFER_PREFIX = "offer."
OFFERS_MAX = 1024


class Offer(msgspec.Struct, frozen=True):
    """A node may carry the engine, at this address."""

    node: str
    carrier: CarrierAddress


def offer_key(node: str) -> str:
    """The key of a node's offer: any text can be a node's name, not any can be a key."""
    return OFFER_PREFIX + sha256(node.encode()).hexdigest()[:32]


class Offers:
    """Those that were read, by key. What is no offer counts as withdrawn."""

    def __init__(self) -> None:
        self._offers: dict[str, Offer] = {}

    def get(self, key: str) -> Offer | None:
        return self._offers.get(key)

    def note(self, key: str, value: bytes) -> None:
        """An entry was read."""
        if key not in self._offers and len(self._offers) >= OFFERS_MAX:
            return
        try:
            self._offers[key] = msgspec.json.decode(value, type=Offer)
        except msgspec.DecodeError:
            self._offers.pop(key, None)

    def withdraw(self, key: str) -> None:
        self._offers.pop(key, None)

    def clear(self) -> None:
        self._offers.clear()

    def addresses(self) -> dict[str, CarrierAddress]:
        """Where carriers are by their own word, by name."""
        return {one.carrier.name: one.carrier for one in self._offers.values()}

    def available(
        self, nodes: Container[str], carriers: Container[str]
    ) -> tuple[CarrierAddress, ...]:
        """Those of `nodes` that may carry and are none of the `carriers` yet."""
        found = {
            one.carrier
            for one in self._offers.values()
            if one.node in nodes and one.carrier.name not in carriers
        }
        return tuple(sorted(found))
