"""The engine of one node: an embedded server and the connection, or only the connection."""

from pathlib import Path

from aiex.clock import Clock
from aiex.engine.bucket import Bucket
from aiex.engine.bucket_nats import NatsBucket
from aiex.engine.connection import EngineConnection, EngineStatus
from aiex.engine.server import USER, EngineServer
from aiex.events import Emit
from aiex.service import Service
from aiex.settings import EngineSettings


class Engine:
    """Built from settings; its services run under the node's supervision."""

    def __init__(
        self, settings: EngineSettings, data_dir: Path, *, clock: Clock, emit: Emit
    ) -> None:
        self._server = None if settings.url else self._embedded(settings, data_dir)
        self._settings = settings
        self._connection = EngineConnection(
            lambda: self._server.url if self._server else settings.url,
            self._credentials,
            is_embedded=self._server is not None,
            clock=clock,
            emit=emit,
        )

    def services(self) -> list[Service]:
        """In start order."""
        return [self._connection] if self._server is None else [self._server, self._connection]

    def bucket(self, name: str) -> Bucket:
        return NatsBucket(name, self._connection.jetstream)

    def status(self) -> EngineStatus:
        return self._connection.status

    def _embedded(self, settings: EngineSettings, data_dir: Path) -> EngineServer:
        return EngineServer(
            data_dir / "engine",
            program=settings.server_path,
            frozen_after_s=settings.frozen_after_s,
            answers=lambda: self._connection.answers(),
        )

    def _credentials(self) -> tuple[str, str]:
        if self._server is not None:
            return USER, self._server.password
        password = self._settings.password
        return self._settings.user, password.reveal() if password else ""
