"""What nodes tell each other of the charter in force, each at its own port.

So whoever was away while the carriers changed learns of it, with or without a quorum.
"""

import asyncio
import contextlib
from collections.abc import Iterable

from aiex.clock import Clock
from aiex.cluster.formation.charter import Charter, decoded, encoded
from aiex.cluster.formation.engine_seats import EngineSeats
from aiex.cluster.formation.known_charter import KnownCharter
from aiex.cluster.subjects import charter_subject
from aiex.engine import CarrierAddress
from aiex.errors import EngineError

ASK_EVERY_S = 1.0
ASK_TIMEOUT_S = 0.5
TELL_TIMEOUT_S = 0.5
LISTEN_S = 60.0
LISTEN_AGAIN_S = 0.1


class Hearsay:
    def __init__(
        self, cluster: str, engine: EngineSeats, known: KnownCharter, *, clock: Clock
    ) -> None:
        self._cluster = cluster
        self._subject = charter_subject(cluster)
        self._engine = engine
        self._known = known
        self._clock = clock
        self._asked_at_s = float("-inf")

    async def tell(self) -> None:
        """Tell whoever asks the charter this node keeps, over every end of the connection."""
        while True:
            connection = self._engine.connection
            await connection.until_up()
            try:
                async with connection.subscribed(self._subject, timeout_s=TELL_TIMEOUT_S) as inbox:
                    while True:
                        with contextlib.suppress(TimeoutError):
                            question = await inbox.next(LISTEN_S)
                            await self._answer(question.reply)
            except EngineError:
                await self._clock.sleep(LISTEN_AGAIN_S)

    async def later_charter(self, others: Iterable[CarrierAddress]) -> Charter | None:
        """A later charter than the known one, asked for at the others, at most once a second."""
        now_s, others = self._clock.monotonic_s(), list(others)
        if not others or now_s - self._asked_at_s < ASK_EVERY_S:
            return None
        self._asked_at_s = now_s
        answers = await asyncio.gather(
            *(self._engine.ask_at(one, self._subject, timeout_s=ASK_TIMEOUT_S) for one in others)
        )
        told = [charter for answer in answers if answer and (charter := decoded(answer))]
        latest = max(told, key=lambda one: one.epoch, default=None)
        known = self._known.in_force
        if latest is None or latest.cluster != self._cluster:
            return None
        return latest if known is None or latest.epoch > known.epoch else None

    async def _answer(self, reply: str) -> None:
        if reply and (known := self._known.in_force) is not None:
            await self._engine.connection.publish(reply, encoded(known), timeout_s=TELL_TIMEOUT_S)
