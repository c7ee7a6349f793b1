"""The engine of one node: an embedded server and the connection to it, or only the connection."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from random import Random

import msgspec

from aiex.clock import Clock
from aiex.engine.address import EngineAddress
from aiex.engine.bucket import Bucket
from aiex.engine.bucket_nats import NatsBucket, bucket_stream
from aiex.engine.cluster_access import ClusterAccess
from aiex.engine.connection import EngineConnection
from aiex.engine.contact import Contact, contact
from aiex.engine.engine_tls import EngineTls
from aiex.engine.jetstream import JetStream
from aiex.engine.replica_tender import ReplicaTender
from aiex.engine.seat import Alone, Carrier, CarrierAddress, Client, Seat
from aiex.engine.server import EngineServer
from aiex.engine.server_plan import (
    carrier_address,
    carriers_of,
    have_one_server,
    server_count,
    system_addresses,
)
from aiex.engine.session import Session
from aiex.engine.state_keeper import StateKeeper
from aiex.engine.status import EngineStatus
from aiex.engine.strangers import Refusal
from aiex.engine.stream import Stream, StreamConfig
from aiex.engine.stream_nats import NatsStream
from aiex.engine.system_account import system_account
from aiex.errors import EngineError, EngineUnavailable, SettingsError
from aiex.events import Emit
from aiex.service import Service
from aiex.settings import EngineSettings

# The supervisor gives each service `start_timeout_s`; ending a little earlier by ourselves says
# why, and not only that it took too long.
_OWN_SHARE = 0.9
NEW_SEAT = "it takes another seat"
# What does not leave the cluster: in it those who bring the state home tell all others.
STAYING_BUCKET = "cluster"
# A carrier's server answers within a few tenths of a second, on a slow disc within two. Until then
# the carrier does not settle at another one, where it would stay, and be cut off when that ends.
OWN_SERVER_S = 2.0
# More keep no stream.
EXTERNAL_SERVERS_MAX = 5


class Engine:
    """Built from settings; `services` run under the node's supervision, in order."""

    def __init__(
        self,
        settings: EngineSettings,
        data_dir: Path,
        *,
        access: ClusterAccess | None = None,
        clock: Clock,
        emit: Emit,
    ) -> None:
        """Raises `SettingsError` when `settings.url` is no address.

        `access` is needed for every seat but `Alone`, which is the first.
        """
        timeout_s = settings.start_timeout_s * _OWN_SHARE
        settings = msgspec.structs.replace(settings, start_timeout_s=timeout_s)
        self._access = access
        self._seat: Seat = Alone()
        self._random = Random()  # noqa: S311 - spreads clients, keeps no secret
        self._server = (
            None
            if settings.url
            else EngineServer(settings, data_dir, access=access, clock=clock, emit=emit)
        )
        self._other_addresses: Sequence[EngineAddress] = ()
        external = None if self._server else _external(settings)
        self._connection = EngineConnection(
            lambda: external or self._first_address(),
            others=lambda: self._other_addresses,
            is_embedded=external is None,
            must_answer_at_start=external is None,
            needs_founding=external is None,
            start_timeout_s=timeout_s,
            clock=clock,
            emit=emit,
        )
        self._used: set[str] = set()
        self._replica_tender = ReplicaTender(
            JetStream(self._connection),
            self._connection,
            used=lambda: self._used,
            servers_max=EXTERNAL_SERVERS_MAX,
            emit=emit,
        )
        self._keeper = StateKeeper(
            self._connection,
            data_dir,
            access=access,
            server_path=settings.server_path,
            clock=clock,
            emit=emit,
        )

    @property
    def seat(self) -> Seat:
        """How this node takes part in its engine now."""
        return self._seat

    @property
    def holds_state(self) -> bool:
        """Whether this node has state from when it was alone; looks at the disc."""
        return self._server is not None and self._server.holds_state

    def admit(self, access: ClusterAccess) -> None:
        """Let this node into a cluster's engine: from now on it may take any seat."""
        assert self._server is not None, "an external engine has its own logins"
        self._access = access
        self._server.admit(access)
        self._keeper.admit(access)

    def take_seat(self, seat: Seat) -> None:
        """Take part in this way from now on.

        Returns at once: a server that is not of the seat ends, the one of the seat is started, and
        the connection goes there; `status` tells how far that is. When only the other carriers are
        others the server goes on. Before the services run this only says how they begin.
        """
        assert self._server is not None, "an external engine has no seats"
        assert self._access is not None or seat == Alone(), "other seats need a cluster's access"
        if seat == self._seat:
            return
        is_same_server = have_one_server(self._seat, seat)
        self._seat = seat
        if is_same_server:
            self._server.learn(seat)
            self._keeper.take_seat(seat)
            return
        self._server.take_seat(seat)
        self._keeper.take_seat(seat)
        # Alone, a node that has no engine does not start; among others it waits for them.
        self._connection.begin_anew(
            NEW_SEAT,
            must_answer_at_start=isinstance(seat, Alone),
            first_alone_s=OWN_SERVER_S if isinstance(seat, Carrier) else 0.0,
        )

    async def take_home(
        self, last_words: Callable[[Bucket], Awaitable[None]] | None = None
    ) -> None:
        """Bring the state of the cluster home to this carrier, which goes on alone.

        The caller then takes the seat of a carrier without others, or `Alone`. `last_words` gets
        the bucket `cluster`, which does not come along, once all else is at home, and may write to
        it what all nodes are to see. Raises `EngineError` or `StartError`; the state is then still
        the cluster's, or is given back to it within seconds, unless the last words were begun.
        """
        bucket = self.bucket(STAYING_BUCKET)

        async def say() -> None:
            if last_words is not None:
                await last_words(bucket)

        await self._keeper.take_home(bucket_stream(STAYING_BUCKET), say)

    async def remove_server(self, name: str, *, is_forced: bool = False) -> None:
        """Take the server of a node that is gone, or leaves, out of the cluster for good.

        Until then it counts against the quorum. Once more is no harm. Raises `EngineRefused` when
        the server still runs and this is not forced, `EngineUnavailable` without a quorum.
        """
        assert self._access is not None, "a cluster has an access"
        async with system_account(
            system_addresses(carriers_of(self._seat), self._access)
        ) as system:
            await system.remove(name, is_forced=is_forced)

    async def servers(self) -> Mapping[str, bool]:
        """The servers of the cluster by name, and whether each is there and up to date.

        Raises `EngineError` when nobody says so: there is no quorum, or a server has no others.
        """
        assert self._access is not None, "a cluster has an access"
        async with system_account(
            system_addresses(carriers_of(self._seat), self._access)
        ) as system:
            return await system.servers()

    async def next_lost_carrier(self) -> str:
        """The carrier whose server this node's own has just lost touch with.

        A hint and no more: it may have crashed, or its route was made anew a moment later. Never
        comes back while this node has no server.
        """
        if self._server is None:
            await asyncio.Event().wait()  # an external engine has no carriers
        assert self._server is not None, "the wait above ends with its task only"
        return await self._server.next_lost()

    async def ask_at(
        self, carrier: CarrierAddress, subject: str, *, timeout_s: float
    ) -> bytes | None:
        """What is answered to a request at that carrier's server, whatever the seat is; or None."""
        assert self._access is not None, "a cluster has an access"
        try:
            session = await Session.open(carrier_address(carrier, self._access), timeout_s)
        except EngineError:
            return None
        try:
            return (await session.request(subject, timeout_s=timeout_s)).data
        except EngineError:
            return None
        finally:
            await session.close()

    async def look_at(self, carrier: CarrierAddress, *, timeout_s: float) -> Contact:
        """What is found at that carrier's ports from here; ends within twice the time."""
        assert self._access is not None, "a cluster has an access"
        return await contact(carrier, self._access, timeout_s=timeout_s)

    @property
    def state_trouble(self) -> str:
        """What a person has to decide about the state, or keeps it on its way; else empty."""
        return self._keeper.trouble

    def refusals(self) -> tuple[Refusal, ...]:
        """Whom the own server let out, and who let it out, in the last minute."""
        return self._server.refusals() if self._server is not None else ()

    def services(self) -> list[Service]:
        """In start order: each needs those before it."""
        if self._server is None:
            return [self._connection, self._replica_tender]
        return [self._server, self._connection, self._keeper]

    def bucket(self, name: str, history: int = 1) -> Bucket:
        """The bucket of that name, keeping `history` values of each key."""
        jetstream = self._jetstream(is_staying=name == STAYING_BUCKET)
        self._used.add(bucket_stream(name))
        return NatsBucket(name, jetstream, history=history, trouble=self._trouble)

    def stream(self, config: StreamConfig) -> Stream:
        """The stream of that name, made with this configuration where there is none."""
        self._used.add(config.name)
        return NatsStream(config, self._jetstream(), trouble=self._trouble)

    def _jetstream(self, *, is_staying: bool = False) -> JetStream:
        return JetStream(
            self._connection,
            withheld=lambda: self._connection.withheld(is_staying=is_staying),
            server_count=self._server_count,
        )

    def _server_count(self) -> int:
        """Of an external engine nobody says how many it has: it takes as many as there are."""
        return EXTERNAL_SERVERS_MAX if self._server is None else server_count(self._seat)

    @property
    def connection(self) -> EngineConnection:
        """For messages that are not kept: publish, subscribe, ask."""
        return self._connection

    def lacking(self) -> tuple[str, ...]:
        """The carriers whose servers have not all the state yet, as far as this node knows."""
        return self._keeper.lacking()

    def status(self) -> EngineStatus:
        """How the engine is now; costs nothing."""
        status = self._connection.status()
        if trouble := self._trouble():
            return msgspec.structs.replace(status, state="down", reason=trouble)
        better = self._better_reason(status.state)
        return msgspec.structs.replace(status, reason=better) if better else status

    def _better_reason(self, state: str) -> str:
        """What those who run the engine know beyond what its silence tells."""
        match state:
            case "down" if self._server_is_away():
                return "nats-server is being restarted"
            case "no quorum" if self._server is not None:
                return self._server.refusal
            case "forming":
                return self._keeper.trouble
        return ""

    def _server_is_away(self) -> bool:
        if self._server is None or isinstance(self._seat, Client):
            return False
        return self._server.pid is None

    def _trouble(self) -> str:
        return self._server.trouble if self._server is not None else ""

    def _first_address(self) -> EngineAddress:
        """Of the server to use; `_other_addresses` are those to try after it, drawn anew."""
        addresses = self._addresses()
        if not addresses:
            raise EngineUnavailable(
                "The engine is nowhere yet: no carrier of the cluster is known."
            )
        first, *self._other_addresses = addresses
        return first

    def _addresses(self) -> Sequence[EngineAddress]:
        """A carrier uses its own server while that answers. Clients spread by chance."""
        assert self._server is not None, "without a URL there is a server"
        match self._seat:
            case Alone():
                return [self._server.address]
            case Carrier(own, others):
                carriers = [own, *self._random.sample(others, len(others))]
            case Client(others):
                carriers = self._random.sample(others, len(others))
        assert self._access is not None, "said by take_seat"
        return [carrier_address(carrier, self._access) for carrier in carriers]


def _external(settings: EngineSettings) -> EngineAddress:
    password = settings.password.reveal() if settings.password else ""
    tls = EngineTls(settings.tls_certificate_file, settings.tls_key_file, settings.tls_ca_file)
    try:
        return EngineAddress.of_url(settings.url, user=settings.user, password=password, tls=tls)
    except ValueError as error:
        raise SettingsError(f"engine.url is no address of an engine: {error}.") from None
