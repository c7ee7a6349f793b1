"""The engine of one node: an embedded server and the connection to it, or only the connection."""

from pathlib import Path

import msgspec

from aiex.clock import Clock
from aiex.engine.address import EngineAddress
from aiex.engine.bucket import Bucket
from aiex.engine.bucket_nats import NatsBucket
from aiex.engine.connection import EngineConnection
from aiex.engine.jetstream import JetStream
from aiex.engine.server import EngineServer
from aiex.engine.status import EngineStatus
from aiex.errors import SettingsError
from aiex.events import Emit
from aiex.service import Service
from aiex.settings import EngineSettings

# The supervisor gives each service `start_timeout_s`; ending a little earlier by ourselves says
# why, and not only that it took too long.
_OWN_SHARE = 0.9


class Engine:
    """Built from settings; `services` run under the node's supervision, in order."""

    def __init__(
        self, settings: EngineSettings, data_dir: Path, *, clock: Clock, emit: Emit
    ) -> None:
        """Raises `SettingsError` when `settings.url` is no address."""
        timeout_s = settings.start_timeout_s * _OWN_SHARE
        settings = msgspec.structs.replace(settings, start_timeout_s=timeout_s)
        self._server = (
            None if settings.url else EngineServer(settings, data_dir, clock=clock, emit=emit)
        )
        external = None if self._server else _external(settings)
        self._connection = EngineConnection(
            lambda: external or self._embedded_address(),
            is_embedded=external is None,
            must_answer_at_start=external is None,
            start_timeout_s=timeout_s,
            clock=clock,
            emit=emit,
        )
        self._jetstream = JetStream(self._connection)

    def services(self) -> list[Service]:
        """In start order: each needs those before it."""
        return [self._connection] if self._server is None else [self._server, self._connection]

    def bucket(self, name: str, history: int = 1) -> Bucket:
        """The bucket of that name, keeping `history` values of each key."""
        return NatsBucket(name, self._jetstream, history=history, trouble=self._trouble)

    @property
    def connection(self) -> EngineConnection:
        """For messages that are not kept: publish, subscribe, ask."""
        return self._connection

    def status(self) -> EngineStatus:
        """How the engine is now; costs nothing."""
        status = self._connection.status()
        if trouble := self._trouble():
            return msgspec.structs.replace(status, state="down", reason=trouble)
        if self._server is not None and self._server.pid is None and status.state == "down":
            return msgspec.structs.replace(status, reason="nats-server is being restarted")
        return status

    def _trouble(self) -> str:
        return self._server.trouble if self._server is not None else ""

    def _embedded_address(self) -> EngineAddress:
        assert self._server is not None, "without a URL there is a server"
        return self._server.address


def _external(settings: EngineSettings) -> EngineAddress:
    password = settings.password.reveal() if settings.password else ""
    try:
        return EngineAddress.of_url(settings.url, user=settings.user, password=password)
    except ValueError as error:
        raise SettingsError(f"engine.url is no address of an engine: {error}.") from None
