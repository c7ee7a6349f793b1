"""May a caller wait for the engine? Facts and a time in, an answer out.

A stream whose leader died has another within seconds, so callers wait until their deadline. An
engine that is away for longer than that has too few of its servers, and nobody waits for it.
"""

from aiex.engine import EngineStatus

# The servers choose a leader within 4 to 8 seconds; until then they cannot be told from too few.
CHOICE_S = 8.0


def hopeless(status: EngineStatus, now_s: float) -> str:
    """Why there is nothing to wait for, as a phrase; empty while there is. `now_s`: wall clock."""
    if status.state == "up" or now_s - status.since_s < CHOICE_S:
        return ""
    return f"the engine is {status.state}" + (f": {status.reason}" if status.reason else "")
