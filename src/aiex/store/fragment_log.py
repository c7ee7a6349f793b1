"""A fragment as its stream keeps it: the changes of its rows in order, undecoded.

Backups are made of this, so that they have what a row said when it was written, whatever release
reads it.
"""

from collections.abc import AsyncGenerator
from typing import Any, NamedTuple, Protocol

from aiex.store.table import Key, Table


class Logged(NamedTuple):
    """A row that was put, or deleted where `row` is None."""

    key: Key
    row: bytes | None
    version: int
    sequence: int
    at_s: float
    ends_at_s: float = 0.0  # when it deletes itself; 0 is never
    batch: str = ""  # the batch it was written in


class Quiet(NamedTuple):
    """Nothing was pending: what was given so far is the fragment as it was at this sequence.

    Of a batch all was given then, or nothing.
    """

    sequence: int


class FragmentFacts(NamedTuple):
    """How a fragment is, as its leader has it; of one that was never used all is 0.

    Deletions that are not forgotten yet count as rows.
    """

    sequence: int = 0
    row_count: int = 0
    size_bytes: int = 0
    replica_count: int = 0
    leader: str = ""  # empty at a server on its own


class FragmentLogs(Protocol):
    """The logs of all fragments. Both raise `EngineUnavailable`."""

    async def facts(self, table: Table[Any], number: int) -> FragmentFacts: ...

    def changes(self, table: Table[Any], number: int) -> AsyncGenerator[Logged | Quiet]:
        """All changes that are kept, as many of a row as its table keeps; then those that come."""
