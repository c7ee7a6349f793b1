"""Clients that leave before they have their answer: their requests are ended.

Being told of it costs a request up to 8 us: granian starts a task for it, and ends that through one
more of its threads. An answer that is there in a moment has no use for it, so it is asked only of
requests that last longer than one. Who left in that moment is found out at its end.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from time import perf_counter_ns
from typing import Final

from aiex.assistant.exchange import Exchange
from aiex.assistant.trail import Trail

# Shorter than any wait for a model that somebody would give up, longer than an answer that needs
# none. A request is looked after when it is between one and two of them old.
MOMENT_S: Final = 0.05


class LeaveWatch:
    """Cancels the task of a request whose client has gone, and marks its trail."""

    def __init__(self, moment_s: float = MOMENT_S) -> None:
        self._moment_s = moment_s
        self._young: dict[asyncio.Task[None], tuple[Trail, Exchange]] = {}  # oldest first
        self._watched: dict[asyncio.Task[None], tuple[asyncio.Future[None], _Left]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, task: asyncio.Task[None], trail: Trail, exchange: Exchange) -> None:
        """Watch a request that `task` answers, from now until `remove`."""
        self._young[task] = trail, exchange
        if self._timer is None:
            self._timer = task.get_loop().call_later(self._moment_s, self._tick)

    def remove(self, task: asyncio.Task[None]) -> None:
        """Its request is over."""
        if self._young.pop(task, None) is None and (watched := self._watched.pop(task, None)):
            gone, left = watched
            gone.remove_done_callback(left)
            gone.cancel()

    def _tick(self) -> None:
        self._timer = None  # whatever happens below, the next request begins it again
        began_ns = perf_counter_ns() - int(self._moment_s * 1e9)
        for task, (trail, exchange) in list(self._young.items()):
            if trail.started_ns > began_ns:
                break  # and all after it are younger
            del self._young[task]
            gone, left = exchange.client_disconnect(), partial(_leave, task, trail)
            gone.add_done_callback(left)
            self._watched[task] = gone, left
        if self._young:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._moment_s, self._tick)


type _Left = Callable[[asyncio.Future[None]], None]


def _leave(task: asyncio.Task[None], trail: Trail, _: asyncio.Future[None]) -> None:
    trail.has_lost_client = True
    task.cancel()
