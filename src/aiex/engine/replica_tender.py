"""Sees that the streams a node uses at an external engine are kept by as many servers as can be.

While a cluster of NATS comes up, two of its three servers may be all there are, and a stream that
is made then is kept by these two: it would stop with either. Embedded engines are looked after by
`state_keeper`.
"""

from collections.abc import Callable, Iterable

from aiex.engine.connection import EngineConnection
from aiex.engine.events import ReplicasRaised
from aiex.engine.jetstream import JetStream
from aiex.engine.jetstream_refusal import StreamMissing
from aiex.engine.stream_info import REPLICAS, StreamInfo
from aiex.engine.stream_replicas import current_count, raise_replicas, until_replicated
from aiex.errors import EngineError, EngineRefused
from aiex.events import Emit
from aiex.service import Ready

# Pods and volumes of a server that is missing at first come within minutes.
TRY_AGAIN_S = 5.0
# Streams are made when they are first used, which may be at any time.
LOOK_EVERY_S = 60.0


class ReplicaTender:
    """Looks at the named streams, and at no other of the account, which others may use too."""

    name = "engine.replicas"

    def __init__(
        self,
        jetstream: JetStream,
        connection: EngineConnection,
        *,
        used: Callable[[], Iterable[str]],
        servers_max: int,
        emit: Emit,
    ) -> None:
        self._jetstream = jetstream
        self._connection = connection
        self._used = used
        self._servers_max = servers_max
        self._emit = emit

    async def run(self, ready: Ready) -> None:
        """Look until cancelled."""
        ready()
        while True:
            await self._connection.until_up()
            lacks = await self._look()
            await self._connection.until_turned(TRY_AGAIN_S if lacks else LOOK_EVERY_S)

    async def _look(self) -> bool:
        """Whether a stream is kept by fewer than three, or nobody can tell now."""
        lacks = False
        for name in sorted(self._used()):
            try:
                stream = await self._jetstream.stream(name)
            except StreamMissing:
                continue
            except EngineError:
                return True
            # A server that is no cluster's keeps everything alone.
            if stream.cluster is not None and not await self._is_kept(stream):
                lacks = True
        return lacks

    async def _is_kept(self, stream: StreamInfo) -> bool:
        """How many servers the engine has is told to nobody: what is too many is refused."""
        for count in sorted({self._servers_max, REPLICAS}, reverse=True):
            try:
                if await raise_replicas(self._jetstream, stream, count):
                    raised = await until_replicated(self._jetstream, stream.name)
                    self._emit(ReplicasRaised(stream.name, current_count(raised)))
            except EngineRefused:
                continue
            except EngineError:
                return False
            return True
        return False
