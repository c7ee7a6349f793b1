"""Notices when a table that is kept in memory lost its rows, and says so.

Its rows are gone when all servers that kept them had stopped, and the engine says nothing of it. So
the identities of its streams are remembered on disc, in the bucket `tables`, and compared with what
there is whenever the engine is back. Of all nodes one changes the record, and that one tells.
"""

import logging
from collections.abc import Mapping, Sequence

from aiex.engine import Bucket, EngineConnection, Stream
from aiex.errors import Conflict, EngineError
from aiex.events import Emit
from aiex.service import Ready
from aiex.store.events import TableEmptied

BUCKET = "tables"
TIMEOUT_S = 3.0
LOOK_EVERY_S = 30.0

_log = logging.getLogger("aiex.store")


class MemoryTables:
    """Looks after the streams of the tables in memory, by the tables' names."""

    name = "store.memory_tables"

    def __init__(
        self,
        connection: EngineConnection,
        record: Bucket,
        streams: Mapping[str, Sequence[Stream]],
        *,
        emit: Emit,
    ) -> None:
        self._connection = connection
        self._record = record
        self._streams = streams
        self._emit = emit

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await self._connection.until_up()
            try:
                await self.look()
            except EngineError as error:
                _log.debug("the tables in memory are looked at again later: %s", error)
            await self._connection.until_turned(LOOK_EVERY_S)

    async def look(self) -> None:
        """Compare all streams with the record, and tell what is not there any more."""
        for table, streams in self._streams.items():
            # Each is recorded, whatever is found of the others.
            if any([await self._is_emptied(stream) for stream in streams]):
                self._emit(TableEmptied(table))

    async def _is_emptied(self, stream: Stream) -> bool:
        """Whether this node is the one that found the stream to be another, or gone."""
        name = stream.config.name
        facts = await stream.facts(timeout_s=TIMEOUT_S)
        identity = b"" if facts is None else facts.identity.encode()
        known = await self._record.get(name)
        if identity == (b"" if known is None else known.value):
            return False
        try:
            if known is None:
                await self._record.create(name, identity)
            elif identity:
                await self._record.update(name, identity, known.revision)
            else:
                await self._record.delete(name, known.revision)
        except Conflict:
            return False
        return known is not None
