"""The node's connection to the engine: outlives restarts of the server, knows when it is frozen."""

import asyncio
import importlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from aiex.clock import Clock
from aiex.engine.server_program import VERSION_MIN, is_new_enough
from aiex.errors import EngineRefused, EngineUnavailable
from aiex.events import Emit
from aiex.service import Ready

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js import JetStreamContext

PROBE_EVERY_S = 1.0
# A healthy server answers in under a millisecond; two seconds of nothing is frozen or cut off.
PROBE_TIMEOUT_S = 2.0
RECONNECT_WAIT_S = 0.2
_log = logging.getLogger("aiex.engine.connection")


class EngineStatus(msgspec.Struct, frozen=True):
    """`state`: connecting, up, down."""

    state: str
    reason: str
    since_s: float
    server_version: str
    is_embedded: bool


class EngineUp(msgspec.Struct, frozen=True):
    """The engine answers."""

    server_version: str


class EngineDown(msgspec.Struct, frozen=True):
    """The engine does not answer."""

    reason: str


class EngineConnection:
    """One NATS client. `url` is asked at each start, since an embedded server picks its port."""

    name = "engine.connection"

    def __init__(
        self,
        url: Callable[[], str],
        credentials: Callable[[], tuple[str, str]],
        *,
        is_embedded: bool,
        clock: Clock,
        emit: Emit,
    ) -> None:
        self._url = url
        self._credentials = credentials
        self._is_embedded = is_embedded
        self._clock = clock
        self._emit = emit
        self._client: Client | None = None
        self._status = EngineStatus("connecting", "", clock.wall_s(), "", is_embedded)

    @property
    def status(self) -> EngineStatus:
        return self._status

    def jetstream(self) -> "JetStreamContext":
        """The way to streams; raises `EngineUnavailable` at once when the engine is down."""
        if self._client is None or self._status.state != "up":
            raise EngineUnavailable(f"The engine is {self._status.state}: {self._status.reason}.")
        return self._client.jetstream(timeout=PROBE_TIMEOUT_S)

    async def answers(self) -> bool:
        """Whether the server answers a round trip now."""
        if self._client is None:
            return True  # not connected yet: its start has a deadline of its own
        try:
            await self._client.flush(timeout=1)
        except Exception:  # noqa: BLE001 - nats-py raises its own, OSError and more; all mean no
            return False
        return True

    async def run(self, ready: Ready) -> None:
        if not self._is_embedded:
            ready()
        nats = await asyncio.to_thread(importlib.import_module, "nats")
        user, password = self._credentials()
        try:
            client = self._client = await nats.connect(
                self._url(),
                user=user or None,
                password=password or None,
                name="aiex",
                allow_reconnect=True,
                max_reconnect_attempts=-1,
                reconnect_time_wait=RECONNECT_WAIT_S,
                ping_interval=2,
                max_outstanding_pings=2,
                connect_timeout=2,
                error_cb=_note_error,
            )
        except Exception as error:
            self._turn("down", f"{type(error).__name__}: {error}")
            raise EngineUnavailable(f"No engine answers at {self._url()}: {error}") from error
        try:
            version = str(client.connected_server_version)
            if not is_new_enough(version):
                needed = ".".join(map(str, VERSION_MIN))
                raise EngineRefused(f"The engine is NATS {version}; {needed} or newer is needed.")
            self._turn("up", "", version)
            if self._is_embedded:
                ready()
            while True:
                await self._clock.sleep(PROBE_EVERY_S)
                if await self.answers():
                    self._turn("up", "", version)
                else:
                    self._turn("down", "it does not answer")
        finally:
            self._client = None
            self._turn("down", "the connection was closed")
            await client.close()

    def _turn(self, state: str, reason: str, version: str = "") -> None:
        before = self._status
        if before.state == state:
            return
        self._status = EngineStatus(
            state, reason, self._clock.wall_s(), version or before.server_version, self._is_embedded
        )
        self._emit(EngineUp(version) if state == "up" else EngineDown(reason))


async def _note_error(error: Exception) -> None:
    _log.debug("the client reports %s: %s", type(error).__name__, error)
