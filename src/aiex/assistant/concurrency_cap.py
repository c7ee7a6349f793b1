"""How many calls a target gets at once, and who waits for the next free place, in order.

A place that is given back goes straight to the first waiter: nobody who comes later can take it.
"""

import asyncio
from collections import deque
from enum import Enum

from aiex.assistant.time_limit import time_limit
from aiex.clock import Clock


class Wait(Enum):
    """How waiting for a place ended."""

    TAKEN = "taken"
    FULL = "full"  # the queue; nobody waited
    TIMEOUT = "timeout"


class ConcurrencyCap:
    """Counts calls in flight; 0 as `in_flight_max` only counts."""

    __slots__ = ("_clock", "_in_flight_max", "_queue_len_max", "_waiters", "in_flight")

    def __init__(self, in_flight_max: int, queue_len_max: int, *, clock: Clock) -> None:
        self._in_flight_max = in_flight_max
        self._queue_len_max = queue_len_max
        self._clock = clock
        self._waiters: deque[asyncio.Future[None]] = deque()
        self.in_flight = 0

    @property
    def queue_len(self) -> int:
        return len(self._waiters)

    def try_take(self) -> bool:
        """Take a place now, unless there is none or somebody waits for it."""
        if self._in_flight_max and (self.in_flight >= self._in_flight_max or self._waiters):
            return False
        self.in_flight += 1
        return True

    async def take(self, wait_s: float) -> Wait:
        """Take a place, after up to `wait_s` in the queue if need be."""
        if self.try_take():
            return Wait.TAKEN
        if len(self._waiters) >= self._queue_len_max:
            return Wait.FULL
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            async with time_limit(self._clock, wait_s):
                await waiter
        except TimeoutError:
            self._leave(waiter)
            return Wait.TIMEOUT
        except asyncio.CancelledError:
            self._leave(waiter)
            raise
        return Wait.TAKEN

    def give_back(self) -> None:
        """A call is over: its place goes to the first in the queue, if there is one."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():  # else it was called away and has not yet left the queue
                waiter.set_result(None)
                return
        self.in_flight -= 1
        assert self.in_flight >= 0, "a place was given back twice"

    def _leave(self, waiter: "asyncio.Future[None]") -> None:
        if waiter in self._waiters:
            self._waiters.remove(waiter)
        elif not waiter.cancelled():
            self.give_back()  # the place came in the same moment as the call to leave
