"""Whoever looks works in threads of their own.

The pool of `asyncio.to_thread` is everybody's: where its threads are all busy, which may be what is
wrong with a node, a look would wait behind them and never say so.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

# A wall profile takes one for as long as it looks; two analyses never run at once.
THREADS_MAX = 3
NAME = "aiex-look"

_threads = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix=NAME)


async def aside[**P, R](work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """What `work` comes to, while the loop goes on."""
    call = partial(work, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_threads, call)
