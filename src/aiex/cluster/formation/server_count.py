"""The servers in the engine's Raft group, as one carrier counts them now and then."""

from collections.abc import Mapping

from aiex.clock import Clock
from aiex.cluster.formation.engine_seats import EngineSeats
from aiex.engine import Carrier

# The one carrier that acts asks for the group, which changes rarely.
COUNT_EVERY_S = 2.0


class ServerCount:
    """`servers` by name, with whether each is there and has all data; None while unknown."""

    def __init__(self, engine: EngineSeats, *, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._counted_at_s = 0.0
        self.servers: Mapping[str, bool] | None = None

    def forget(self) -> None:
        """What was counted is not true any more."""
        self.servers = None

    async def count(self) -> bool:
        """Count, if it is time; whether there is news. Raises `EngineUnavailable`."""
        now_s = self._clock.monotonic_s()
        if now_s - self._counted_at_s < COUNT_EVERY_S:
            return False
        self._counted_at_s = now_s
        self.servers = None
        seat = self._engine.seat
        if not (isinstance(seat, Carrier) and seat.others):
            return False
        self.servers = await self._engine.servers()
        return True
