"""An engine for formations, in memory: one bucket, messages, and servers that a test tells of."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from aiex.engine import Alone, Bucket, CarrierAddress, Messaging, Seat
from aiex.errors import EngineUnavailable
from aiex.testing.bucket_memory import MemoryBucket
from aiex.testing.engine_memory import MemoryEngine


class MemorySeats:
    """An `EngineSeats`; while its bucket is down nobody tells of the servers either.

    `told` has what carriers answer when they are asked, by their names.
    """

    def __init__(self) -> None:
        self.seat: Seat = Alone()
        self.connection: Messaging = MemoryEngine().connection()
        self.charters = MemoryBucket()
        self.up: Mapping[str, bool] = {}
        self.removed: list[str] = []
        self.told: dict[str, bytes] = {}
        self.was_asked = asyncio.Event()  # for its servers

    def take_seat(self, seat: Seat) -> None:
        self.seat = seat

    def bucket(self, name: str) -> Bucket:
        return self.charters

    async def take_home(self, last_words: Callable[[Bucket], Awaitable[None]]) -> None:
        await last_words(self.charters)

    async def servers(self) -> Mapping[str, bool]:
        self.was_asked.set()
        if self.charters.trouble:
            raise EngineUnavailable(f"The engine is down: {self.charters.trouble}.")
        return self.up

    async def remove_server(self, name: str, *, is_forced: bool) -> None:
        self.removed.append(name)

    async def next_lost_carrier(self) -> str:
        raise AssertionError("a formation asks for no hints")

    async def ask_at(
        self, carrier: CarrierAddress, subject: str, *, timeout_s: float
    ) -> bytes | None:
        return self.told.get(carrier.name)
