"""A walk over all objects leaves the interpreter as it was."""

import subprocess
import sys

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
