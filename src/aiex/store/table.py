"""What a table is: its rows, their key, how often and where they are kept. A declaration, no more.

    USAGE = Table("usage", row=UsageRow, key=("key_id", "minute"), view="everywhere")

Rows are frozen structs; the values of the key's fields, in order, name a row. Each fragment of a
table is one stream, and a row's is chosen by the first field of its key alone. So rows that begin
alike are in one fragment: they can be scanned together, and be changed in one batch.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from zlib import crc32

import msgspec

type KeyPart = str | int
type Key = tuple[KeyPart, ...]
type Fields = dict[str, Any]

FRAGMENTS_MAX = 64
HISTORY_MAX = 64
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


def _as_it_is(_: int, fields: Fields) -> Fields:
    return fields


@dataclass(frozen=True, slots=True)
class Index:
    """Rows found by these fields, in a view."""

    name: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table[R: msgspec.Struct]:
    """A table; two of one name are a mistake that the store finds when it is built.

    `storage`: a memory table promises nothing across a stop of all its servers. `replicas`: at
    most; a cluster of fewer servers keeps fewer. `view`: whether every node has a copy to query.
    `history`: how many values of a row are kept, for restores to a point in time; where it is more
    than one, rows cannot end by themselves and deletions are told for good. `sensitive`:
    fields that an operator is shown only when he asks for them by name. `version` is written with
    each row; `upgrade` makes the fields of an older one those of this release. Fields this release
    does not know are kept when a row is changed, unless they are upgraded.
    """

    name: str
    row: type[R]
    key: tuple[str, ...]
    storage: Literal["disc", "memory"] = "disc"
    replicas: Literal[1, 3, 5] = 3
    view: Literal["everywhere", "none"] = "none"
    indexes: tuple[Index, ...] = ()
    fragments: int = 1
    history: int = 1
    sensitive: tuple[str, ...] = ()
    version: int = 1
    upgrade: Callable[[int, Fields], Fields] = _as_it_is

    def __post_init__(self) -> None:
        assert _NAME.fullmatch(self.name), f"{self.name!r} cannot be a table's name"
        assert 1 <= self.fragments <= FRAGMENTS_MAX, f"{self.name}: 1 to {FRAGMENTS_MAX} fragments"
        assert 1 <= self.history <= HISTORY_MAX, f"{self.name}: a history of 1 to {HISTORY_MAX}"
        assert self.key, f"{self.name}: rows need a key"
        known = self.row.__struct_fields__
        for fields in (self.key, self.sensitive, *(index.fields for index in self.indexes)):
            missing = set(fields) - set(known)
            assert not missing, f"{self.name}: no fields {missing} in {self.row.__name__}"

    def key_of(self, row: R) -> Key:
        """The values that name the row."""
        return tuple(getattr(row, field) for field in self.key)

    def fragment_of(self, first: KeyPart) -> int:
        """Where rows are whose keys begin with `first`; the same in all releases."""
        return crc32(str(first).encode()) % self.fragments


type Tables = Mapping[str, Table[Any]]
