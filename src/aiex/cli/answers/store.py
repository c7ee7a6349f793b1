"""What the admin API answers of tables."""

from typing import Any

import msgspec


class SeenCopy(msgspec.Struct, frozen=True):
    node: str
    state: str = ""
    lag: int = 0


class SeenFragment(msgspec.Struct, frozen=True):
    number: int = 0
    sequence: int = 0
    rows: int = 0
    bytes: int = 0
    replicas: int = 0
    leader: str = ""


class SeenTable(msgspec.Struct, frozen=True):
    name: str
    key: tuple[str, ...] = ()
    version: int = 1
    storage: str = ""
    view: str = ""
    history: int = 1
    sensitive: tuple[str, ...] = ()
    rows: int = 0
    bytes: int = 0
    fragments: tuple[SeenFragment, ...] = ()
    copies: tuple[SeenCopy, ...] = ()


class CallFailed(msgspec.Struct, frozen=True):
    node: str
    text: str = ""


class SeenTables(msgspec.Struct, frozen=True):
    """`GET /admin/v1/store/tables`."""

    tables: tuple[SeenTable, ...] = ()
    failures: tuple[CallFailed, ...] = ()


class CountedTable(msgspec.Struct, frozen=True):
    reads: int = 0
    writes: int = 0
    rows_written: int = 0
    scans: int = 0
    rows_scanned: int = 0
    conflicts: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    read_us: int = 0
    write_us: int = 0
    scan_us: int = 0


class CountedRead(msgspec.Struct, frozen=True):
    table: str = ""
    shape: str = ""
    read_count: int = 0
    row_count: int = 0
    duration_us: int = 0


class StoreCounts(msgspec.Struct, frozen=True):
    """`GET /admin/v1/store/counts`."""

    node: str = ""
    tables: dict[str, CountedTable] = {}
    reads: tuple[CountedRead, ...] = ()
    statements: tuple[CountedRead, ...] = ()


class SeenRow(msgspec.Struct, frozen=True):
    key: tuple[str | int, ...] = ()
    row: dict[str, Any] = {}
    sequence: int = 0
    written_at: str = ""


class SeenRows(msgspec.Struct, frozen=True):
    """`GET /admin/v1/store/tables/{name}/rows`."""

    table: str = ""
    rows: tuple[SeenRow, ...] = ()
    is_all: bool = True


class QueryAnswer(msgspec.Struct, frozen=True):
    """`POST /admin/v1/store/query`."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    is_all: bool = True
    took_us: int = 0
    is_stale: bool = False


class VerifiedCopy(msgspec.Struct, frozen=True):
    table: str
    node: str = ""
    rows: int = 0
    missing: int = 0
    extra: int = 0
    different: int = 0
    damages: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()

    @property
    def is_equal(self) -> bool:
        return not (self.missing or self.extra or self.different or self.damages)


class Verification(msgspec.Struct, frozen=True):
    """`GET /admin/v1/store/verify`."""

    verified: tuple[VerifiedCopy, ...] = ()
    failures: tuple[CallFailed, ...] = ()


class Refusal(msgspec.Struct, frozen=True):
    sequence: int = 0
    reason: str = ""


class Imported(msgspec.Struct, frozen=True):
    """`POST /admin/v1/store/import` and `…/import-values`."""

    written: int = 0
    kept: int = 0
    ended: int = 0
    refused: tuple[Refusal, ...] = ()


class Cleared(msgspec.Struct, frozen=True):
    """`POST /admin/v1/store/clear`."""

    cleared: int = 0
    is_all: bool = True
