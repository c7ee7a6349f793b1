"""A node's engine in a process of its own, so that it can be killed with all that it runs.

    python -m aiex.testing.engine_process <data directory> <seat as JSON>

Each event is written as a line: its type, then its fields. With `home` as a third argument it takes
the state home once it is up, and takes the seat of a carrier without others; with `mute` beside it,
it comes to its last words and never says them.
"""

import asyncio
import sys
from pathlib import Path

import msgspec

from aiex.clock import SystemClock
from aiex.engine import Bucket, Carrier, CarrierAddress, Engine
from aiex.settings import EngineSettings
from aiex.testing.engine_cluster import access, until, until_kept
from aiex.testing.running import running

LAST_WORDS = "it comes to its last words"


class EngineProcess:
    """Started by `start`; `kill` is `kill -9` of the node, and so of its servers."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, data_dir: Path, seat: Carrier, *words: str) -> "EngineProcess":
        own, others = msgspec.json.encode(seat.own), msgspec.json.encode(seat.others)
        arguments = [str(data_dir), own.decode(), others.decode(), *words]
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "aiex.testing.engine_process", *arguments],
            stdout=asyncio.subprocess.PIPE,
        )
        return cls(process)

    async def until_it_says(self, word: str) -> str:
        """The first line from now on that has the word in it."""
        assert self._process.stdout is not None
        while line := (await self._process.stdout.readline()).decode():
            if word in line:
                return line
        raise AssertionError(f"it ended and never said {word}")

    async def kill(self) -> None:
        self._process.kill()
        await self._process.wait()


async def _main(data_dir: str, own: str, others: str, *words: str) -> None:
    seat = Carrier(
        msgspec.json.decode(own, type=CarrierAddress),
        msgspec.json.decode(others, type=tuple[CarrierAddress, ...]),
    )
    engine = Engine(
        EngineSettings(),
        Path(data_dir),
        access=access(),
        clock=SystemClock(),
        emit=lambda event: print(event, flush=True),  # noqa: T201 - that is what it is for
    )
    engine.take_seat(seat)
    async with running(engine.services()):
        if "home" in words:
            await until(lambda: engine.status().state == "up")
            say = _mute if "mute" in words else _nothing_to_say
            await until_kept(lambda: engine.take_home(say))
            engine.take_seat(Carrier(seat.own, ()))
        await asyncio.get_running_loop().create_future()


async def _nothing_to_say(_: Bucket) -> None:
    pass


async def _mute(_: Bucket) -> None:
    print(LAST_WORDS, flush=True)  # noqa: T201 - that is what it is for
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
