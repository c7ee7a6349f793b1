"""The engine's bucket `cluster`, read anew in each seat: the charter in force, and the offers."""

import asyncio
import logging
from collections.abc import Callable

import msgspec

from aiex.cluster.events import CharterRead
from aiex.cluster.formation.charter import Charter, decoded, encoded
from aiex.cluster.formation.offers import OFFER_PREFIX, Offer, Offers, offer_key
from aiex.cluster.formation.steps import Reading
from aiex.engine import Bucket, CarrierAddress, CaughtUp, Deleted, Entry, Restarted
from aiex.events import Emit

CHARTER_KEY = "charter"

_log = logging.getLogger("aiex.cluster.formation")


class ClusterBucket:
    """`charter` is what the bucket says of it in the seat of now, at `revision`.

    `was_read` is called with each charter that was read, `changed` after each change.
    """

    def __init__(
        self,
        cluster: str,
        bucket: Bucket,
        *,
        was_read: Callable[[Charter], None],
        changed: Callable[[], None],
        emit: Emit,
    ) -> None:
        self._cluster = cluster
        self._bucket = bucket
        self._was_read = was_read
        self._changed = changed
        self._emit = emit
        self.charter: Charter | Reading = Reading.UNREAD
        self.revision = 0
        self.offers = Offers()
        self._seated = asyncio.Event()
        self._sitting = 0  # counts the seats taken

    def read_anew(self) -> None:
        """This node takes another seat: what was read so far was read in another engine."""
        self.charter, self.revision = Reading.UNREAD, 0
        self.offers.clear()
        self._sitting += 1
        self._seated.set()

    async def follow(self) -> None:
        """Read it in each seat anew, for as long as it is the seat."""
        if not self._sitting:
            await self._seated.wait()
        while True:
            self._seated.clear()
            reading = asyncio.create_task(self._read_on(self._sitting), name="formation reading")
            seated = asyncio.create_task(self._seated.wait(), name="formation seated")
            try:
                await asyncio.wait({reading, seated}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                reading.cancel()
                seated.cancel()
                await asyncio.wait({reading, seated})
            if not reading.cancelled():
                reading.result()  # an error, or nothing when the seat changed

    async def write_charter(self, charter: Charter, over: Charter | None) -> None:
        """Over just the one that was read, or over none; raises `Conflict` when that is not so."""
        if over is None:
            revision = await self._bucket.create(CHARTER_KEY, encoded(charter))
        else:
            revision = await self._bucket.update(CHARTER_KEY, encoded(charter), self.revision)
        self._note_charter(charter, revision)

    async def keep_offer(self, node: str, own: CarrierAddress | None) -> None:
        """Have the node's offer say that it may carry there; none when it may not."""
        key = offer_key(node)
        offer = None if own is None else Offer(node, own)
        if self.offers.get(key) == offer:
            return
        if offer is None:
            await self._bucket.delete(key)
        else:
            await self._bucket.put(key, msgspec.json.encode(offer))

    async def _read_on(self, sitting: int) -> None:
        async for change in self._bucket.watch():
            if sitting != self._sitting:
                return  # it was on its way when the seat changed: true of another engine
            match change:
                case Entry(key, value, revision) if key == CHARTER_KEY:
                    self._take(decoded(value), revision)
                case Entry(key, value) if key.startswith(OFFER_PREFIX):
                    self.offers.note(key, value)
                case Deleted(key):
                    self.offers.withdraw(key)
                case CaughtUp() if self.charter is Reading.UNREAD:
                    self.charter = Reading.MISSING
                case Restarted():
                    self.charter = Reading.UNREAD
                    self.offers.clear()
            self._changed()

    def _take(self, charter: Charter | None, revision: int) -> None:
        if charter is None or charter.cluster != self._cluster:
            _log.warning("the charter in the engine cannot be read, revision %d", revision)
            return
        self._note_charter(charter, revision)
        self._was_read(charter)

    def _note_charter(self, charter: Charter, revision: int) -> None:
        if not isinstance(self.charter, Charter):
            self._emit(CharterRead(charter.epoch, charter.names))
        self.charter, self.revision = charter, revision
