"""Looking goes on while every thread of the loop's executor is busy."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from aiex.performance.own_thread import THREAD_NAME, in_own_thread


async def test_it_does_not_queue_behind_the_threads_of_the_executor() -> None:
    loop, let_go = asyncio.get_running_loop(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    busy = [loop.run_in_executor(None, let_go.wait) for _ in range(3)]
    try:
        assert await in_own_thread(sorted, [2, 1], reverse=True) == [2, 1]
    finally:
        let_go.set()
        await asyncio.gather(*busy)


async def test_what_it_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await in_own_thread(divmod, 1, 0)


async def test_its_thread_ends_with_the_work() -> None:
    thread = await in_own_thread(threading.current_thread)
    assert thread.name.startswith(THREAD_NAME)
    thread.join(5)
    assert not thread.is_alive()
