"""Which server a seat needs, and which addresses: facts in, a plan out; nothing is started here."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from aiex.engine.address import EngineAddress
from aiex.engine.cluster_access import ClusterAccess
from aiex.engine.name_word import name_word
from aiex.engine.node_permissions import node_permissions
from aiex.engine.seat import Alone, Carrier, CarrierAddress, Client, Seat
from aiex.engine.server_config import Credentials, EngineFiles, server_config
from aiex.engine.server_config_cluster import clustered_server_config
from aiex.engine.server_port import HOST

# A server on its own has no others that would know it by its name.
STANDALONE_NAME = "aiex"


class ServerPlan(msgspec.Struct, frozen=True):
    """One nats-server: what it is told, its store, the lock of that store, where it answers."""

    config: str
    config_file: Path
    store: Path
    lock: Path
    address: EngineAddress
    is_clustered: bool


def is_clustered(seat: Seat) -> bool:
    """Whether the node's own server is one among others; a lone server has a standalone store."""
    return isinstance(seat, Carrier) and bool(seat.others)


def have_one_server(seat: Seat, other: Seat) -> bool:
    """Whether both seats are of the same server among others, whoever these are."""
    return (
        isinstance(seat, Carrier)
        and isinstance(other, Carrier)
        and is_clustered(seat)
        and is_clustered(other)
        and (seat.own, seat.generation) == (other.own, other.generation)
    )


def server_plan(
    seat: Alone | Carrier,
    files: EngineFiles,
    *,
    access: ClusterAccess | None,
    own: Credentials,
    own_port: int,
) -> ServerPlan:
    """The server of the seat. `own` and `own_port` are those of a node that is alone."""
    match seat:
        case Alone():
            address = EngineAddress(HOST, own_port, own.user, own.password)
            return _standalone(files, address, server_config(address, files.store, STANDALONE_NAME))
        case Carrier(carrier, others, generation):
            assert access is not None, "a carrier has a cluster"
            address = carrier_address(carrier, access)
            if not others:
                permissions = node_permissions(access.cluster)
                config = server_config(
                    address, files.store, name_word(carrier.name), permissions=permissions
                )
                return _standalone(files, address, config)
            store = files.cluster_store(generation)
            return ServerPlan(
                config=clustered_server_config(seat, address, access, store),
                config_file=files.config,
                store=store,
                lock=files.cluster_lock(generation),
                address=address,
                is_clustered=True,
            )


def _standalone(files: EngineFiles, address: EngineAddress, config: str) -> ServerPlan:
    return ServerPlan(
        config=config,
        config_file=files.config,
        store=files.store,
        lock=files.lock,
        address=address,
        is_clustered=False,
    )


def carrier_address(carrier: CarrierAddress, access: ClusterAccess) -> EngineAddress:
    """Where a node uses the carrier's server, and how it logs in there."""
    node = access.node
    scheme = "nats" if access.tls is None else "tls"
    return EngineAddress(
        carrier.host,
        carrier.client_port,
        node.user,
        node.password,
        scheme,
        access.tls,
        is_of_cluster=True,
    )


def system_addresses(
    carriers: Sequence[CarrierAddress], access: ClusterAccess
) -> list[EngineAddress]:
    """The same servers for the user of the system account."""
    user, password = access.system.user, access.system.password
    found = [carrier_address(carrier, access) for carrier in carriers]
    return [msgspec.structs.replace(one, user=user, password=password) for one in found]


def carriers_of(seat: Seat) -> Sequence[CarrierAddress]:
    """All carriers of the seat's cluster, the own one first; none for a node alone."""
    match seat:
        case Carrier(own, others):
            return (own, *others)
        case Client(carriers):
            return carriers
        case Alone():
            return ()


def server_count(seat: Seat) -> int:
    """How many servers the engine of the seat has."""
    return len(carriers_of(seat)) or 1
