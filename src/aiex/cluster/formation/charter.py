"""Who carries the engine of a cluster: a list with an epoch, changed by compare-and-set only.

The charter in force is a key in the engine itself, so a minority can never change it. Every node
keeps the last one it knows on its disc, and starts by it without asking anybody.
"""

import contextlib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from aiex.cluster.membership import Number
from aiex.engine import Carrier, CarrierAddress, Client, Seat
from aiex.private_file import write_private

# In the data directory.
CHARTER_FILE = "charter.json"
# JetStream's Raft wants an odd number, and more than five copies of everything help nobody.
CARRIERS_MAX = 5
# One may be removed before another can take its place.
_LISTED_MAX = CARRIERS_MAX
COUNTS = (1, 3, 5)

type Carriers = Annotated[tuple[CarrierAddress, ...], Meta(min_length=1, max_length=_LISTED_MAX)]


class Charter(msgspec.Struct, frozen=True):
    """`carriers` in the order in which they took part; the first that is there acts for all.

    `generation` is the epoch in which these began to be servers together: those of another one have
    other stores. What is under way: `takes` is the carrier that is to have all the state alone,
    `leaves` the one that goes once the others can do without it.
    """

    cluster: str
    epoch: Number
    carriers: Carriers
    generation: Number
    takes: str = ""
    leaves: str = ""

    @property
    def is_settled(self) -> bool:
        """Whether nothing is under way."""
        return not self.takes and not self.leaves

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(carrier.name for carrier in self.carriers)

    def carrier(self, name: str) -> CarrierAddress | None:
        return next((one for one in self.carriers if one.name == name), None)

    def seat(self, name: str) -> Seat:
        """The seat of the node whose carrier's name is `name`."""
        own = self.carrier(name)
        if own is None:
            return Client(self.carriers)
        others = tuple(one for one in self.carriers if one is not own)
        return Carrier(own, others, self.generation)

    def located(self, addresses: "dict[str, CarrierAddress]") -> "Charter":
        """The same carriers where they are now: a name is for good, an address is not."""
        carriers = tuple(addresses.get(one.name, one) for one in self.carriers)
        return msgspec.structs.replace(self, carriers=carriers)

    def following(
        self, carriers: tuple[CarrierAddress, ...], *, takes: str = "", leaves: str = ""
    ) -> "Charter":
        """The next epoch, of the same servers and perhaps more or less of them."""
        return Charter(self.cluster, self.epoch + 1, carriers, self.generation, takes, leaves)

    def without(self, name: str) -> "Charter":
        """The next epoch, with one carrier less."""
        return self.following(tuple(one for one in self.carriers if one.name != name))

    def founding(self, carriers: tuple[CarrierAddress, ...]) -> "Charter":
        """The next epoch, in which the state goes from one to several or from several to one."""
        return Charter(self.cluster, self.epoch + 1, carriers, self.epoch + 1)


_decoder = msgspec.json.Decoder(Charter)


def encoded(charter: Charter) -> bytes:
    return msgspec.json.encode(charter)


def decoded(data: bytes) -> Charter | None:
    """The charter, or None for what is none: a file that was cut short, a value of others."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def load_charter(file: Path, cluster: str) -> Charter | None:
    """The one kept, if it is of that cluster."""
    try:
        charter = decoded(file.read_bytes())
    except OSError:
        return None
    return charter if charter is not None and charter.cluster == cluster else None


def keep_charter(file: Path, charter: Charter) -> None:
    """For the next start. On a full disc the others tell it again."""
    with contextlib.suppress(OSError):
        write_private(file, encoded(charter))


def forget_charter(file: Path) -> None:
    """This node leaves: its next start is that of a stranger."""
    with contextlib.suppress(OSError):
        file.unlink(missing_ok=True)
