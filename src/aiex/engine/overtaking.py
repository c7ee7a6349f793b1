"""Was a message lost with the leader that it was sent to? One that was sent later tells.

A leader answers what it is sent in the order in which that came. So when a message is acknowledged
and one that was sent before it is not, another leads by now, and nobody will answer the first: its
leader was told to stop, and took what it had yet to keep along. Who waits for the deadline instead
waits for more than a second at each planned stop.

Other writes of this node to the same stream tell it for nothing. Without any, something nobody
reads is written, once for all who wait. An engine that is slow is slow with that too: nobody is
given up for it.
"""

import asyncio
from collections.abc import Awaitable, Callable

from aiex.engine.session import NoAnswer
from aiex.errors import EngineError

# A healthy engine answers within a few milliseconds; with many writers, within twenty.
SLOW_S = 0.05
# Between two tries while nobody leads: another does some forty milliseconds after a planned stop.
AGAIN_S = 0.02
# An answer that was sent first and comes last, by way of two servers.
STRAGGLER_S = 0.02


class Overtaking:
    """Of one stream, for all who write to it here."""

    def __init__(self, write_later: Callable[[float], Awaitable[object]]) -> None:
        """`write_later` has something nobody reads kept by the stream, within so many seconds.

        It may raise `EngineError`.
        """
        self._write_later = write_later
        self._asking = asyncio.Lock()
        self._kept_sent_at_s = 0.0  # when the newest was sent of those that were acknowledged

    async def unless_overtaken[T](self, write: Callable[[], Awaitable[T]]) -> T:
        """What `write` comes to; raises `NoAnswer` once one that was sent later was kept first.

        What was written may have been kept all the same.
        """
        loop = asyncio.get_running_loop()
        sent_at_s = loop.time()
        watch: asyncio.Task[None] | None = None

        def begin_watch() -> None:
            nonlocal watch
            watch = loop.create_task(self._watch(sent_at_s, deadline))

        timer = loop.call_later(SLOW_S, begin_watch)
        try:
            async with asyncio.timeout(None) as deadline:
                answer = await write()
        except TimeoutError as error:
            raise NoAnswer("The engine does not answer: another server leads by now.") from error
        finally:
            timer.cancel()
            if watch is not None:
                watch.cancel()
                await asyncio.wait([watch])
        self._kept_sent_at_s = max(self._kept_sent_at_s, sent_at_s)
        return answer

    async def _watch(self, sent_at_s: float, deadline: asyncio.Timeout) -> None:
        loop = asyncio.get_running_loop()
        wait_s = SLOW_S
        async with self._asking:
            while self._kept_sent_at_s <= sent_at_s:
                asked_at_s = loop.time()
                try:
                    await self._write_later(wait_s)
                except EngineError:
                    await asyncio.sleep(AGAIN_S)
                    wait_s *= 2
                else:
                    self._kept_sent_at_s = max(self._kept_sent_at_s, asked_at_s)
        if not deadline.expired():
            deadline.reschedule(loop.time() + STRAGGLER_S)
