"""Two calls for one answer: the second goes out when the first is slow, the first good one wins.

After Jeffrey Dean and Luiz Barroso, "The Tail at Scale" (2013). Costs a second call each time, so
it is off unless a model asks for it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from aiex.clock import Clock

type Ask[T] = Coroutine[Any, Any, T]


async def hedged[T](
    ask: Ask[T],
    ask_another: Callable[[], Ask[T] | None],
    *,
    after_s: float,
    clock: Clock,
    is_good: Callable[[T], bool],
) -> T:
    """The first good result, else the last bad one; what is still running then is cancelled.

    `ask_another` is called once, if there is no result after `after_s`; None: there is nobody else.
    """
    calls = [asyncio.create_task(ask, name="call")]
    timer = asyncio.create_task(clock.sleep(after_s), name="hedge timer")
    try:
        await asyncio.wait({calls[0], timer}, return_when=asyncio.FIRST_COMPLETED)
        if not calls[0].done() and (another := ask_another()) is not None:
            calls.append(asyncio.create_task(another, name="hedge"))
        pending = set(calls)
        while True:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            results = [call.result() for call in calls if call in done]
            good = [result for result in results if is_good(result)]
            if good or not pending:
                return (good or results)[0]
    finally:
        for task in (*calls, timer):
            task.cancel()
        await asyncio.wait({*calls, timer})
