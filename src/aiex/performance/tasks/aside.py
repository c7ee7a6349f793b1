"""Arithmetic on many things is done aside, in a thread, so that the loop goes on meanwhile.

Only for what touches no task: numbers and names that were taken before. Few things are not worth a
thread.
"""

from collections.abc import Callable

from aiex.performance.own_thread import in_own_thread

# As many take a few milliseconds.
FEW = 2000


async def aside[R](work: Callable[[], R], count: int) -> R:
    """What `work` on so many things comes to."""
    return await in_own_thread(work) if count > FEW else work()
