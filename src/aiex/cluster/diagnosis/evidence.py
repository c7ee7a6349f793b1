"""What is known of a cluster at one moment, from those of its nodes that could be asked."""

from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec

from aiex.cluster.calls import (
    DescribedContact,
    DescribedFormation,
    DescribedMember,
    Description,
)

GONE = frozenset({"down", "left"})


class Witness(msgspec.Struct, frozen=True):
    """A node that answered. Its clock is compared with the asked node's, to within the doubt."""

    description: Description
    contacts: tuple[DescribedContact, ...] = ()
    clock_ahead_s: float = 0.0
    clock_doubt_s: float = 0.0

    @property
    def name(self) -> str:
        return self.description.name

    @property
    def formation(self) -> DescribedFormation | None:
        return self.description.formation

    def sees(self, name: str) -> str:
        """In which state it sees a member; empty when it sees none."""
        return next((one.state for one in self.description.members if one.name == name), "")

    def misses(self, name: str) -> bool:
        """Whether it counts the member as gone without a goodbye."""
        return self.sees(name) == "down"

    def hears(self, name: str) -> bool:
        """Whether it counts the member among those that take part."""
        return self.sees(name) not in GONE | {""}


class Silence(msgspec.Struct, frozen=True):
    """A member that could not be asked, and why; `reason` is a call's."""

    node: str
    reason: str
    text: str


class Evidence(msgspec.Struct, frozen=True):
    """The asked node is always among the witnesses."""

    asked: str
    witnesses: tuple[Witness, ...]
    silences: tuple[Silence, ...] = ()
    now_s: float = 0.0  # wall clock of the asked node

    def formations(self) -> Iterator[tuple[Witness, DescribedFormation]]:
        """Those that form a cluster of their own."""
        for witness in self.witnesses:
            if witness.formation is not None:
                yield witness, witness.formation

    def contacts(self) -> Iterator[tuple[Witness, DescribedContact]]:
        for witness in self.witnesses:
            for contact in witness.contacts:
                yield witness, contact

    def members(self) -> Iterator[DescribedMember]:
        """As each witness sees them: one comes as often as it is seen."""
        for witness in self.witnesses:
            yield from witness.description.members

    def heard_names(self) -> frozenset[str]:
        """Members that somebody counts among those that take part."""
        return frozenset(one.name for one in self.members() if one.state not in GONE)

    def missed_names(self) -> frozenset[str]:
        """Members that somebody counts as gone without a goodbye."""
        return frozenset(one.name for one in self.members() if one.state == "down")

    def carriers_there(self) -> frozenset[str]:
        """Carriers, by their names, that somebody counts among those that take part."""
        return frozenset(
            one.carrier for one in self.members() if one.carrier and one.state not in GONE
        )

    def node_of_carrier(self, carrier: str) -> str:
        """The node's name; the carrier's own where nobody knows."""
        return next((one.name for one in self.members() if one.carrier == carrier), carrier)


def odd_ones[V](values: Mapping[str, V]) -> Iterator[tuple[list[str], V]]:
    """Those that have another value than most, by value."""
    if len(set(values.values())) < 2:
        return
    most = Counter(values.values()).most_common(1)[0][0]
    for value in dict.fromkeys(values.values()):
        if value != most:
            yield sorted(name for name, one in values.items() if one == value), value
