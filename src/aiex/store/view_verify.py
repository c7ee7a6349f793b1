"""Is a view what its table is? Compared at one moment of the view, while both are written to.

The moment is a snapshot of the view's file. Then all that the engine has is read, which is newer: a
row whose newest change came after that moment cannot be judged, and is counted as unsettled. All
others must be equal, in their sequence, their text and the columns they are found by.
"""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

import msgspec

from aiex.errors import StoreUnavailable
from aiex.store.view_feed import Began, Fed, Feed, UpToDate
from aiex.store.view_progress import Progress
from aiex.store.view_snapshot import FragmentVerdict, ViewSnapshot

DEADLINE_S = 120.0
STEP_LEN_MAX = 1_000


class Verification(msgspec.Struct, frozen=True):
    """What was found; `damages` is what is wrong with the view's file as such."""

    table: str
    fragments: tuple[FragmentVerdict, ...]
    damages: tuple[str, ...]
    took_s: float

    @property
    def is_sound(self) -> bool:
        return not self.damages and all(verdict.is_equal for verdict in self.fragments)


async def verify_view[R: msgspec.Struct](
    snapshot: ViewSnapshot[R],
    feed: Feed,
    *,
    table: str,
    fragment_count: int,
    deadline_s: float = DEADLINE_S,
) -> Verification:
    """What differs; raises `StoreUnavailable` when that could not be found out in time."""
    began_s = time.monotonic()
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(1, thread_name_prefix="store.verify")

    async def do[T](work: Callable[..., T], *args: object) -> T:
        return await loop.run_in_executor(thread, work, *args)

    try:
        async with asyncio.timeout(deadline_s):
            await do(snapshot.take)
            verdicts, damages = [], list(await do(snapshot.damages))
            for fragment in range(fragment_count):
                stream = await _read_all(feed, fragment, snapshot, do)
                if stream != snapshot.stream(fragment):
                    damages.append(f"the fragment {fragment} is no copy of its stream")
                verdicts.append(await do(snapshot.compared, fragment))
    except TimeoutError as error:
        raise StoreUnavailable(
            f"The table {table} could not be compared within {deadline_s:g} s."
        ) from error
    except sqlite3.Error as error:
        raise StoreUnavailable(f"The view of {table} cannot be read: {error}.") from error
    finally:
        snapshot.give_up()
        thread.submit(snapshot.close)
        thread.shutdown(wait=False)
    took_s = round(time.monotonic() - began_s, 3)
    return Verification(table, tuple(verdicts), tuple(damages), took_s)


async def _read_all[R: msgspec.Struct](
    feed: Feed, fragment: int, snapshot: ViewSnapshot[R], do: Callable[..., Awaitable[object]]
) -> str:
    """Add all that the engine has, until it is a state that the fragment had; of which stream."""
    progress, some = Progress(), list[Fed]()
    async with aclosing(feed.follow(fragment, None)) as items:
        async for item in items:
            match item:
                case Began():
                    progress.begin(item)
                    some.clear()
                    await do(snapshot.forget, fragment)
                case Fed():
                    progress.take(item)
                    some.append(item)
                case UpToDate():
                    progress.rest()
            if len(some) >= STEP_LEN_MAX or progress.is_fresh:
                await do(snapshot.add, fragment, tuple(some))
                some.clear()
            if progress.is_fresh:
                break
    return progress.stream
