"""Where the rows of a table are in the engine: one stream a fragment, one subject a row.

The fragment 0 of the table `notes` is the stream `T_notes_0`; its row `("diary", 1)` is the newest
message of `aiex_rows.notes.0.diary.+1`. The subject without a key is the barrier's: what is written
there is no row, and takes its place in the sequence of all.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from aiex.engine import StreamConfig
from aiex.store.row_key import key_of, key_text
from aiex.store.table import Key, KeyPart, Table

PREFIX = "aiex_rows"
# For as long a deletion is told to those who were away. A view that was away for more than half of
# it does not count on that, and is made anew.
MARKER_LIFE_S = 86_400


class Fragment(msgspec.Struct, frozen=True):
    """One of a table's; `number` counts from 0."""

    table: str
    number: int

    @property
    def stream(self) -> str:
        return f"T_{self.table}_{self.number}"

    @property
    def barrier(self) -> str:
        """The subject that is no row's."""
        return f"{PREFIX}.{self.table}.{self.number}"

    def subject(self, key: Key) -> str:
        """Of the row; raises `ValueError` when the key is too long."""
        return f"{self.barrier}.{key_text(key)}"

    def subjects(self, prefix: Sequence[KeyPart], *, is_whole: bool) -> str:
        """Of the rows whose keys begin so; `is_whole`: it is a key, and not a part of one."""
        if is_whole:
            return self.subject(tuple(prefix))
        return f"{self.subject(tuple(prefix))}.>" if prefix else f"{self.barrier}.>"

    def key(self, subject: str) -> Key:
        """Of the row of that subject; raises `ValueError` when it is no row's."""
        return key_of(subject.removeprefix(f"{self.barrier}."))


def fragments_of(table: Table[Any]) -> list[Fragment]:
    return [Fragment(table.name, number) for number in range(table.fragments)]


def stream_config(fragment: Fragment, table: Table[Any]) -> StreamConfig:
    return StreamConfig(
        fragment.stream,
        followed=f"{fragment.barrier}.>",
        barrier=fragment.barrier,
        storage=table.storage,
        replica_max=table.replicas,
        history=table.history,
        marker_life_s=MARKER_LIFE_S,
    )
