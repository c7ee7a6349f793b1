"""May a caller wait for the engine, and for how long? What decides is arithmetic on times.

A stream whose leader died has another within seconds, so callers wait until their deadline. An
engine that is away for longer than that has too few of its servers, and nobody waits for it. While
it is away nothing is sent to it: a server that lost the others takes what it is told, does not
answer, and may keep it once they are back.
"""

from collections.abc import Callable

from aiex.clock import Clock
from aiex.engine import EngineStatus, NotDone, engine_phrase
from aiex.errors import EngineUnavailable

# The servers choose a leader within 4 to 8 seconds; until then they cannot be told from too few.
CHOICE_S = 8.0
# A leader that is told to stop is replaced within some forty milliseconds.
POLL_S = 0.02


def hopeless(status: EngineStatus, now_s: float) -> str:
    """Why there is nothing to wait for, as a phrase; empty while there is. `now_s`: wall clock."""
    if status.state == "up" or now_s - status.since_s < CHOICE_S:
        return ""
    return engine_phrase(status.state, status.reason)


class Patience:
    """Of all who use one engine."""

    def __init__(self, status: Callable[[], EngineStatus], clock: Clock) -> None:
        self._status = status
        self._clock = clock

    def check_up(self) -> None:
        """Raises `NotDone` while the engine cannot be asked for state."""
        status = self._status()
        if status.state != "up":
            raise NotDone(f"{engine_phrase(status.state, status.reason)}.")

    async def pause(self, give_up_at_s: float, cause: EngineUnavailable) -> str:
        """Nothing, after a moment; or why there is nothing more to wait for, as a phrase.

        `give_up_at_s` is on the monotonic clock; `cause` is what is told at the deadline.
        """
        if reason := hopeless(self._status(), self._clock.wall_s()):
            return reason
        if give_up_at_s - self._clock.monotonic_s() <= POLL_S:
            text = str(cause).removesuffix(".")
            return text[:1].lower() + text[1:]
        await self._clock.sleep(POLL_S)
        return ""
