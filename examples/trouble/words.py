"""Names for what is planted, drawn so that nobody can know them: they tell nothing of the fault."""

from collections.abc import Callable
from random import Random

VERBS = (
    "refresh", "merge", "apply", "settle", "load", "publish", "route", "assign", "verify", "update",
    "render", "prepare", "transfer", "balance", "extend", "describe", "arrange", "close", "index",
    "adjust", "measure", "combine", "announce", "review", "translate", "schedule",
)  # fmt: skip
NOUNS = (
    "tariff", "invoice", "region", "profile", "ticket", "voucher", "catalog", "session", "order",
    "parcel", "license", "contract", "segment", "booking", "survey", "bundle", "channel", "ledger",
    "shipment", "campaign", "quota", "feature", "reminder", "currency", "address", "device",
)  # fmt: skip
PLACES = ("desk", "sync", "mirror", "relay", "office", "bridge", "store", "feed", "line", "hall")


class Names:
    """Draws names, each once."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._taken: set[str] = set()

    def function(self) -> str:
        return self._new(lambda: f"{self._one(VERBS)}_{self._one(NOUNS)}")

    def class_name(self) -> str:
        return self._new(lambda: f"{self._one(NOUNS).title()}{self._one(PLACES).title()}")

    def module(self) -> str:
        return self._new(lambda: f"{self._one(NOUNS)}_{self._one(PLACES)}")

    def service(self) -> str:
        return self._new(lambda: f"{self._one(NOUNS)}.{self._one(PLACES)}")

    def word(self) -> str:
        return self._new(lambda: f"{self._one(NOUNS)}-{self._one(PLACES)}")

    def _one(self, words: tuple[str, ...]) -> str:
        return self._random.choice(words)

    def _new(self, draw: Callable[[], str]) -> str:
        while (name := draw()) in self._taken:
            pass
        self._taken.add(name)
        return name
