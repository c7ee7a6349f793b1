"""The servers of a cluster as they are themselves: who lives, what each has stored, who is removed.

Asked in the system account, over a session of its own, by those few who need it.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec

from aiex.engine.address import EngineAddress
from aiex.engine.name_word import name_of, name_word
from aiex.engine.session import Session
from aiex.engine.stream_info import StreamState
from aiex.errors import EngineError, EngineRefused, EngineUnavailable

TIMEOUT_S = 3.0
# All servers are asked at once; the last answer comes within milliseconds of the first.
STRAGGLERS_S = 0.5
# A leader hears its followers every second; one that is on time is alive.
ALIVE_S = 3.0
_NO_MEMBER = 10044

# By the word for a server's name, then by the stream's.
type Stores = Mapping[str, Mapping[str, StreamState]]


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


class _Stream(msgspec.Struct, frozen=True):
    name: str
    state: StreamState


class _Account(msgspec.Struct, frozen=True):
    stream_detail: tuple[_Stream, ...] = ()


class _Server(msgspec.Struct, frozen=True):
    meta_cluster: _MetaGroup = _MetaGroup()
    account_details: tuple[_Account, ...] = ()


class _Teller(msgspec.Struct, frozen=True):
    name: str = ""


class _Status(msgspec.Struct, frozen=True):
    server: _Teller = _Teller()
    data: _Server = _Server()


class _Fault(msgspec.Struct, frozen=True):
    err_code: int = 0
    description: str = ""


class _Removed(msgspec.Struct, frozen=True):
    error: _Fault | None = None


class SystemAccount:
    """Made by `system_account`. Every call may raise `EngineUnavailable`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def stores(self, server_count: int) -> Stores:
        """What each of so many servers has on its own disk, of those that answer.

        The leader of a stream calls a follower current that has yet to fetch what it is told of.
        """
        body = msgspec.json.encode({"accounts": True, "streams": True})
        found: dict[str, dict[str, StreamState]] = {}
        async with self._session.inbox(TIMEOUT_S) as inbox:
            await self._session.publish(
                "$SYS.REQ.SERVER.PING.JSZ", body, reply=inbox.subject, timeout_s=TIMEOUT_S
            )
            try:
                while len(found) < server_count:
                    answer = await inbox.next(STRAGGLERS_S if found else TIMEOUT_S)
                    status = msgspec.json.decode(answer.data, type=_Status)
                    found[status.server.name] = {
                        stream.name: stream.state
                        for account in status.data.account_details
                        for stream in account.stream_detail
                    }
            except TimeoutError:
                pass
        return found

    async def remove(self, name: str, *, is_forced: bool) -> None:
        """The cluster has no server of that name any more; once more is no harm.

        Its streams are then kept by the others, and the next server that joins is given what they
        lack: nats-server does that by itself. Raises `EngineRefused` when the server still runs and
        this is not forced.
        """
        server = name_word(name)
        if not is_forced and server in await self._alive():
            raise EngineRefused(
                f"The server of the node {name} still runs; stop that node, or give it another "
                "seat, before it is removed."
            )
        body = msgspec.json.encode({"peer": server})
        answer = await self._session.request("$JS.API.SERVER.REMOVE", body, timeout_s=TIMEOUT_S)
        fault = msgspec.json.decode(answer.data, type=_Removed).error
        if fault is not None and fault.err_code != _NO_MEMBER:
            raise EngineUnavailable(
                f"The server of the node {name} is not removed: {fault.description}."
            )

    async def servers(self) -> dict[str, bool]:
        """The cluster's servers by name, and whether each is heard and up to date."""
        group = await self._meta_group()
        followers = {name_of(one.name): one.is_alive and one.current for one in group.replicas}
        return {**followers, name_of(group.leader): True}

    async def _alive(self) -> set[str]:
        """The servers that the cluster's leader hears, itself included."""
        group = await self._meta_group()
        return {group.leader} | {peer.name for peer in group.replicas if peer.is_alive}

    async def _meta_group(self) -> _MetaGroup:
        answer = await self._session.request(
            "$SYS.REQ.SERVER.PING.JSZ", b'{"leader_only": true}', timeout_s=TIMEOUT_S
        )
        group = msgspec.json.decode(answer.data, type=_Status).data.meta_cluster
        if not group.leader:
            raise EngineUnavailable("The engine's servers have no leader now.")
        return group


@asynccontextmanager
async def system_account(addresses: Sequence[EngineAddress]) -> AsyncIterator[SystemAccount]:
    """At the first server that answers; raises what the first of them refused with."""
    session = await _session(addresses)
    try:
        yield SystemAccount(session)
    finally:
        await session.close()


async def _session(addresses: Sequence[EngineAddress]) -> Session:
    failures: list[EngineError] = []
    for address in addresses:
        try:
            return await Session.open(address, TIMEOUT_S)
        except EngineError as error:
            failures.append(error)
    raise failures[0]
