"""The last words of a node that leaves for good: said to each who stays, until it has answered.

A goodbye to all is heard by those who listen just then. Who leaves often does so while the engine
goes from several servers to one, and with it everybody's connection. It will not come back, so
nothing later would mend what was not heard.
"""

import asyncio
from collections.abc import Iterable
from itertools import batched

from aiex.cluster.membership.messages import Goodbye, encoded
from aiex.cluster.subjects import node_subject
from aiex.engine import Messaging
from aiex.errors import EngineError

ANSWER_TIMEOUT_S = 0.5
# Who is not connected yet mostly is within a few tenths of a second.
AGAIN_S = 0.05
# Asked at once; in a larger cluster the others are asked after them.
ASKED_MAX = 64


async def say_farewell(
    goodbye: Goodbye,
    cluster: str,
    staying: Iterable[str],
    connection: Messaging,
    *,
    answer_timeout_s: float = ANSWER_TIMEOUT_S,
) -> None:
    """Come back once all who stay have answered; without a deadline, for one of the caller's.

    Who has not answered after `answer_timeout_s` is asked again.
    """

    async def has_heard(name: str) -> bool:
        subject = node_subject(cluster, name)
        try:
            await connection.request(subject, encoded(goodbye), timeout_s=answer_timeout_s)
        except EngineError:
            return False
        return True

    unheard = list(staying)
    while unheard:
        await connection.until_up()
        heard: list[bool] = []
        for some in batched(unheard, ASKED_MAX):
            heard += await asyncio.gather(*map(has_heard, some))
        unheard = [name for name, was in zip(unheard, heard, strict=True) if not was]
        if unheard:
            await asyncio.sleep(AGAIN_S)
