"""What one does with the rows of a table. `aiex.testing.store_memory` keeps the same promises.

Writes are durable when they return: the quorum has them, those of disc tables on its discs. They
wait for an engine that chooses a new leader, until their deadline. `expects` is the sequence a row
must still be at, `ABSENT` that there is none; otherwise the write raises `Conflict`.

Every method raises `StoreUnavailable`: at once when the engine is known to have no quorum, else at
the deadline; then nothing was written. A write whose answer was lost, and which could not be read
again by the deadline, raises `WriteUncertain`: it happened once, or not at all.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import NamedTuple, Protocol

import msgspec

from aiex.store.table import Key, KeyPart, Table

ABSENT = 0
# A stream whose leader died chooses another within 4 to 8 seconds.
DEADLINE_S = 10.0
ROWS_MAX = 1_000


class Stored[R](NamedTuple):
    """A row as it was read; `sequence` grows with every change of its fragment."""

    row: R
    sequence: int
    at_s: float  # wall clock of the engine, when it was written


class Written(NamedTuple):
    """Where a write is: views that are at least there have it."""

    fragment: int
    sequence: int


class Put[R: msgspec.Struct](NamedTuple):
    """Part of a batch. `ttl_s`: whole seconds until the row is deleted by itself; 0 is never."""

    row: R
    expects: int | None = None
    ttl_s: int = 0


class Delete(NamedTuple):
    """Part of a batch; deleting what is not there is no mistake unless `expects` says so."""

    key: Key
    expects: int | None = None


class Rows[R: msgspec.Struct](Protocol):
    """The rows of one table."""

    @property
    def table(self) -> Table[R]: ...

    async def put(
        self,
        row: R,
        *,
        expects: int | None = None,
        ttl_s: int = 0,
        deadline_s: float = DEADLINE_S,
    ) -> Written: ...

    async def delete(
        self, key: Key, *, expects: int | None = None, deadline_s: float = DEADLINE_S
    ) -> Written: ...

    async def batch(
        self, changes: Sequence[Put[R] | Delete], *, deadline_s: float = DEADLINE_S
    ) -> Written:
        """All of them or none; a view shows all at once.

        Raises `ValueError` for rows of different fragments, for more than `ROWS_MAX`, for none,
        and for two changes of one row.
        """

    async def get(
        self, key: Key, *, linearizable: bool = False, deadline_s: float = DEADLINE_S
    ) -> Stored[R] | None:
        """The newest row, as the fragment's leader has it.

        A leader that was just cut off may answer with an older one for seconds; a linearizable
        read asks the quorum, and costs a write. Decide by `expects`, never by what was read.
        """

    def scan(self, *prefix: KeyPart, deadline_s: float = DEADLINE_S) -> AsyncGenerator[Stored[R]]:
        """The rows whose keys begin so, in the order in which they were last written.

        What was written before the scan began is seen. Without a prefix: all of the table,
        fragment by fragment.
        """


class View[R: msgspec.Struct](Protocol):
    """The node's own copy of a table. Reading it waits for nobody and needs no engine.

    Methods raise `StoreUnavailable` until it was complete once: before, it is no state the table
    ever had.
    """

    @property
    def is_stale(self) -> bool:
        """Whether the engine has not been heard of for seconds."""

    def get(self, key: Key) -> Stored[R] | None: ...

    def scan(self, *prefix: KeyPart, limit: int = ROWS_MAX) -> list[Stored[R]]:
        """Rows whose keys begin so, ordered by key."""

    def find(self, index: str, *values: KeyPart, limit: int = ROWS_MAX) -> list[Stored[R]]:
        """Rows by the leading fields of an index, ordered by it."""

    async def at_least(self, written: Written, *, deadline_s: float = DEADLINE_S) -> None:
        """Come back once the view has that write; raises `StoreUnavailable` at the deadline."""

    def changes(self) -> AsyncGenerator["Change[R]"]:
        """What changes from now on; begins with `Refreshed`, which says: read all anew."""


class Refreshed(NamedTuple):
    """The view is complete, or was made anew: what was read of it before may be wrong."""


class RowPut[R](NamedTuple):
    key: Key
    stored: Stored[R]


class RowDeleted(NamedTuple):
    key: Key
    sequence: int


type Change[R] = Refreshed | RowPut[R] | RowDeleted


class Store(Protocol):
    """All tables of a node."""

    def rows[R: msgspec.Struct](self, table: Table[R]) -> Rows[R]: ...

    def view[R: msgspec.Struct](self, table: Table[R]) -> View[R]:
        """Of a table that is to be viewed everywhere; `AssertionError` for others."""
