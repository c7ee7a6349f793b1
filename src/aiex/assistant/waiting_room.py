"""Requests wait their turn while the loop is busy: it begins no more than it gets done.

Everything a request needs beside its client's connection (the provider's connection, buffers) is
taken only when it enters, so what waits is cheap, and a node with thousands of clients works as
fast as one with a few. Each turn of the loop lets in a number that keeps turns short. Slow
providers are no matter: a request that waits for its provider makes no turn long.

Who waits is let in first come first served, until somebody has waited so long that clients may be
giving up: then the newest first, who is sure to be there still.
"""

import asyncio
from collections import deque
from typing import Final

from aiex.clock import Clock

# Long enough to do a good deal of work at once, short enough that nobody notices.
TURN_TARGET_S: Final = 0.01
ENTRIES_FIRST: Final = 64.0
# However long turns get, some come in: what makes them long may be something else.
ENTRIES_MIN: Final = 4.0
ENTRIES_MAX: Final = 1024.0
# Up slowly, down fast, as TCP finds its pace.
UP: Final = 2.0
DOWN_RATIO: Final = 0.8
PATIENT_S: Final = 0.2


def entries_next(entries: float, *, entered_count: int, turn_s: float) -> float:
    """How many the next turn lets in, after one that let in `entered_count` and took `turn_s`."""
    if turn_s > TURN_TARGET_S:
        return max(ENTRIES_MIN, entries * DOWN_RATIO)
    if entered_count >= int(entries):
        return min(ENTRIES_MAX, entries + UP)
    return entries


class WaitingRoom:
    """`may_enter` for most requests; for the others `turn` waits."""

    def __init__(self, clock: Clock, *, wait_max_s: float) -> None:
        self._clock = clock
        self._wait_max_s = wait_max_s
        self._waiting: deque[tuple[float, asyncio.Future[bool]]] = deque()
        self._entries = ENTRIES_FIRST
        self._entered_count = 0
        self._is_turning = False
        self._turned_at_s = 0.0

    @property
    def waiting_count(self) -> int:
        return len(self._waiting)

    def may_enter(self) -> bool:
        """Whether a request comes in at once; if not, it waits for its `turn`."""
        if self._waiting or self._entered_count >= int(self._entries):
            return False
        self._entered_count += 1
        self._keep_turning()
        return True

    async def turn(self) -> bool:
        """True once the request comes in, False when it has waited too long."""
        mine: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((self._clock.monotonic_s(), mine))
        self._keep_turning()
        return await mine

    def _keep_turning(self) -> None:
        if not self._is_turning:
            self._is_turning = True
            self._turned_at_s = self._clock.monotonic_s()
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        now_s = self._clock.monotonic_s()
        self._entries = entries_next(
            self._entries, entered_count=self._entered_count, turn_s=now_s - self._turned_at_s
        )
        self._turned_at_s = now_s
        self._entered_count = 0
        self._is_turning = bool(self._waiting)
        if self._waiting:
            self._let_in(now_s)
            asyncio.get_running_loop().call_soon(self._turn)

    def _let_in(self, now_s: float) -> None:
        waiting = self._waiting
        while waiting and (now_s - waiting[0][0] > self._wait_max_s or waiting[0][1].done()):
            _, late = waiting.popleft()
            if not late.done():  # its client may have gone
                late.set_result(False)
        while waiting and self._entered_count < int(self._entries):
            is_patient = now_s - waiting[0][0] <= PATIENT_S
            _, next_one = waiting.popleft() if is_patient else waiting.pop()
            if not next_one.done():
                next_one.set_result(True)
                self._entered_count += 1
