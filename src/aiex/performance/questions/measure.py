"""A measure: one number for each of many things, as `top` and `window` ask for it.

Every chapter brings its own: CPU by thread, tasks by coroutine, pauses by generation. The two
questions are recon's (https://ferd.github.io/recon/recon.html): what is the most now, and what
grew the most within a window.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol


class Measure(Protocol):
    """`metric` and `by` together are its name, `unit` is of its values."""

    metric: str  # cpu, wall, allocations, queue_len, age, steps, …
    by: str  # task, coroutine, service, thread, function, …
    unit: str  # s, bytes, or empty for plain counts
    meaning: str  # one sentence, for the list of measures

    async def values(self) -> Mapping[str, float]:
        """What it is of each thing now; for what only grows, all of it so far."""

    def counting(self) -> AbstractAsyncContextManager[None]:
        """What has to be on for a window to see anything; nothing, where it always is."""

    def notes(self) -> Sequence[str]:
        """What `values` leave out, in sentences; asked while a window is open, or without one."""


class Counted:
    """What a measure derives from whose values are there at any time: a window needs nothing on."""

    @asynccontextmanager
    async def counting(self) -> AsyncIterator[None]:
        yield

    def notes(self) -> Sequence[str]:
        return ()
