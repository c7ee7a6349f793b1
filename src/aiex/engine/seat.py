"""How a node takes part in the engine: alone, with a server among others, or as their client.

Whoever forms the cluster says which of them it is; the engine does what it takes. The address of a
carrier is where its server is reached: by other servers (`route_port`) and by clients.
"""

import msgspec


class CarrierAddress(msgspec.Struct, frozen=True, order=True):
    """Where one server of a cluster is. `name` is its node's, and its own for good."""

    name: str
    host: str
    route_port: int
    client_port: int


class Alone(msgspec.Struct, frozen=True):
    """One node with its own server and its own store; the default, and how every node begins."""


class Carrier(msgspec.Struct, frozen=True):
    """A node that carries one of the 1, 3 or 5 servers of its cluster.

    `generation` tells the servers that were founded together from those of an earlier or later
    foundation under the same names: they have other stores, and do not let each other in.
    """

    own: CarrierAddress
    others: tuple[CarrierAddress, ...]
    generation: int = 0


class Client(msgspec.Struct, frozen=True):
    """A node that uses the servers others carry; any of them will do."""

    carriers: tuple[CarrierAddress, ...]


type Seat = Alone | Carrier | Client
