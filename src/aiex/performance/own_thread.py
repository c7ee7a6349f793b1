"""Work in a thread of its own: what looks at a node must not queue behind what it looks at.

The threads of the loop's executor (`asyncio.to_thread`) are few, and in a node that is in trouble
all of them may be what the trouble is. A thread costs a tenth of a millisecond; looks are seldom.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

THREAD_NAME = "aiex-look"


async def in_own_thread[**P, R](work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """What `work` returns or raises; it goes on, unheard, when whoever asked is cancelled."""
    thread = ThreadPoolExecutor(1, thread_name_prefix=THREAD_NAME)
    try:
        working = partial(work, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(thread, working)
    finally:
        thread.shutdown(wait=False)
