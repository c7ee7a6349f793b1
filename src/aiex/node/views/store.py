"""Tables in the JSON of the admin API."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from aiex.node.views.cluster import FailureView
from aiex.store import ReadCount, TableCounts
from aiex.store.restore import RowRefused

# A page of rows holds what a megabyte does, or one row.
LINES_MAX = 5_000
SQL_CHARS_MAX = 10_000


class FragmentView(msgspec.Struct, frozen=True):
    """`rows` counts deletions that are not forgotten yet, too."""

    number: int
    sequence: int
    rows: int
    bytes: int
    replicas: int
    leader: str


class CopyView(msgspec.Struct, frozen=True):
    """A node's view of the table. `lag`: changes it has yet to apply, as far as is known."""

    node: str
    state: str  # complete, stale, catching up
    sequences: tuple[int, ...]
    lag: int


class TableView(msgspec.Struct, frozen=True):
    name: str
    key: tuple[str, ...]
    version: int
    storage: str
    replicas: int
    view: str
    history: int
    sensitive: tuple[str, ...]
    rows: int
    bytes: int
    fragments: list[FragmentView]
    copies: list[CopyView]


class TablesView(msgspec.Struct, frozen=True):
    tables: list[TableView]
    failures: list[FailureView]


class RowView(msgspec.Struct, frozen=True):
    """`row` has "***" where a field is sensitive and was not asked for by name."""

    key: list[str | int]
    row: dict[str, Any]
    sequence: int
    written_at: str


class RowsView(msgspec.Struct, frozen=True):
    """`is_all`: there is no other row whose key begins so."""

    table: str
    rows: list[RowView]
    is_all: bool


class QueryRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`reveal`: show sensitive fields; it is written to the log who did."""

    sql: Annotated[str, Meta(max_length=SQL_CHARS_MAX)]
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 1_000
    reveal: bool = False


class QueryView(msgspec.Struct, frozen=True):
    """`is_all`: there were no more rows than these."""

    columns: list[str]
    rows: list[list[Any]]
    is_all: bool
    took_us: int
    is_stale: bool


class CountsView(msgspec.Struct, frozen=True):
    """How tables were used through one node since its start; times are sums of microseconds.

    `tables`: what was asked of the engine. `reads`: of the node's own copies, by index, `get` and
    `scan`. `statements`: what people asked in SQL, without its values, the costliest first.
    """

    node: str
    tables: dict[str, TableCounts]
    reads: list[ReadCount]
    statements: list[ReadCount]


class VerifiedView(msgspec.Struct, frozen=True):
    """How a node's view compares with the engine; `examples` are rows that differ.

    `damages`: what is wrong with its file as such.
    """

    table: str
    node: str
    rows: int
    missing: int
    extra: int
    different: int
    damages: list[str]
    examples: list[str]


class VerificationView(msgspec.Struct, frozen=True):
    verified: list[VerifiedView]
    failures: list[FailureView]


class ImportRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of a backup: lines with rows of one table, as they are in the file.

    `there`: whether rows that are there already stay, or become those of the backup.
    """

    table: str
    lines: Annotated[list[str], Meta(max_length=LINES_MAX)]
    there: Literal["keep", "replace"] = "keep"


class ImportedView(msgspec.Struct, frozen=True):
    """What became of the rows: written, kept as they were there, over by their time, refused."""

    written: int
    kept: int
    ended: int
    refused: list[RowRefused]


class ClearRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rows of the table that were not written since each fragment was at its sequence."""

    table: str
    sequences: Annotated[list[Annotated[int, Meta(ge=0)]], Meta(max_length=64)]


class ClearedView(msgspec.Struct, frozen=True):
    """`is_all`: none of them is left; else ask again."""

    cleared: int
    is_all: bool


class ValuesRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lines of a backup with values of buckets, as they are in the file."""

    lines: Annotated[list[str], Meta(max_length=LINES_MAX)]
    there: Literal["keep", "replace"] = "keep"
