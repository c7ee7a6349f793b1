"""A cluster's state comes home to one of its carriers, which goes on alone.

    1. the founding says that the state leaves: from now on it is withheld from everybody
    2. each stream is fenced and copied into a fresh standalone store, then compared
    3. the founding says that it is gone: now only this node may give it back
    4. the store gets its name
    5. the caller writes its last words to the one bucket that stays, where all others read them

By 5 everything is at home: whoever reads the last words goes, and with them the cluster's quorum. A
crash before 3: this node gives the state back when it is there again, and the others do so when it
stays away. After 3 only this node does: it may have begun to use what it brought home, and two
places must never both go on. What is in the cluster is not deleted.
"""

import secrets
import shutil
from collections.abc import Awaitable, Callable

from aiex.clock import Clock
from aiex.engine.bucket import Bucket
from aiex.engine.founding import KEY, STREAM, Founding
from aiex.engine.jetstream import JetStream
from aiex.engine.private_store import private_store
from aiex.engine.server_config import EngineFiles
from aiex.engine.standalone_store import mark_home, put_aside
from aiex.engine.state_move import StateMove
from aiex.engine.stream_fence import fence
from aiex.engine.stream_info import StreamInfo
from aiex.errors import Conflict, EngineRefused


class Homecoming:
    """One journey; made for each."""

    def __init__(
        self,
        own: str,
        jetstream: JetStream,
        record: Bucket,
        files: EngineFiles,
        *,
        staying_stream: str,
        server_path: str,
        clock: Clock,
    ) -> None:
        self._own = own
        self._jetstream = jetstream
        self._record = record
        self._files = files
        self._staying_stream = staying_stream
        self._server_path = server_path
        self._clock = clock
        self._move_id = secrets.token_hex(8)

    async def run(self, last_words: Callable[[], Awaitable[None]]) -> int:
        """Bring everything home; how many streams that were.

        Raises `EngineError` or `StartError`; the state is then still the cluster's.
        """
        await self._say(lambda founding: founding.leaving_for(self._own, self._move_id))
        shutil.rmtree(self._files.arriving, ignore_errors=True)
        async with private_store(
            self._files, self._files.arriving, server_path=self._server_path, clock=self._clock
        ) as home:
            move = StateMove(
                self._jetstream,
                home,
                move_id=self._move_id,
                server_count=1,
                until_stored=_at_once,
            )
            staying = {STREAM, self._staying_stream}
            streams = await self._jetstream.streams()
            # What is in memory would be gone with the server that it was copied to.
            names = {stream.name for stream in streams if not stream.is_in_memory} - staying
            for name in sorted(names):
                await fence(self._jetstream, name, by=self._move_id)
                await move.bring(name)
            await self._say(lambda founding: founding.gone())
        self._settle()
        await last_words()
        return len(names)

    async def _say(self, change: Callable[[Founding], Founding]) -> None:
        """Change the founding, if it is as it was when this journey last changed it."""
        entry = await self._record.get(KEY)
        founding = Founding.of(entry)
        if entry is None or founding is None:
            raise EngineRefused("The cluster has no state yet that could be brought home.")
        if founding.home not in ("", self._own) or founding.is_gone:
            raise EngineRefused(f"The state is already on its way to the node {founding.home}.")
        changed = change(founding)
        if changed.home_move != self._move_id:
            raise EngineRefused("The cluster took its state back; it is brought home anew.")
        try:
            await self._record.update(KEY, changed.encoded(), entry.revision)
        except Conflict as error:
            raise EngineRefused(
                "The cluster's state was changed by another node; look again before deciding."
            ) from error

    def _settle(self) -> None:
        if self._files.store.exists():
            put_aside(self._files.store, self._clock)
        mark_home(self._files.arriving, self._move_id)
        self._files.arriving.rename(self._files.store)


async def _at_once(_: StreamInfo) -> bool:
    """A server on its own has what it has acknowledged."""
    return True
