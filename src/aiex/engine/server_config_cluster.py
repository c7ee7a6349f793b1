"""The configuration of a server among others: one of the 1, 3 or 5 that carry a cluster's engine.

Two accounts: `NODES` has the state, and one user with just the permissions nodes need; `SYS` has no
state, and one user who sees how the servers are and removes one that is gone for good.
"""

from pathlib import Path

from aiex.engine.address import EngineAddress
from aiex.engine.cluster_access import ClusterAccess
from aiex.engine.name_word import name_word
from aiex.engine.node_permissions import node_permissions
from aiex.engine.seat import Carrier, CarrierAddress
from aiex.engine.server_config import (
    bracketed,
    config_text,
    jetstream,
    listening,
    quoted,
    tls_block,
    user_block,
)


def clustered_server_config(
    seat: Carrier, address: EngineAddress, access: ClusterAccess, store: Path
) -> str:
    """The text of `server.conf` for the seat's own server, in ASCII. `store` is a clustered one."""
    node, system = access.node, access.system
    permissions = node_permissions(access.cluster)
    return config_text(
        [
            *listening(address, name_word(seat.own.name)),
            *_cluster(seat, access),
            "system_account: SYS",
            "accounts {",
            f"  SYS {{users: [{user_block(system.user, system.password, None)}]}}",
            "  NODES {",
            "    jetstream: enabled",
            f"    users: [{user_block(node.user, node.password, permissions)}]",
            "  }",
            "}",
            *jetstream(store),
        ]
    )


def _cluster(seat: Carrier, access: ClusterAccess) -> list[str]:
    """How it meets the other servers.

    `name`: servers of another generation have other stores, and so another name.
    `connect_retries`: a server that is away for days is found when it is back. `no_advertise`:
    clients are told where the carriers are by Aiex itself, and use no address that they heard of
    from a server, which would be its own idea of where it is reached.
    """
    route, own = access.route, seat.own
    return [
        "cluster {",
        f"  name: {quoted(access.foundation(seat.generation))}",
        f"  listen: {quoted(f'{bracketed(own.host)}:{own.route_port}')}",
        "  authorization {",
        f"    user: {quoted(route.user)}",
        f"    password: {quoted(route.password)}",
        "  }",
        f"  routes: [{', '.join(_route(other, access) for other in seat.others)}]",
        "  no_advertise: true",
        "  connect_retries: 1000000",
        "  ping_interval: 1s",
        "  ping_max: 2",
        *([] if access.tls is None else tls_block(access.tls, indent="  ")),
        "}",
    ]


def _route(other: CarrierAddress, access: ClusterAccess) -> str:
    route = access.route
    at = f"{bracketed(other.host)}:{other.route_port}"
    return quoted(f"nats-route://{route.user}:{route.password}@{at}")
