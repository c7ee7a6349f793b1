"""The servers of a cluster, seen and removed by the system account, over a session of its own.

A server that is only away counts against the quorum for ever, since it may come back. Removed, it
counts no more; the streams it kept are then kept by the others, and the next server that joins is
given what they lack. nats-server does all that itself (measured with 2.15; asked to take it out of
a stream alone it refuses while there is no other server to take its place).
"""

from collections.abc import Sequence

import msgspec

from aiex.engine.address import EngineAddress
from aiex.engine.session import Session
from aiex.errors import EngineError, EngineRefused, EngineUnavailable

TIMEOUT_S = 3.0
# A leader hears its followers every second; one that is on time is alive.
ALIVE_S = 3.0
_NO_MEMBER = 10044


class _Peer(msgspec.Struct, frozen=True):
    name: str
    offline: bool = False
    current: bool = False
    active: int = 0  # nanoseconds since it was heard

    @property
    def is_alive(self) -> bool:
        return not self.offline and self.active < ALIVE_S * 1e9


class _MetaGroup(msgspec.Struct, frozen=True):
    leader: str = ""
    replicas: tuple[_Peer, ...] = ()


class _Told(msgspec.Struct, frozen=True):
    meta_cluster: _MetaGroup = _MetaGroup()


class _Status(msgspec.Struct, frozen=True):
    data: _Told = _Told()


class _Fault(msgspec.Struct, frozen=True):
    err_code: int = 0
    description: str = ""


class _Removed(msgspec.Struct, frozen=True):
    error: _Fault | None = None


async def remove_server(
    addresses: Sequence[EngineAddress], name: str, *, is_forced: bool = False
) -> None:
    """The cluster has no server of that name any more; once more is no harm.

    `addresses` are those of the system account, tried in turn. Raises `EngineRefused` when the
    server still runs and this is not forced, `EngineUnavailable` without a quorum.
    """
    session = await _session(addresses)
    try:
        if not is_forced and name in await _alive(session):
            raise EngineRefused(
                f"The server of the node {name} still runs; stop that node, or give it another "
                "seat, before it is removed."
            )
        body = msgspec.json.encode({"peer": name})
        answer = await session.request("$JS.API.SERVER.REMOVE", body, timeout_s=TIMEOUT_S)
        fault = msgspec.json.decode(answer.data, type=_Removed).error
        if fault is not None and fault.err_code != _NO_MEMBER:
            raise EngineUnavailable(
                f"The server of the node {name} is not removed: {fault.description}."
            )
    finally:
        await session.close()


async def count_servers(addresses: Sequence[EngineAddress]) -> dict[str, bool]:
    """The servers of the cluster by name, and whether each is there and up to date.

    Raises `EngineUnavailable` when no leader says so in time.
    """
    session = await _session(addresses)
    try:
        group = await _meta_group(session)
    finally:
        await session.close()
    followers = {peer.name: peer.is_alive and peer.current for peer in group.replicas}
    return {**followers, group.leader: True}


async def _session(addresses: Sequence[EngineAddress]) -> Session:
    failures: list[EngineError] = []
    for address in addresses:
        try:
            return await Session.open(address, TIMEOUT_S)
        except EngineError as error:
            failures.append(error)
    raise failures[0]


async def _alive(session: Session) -> set[str]:
    """The servers of the cluster that its leader hears, itself included."""
    group = await _meta_group(session)
    return {group.leader} | {peer.name for peer in group.replicas if peer.is_alive}


async def _meta_group(session: Session) -> _MetaGroup:
    answer = await session.request(
        "$SYS.REQ.SERVER.PING.JSZ", b'{"leader_only": true}', timeout_s=TIMEOUT_S
    )
    group = msgspec.json.decode(answer.data, type=_Status).data.meta_cluster
    if not group.leader:
        raise EngineUnavailable("The engine's servers have no leader now.")
    return group
