"""A walk over all objects leaves the interpreter as it was."""

import asyncio
import subprocess
import sys

from aiex.performance.memory.survey import make_survey

WALKS = """
import asyncio, gc
from aiex.performance.memory.survey import make_survey

async def walk():
    future = asyncio.get_running_loop().create_future()
    future.get_loop().call_soon(future.set_result, None)
    await future  # its iterator, freed, waits to be used again
    survey = await make_survey(asyncio.sleep)
    assert survey.is_whole and survey.containers
    del survey
    gc.collect()

asyncio.run(walk())
print("collected")
"""


def test_the_collector_comes_back_after_a_walk() -> None:
    # In a process of its own: where it does not come back, nothing can stop it from inside.
    done = subprocess.run(
        [sys.executable, "-c", WALKS], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.stdout, done.stderr) == ("collected\n", "")


class Journal:
    def __init__(self) -> None:
        self.log = "." * 5000
        self.facts = dict.fromkeys(range(40))


JOURNAL = Journal()  # near a root: a process of thousands of tests has more than a walk may see


async def test_a_variable_is_followed_when_its_value_is_replaced() -> None:
    journal = JOURNAL
    survey = await make_survey(asyncio.sleep)
    names = {one.one.name: one for one in survey.variables if one.one.names is vars(journal)}
    assert set(names) == {"log", "facts"}
    assert not names["facts"].one.is_replaced
    journal.log += "." * 100
    journal.facts = {**journal.facts, 41: None}
    assert (names["log"].now(), names["facts"].now()) == (5100, 41)
    assert names["facts"].one.is_replaced
    assert names["facts"].of_now().one is journal.facts
