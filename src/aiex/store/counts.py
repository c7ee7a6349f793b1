"""How often a table is used, and how long that takes; whole numbers, so those of nodes add up."""

import msgspec


class TableCounts(msgspec.Struct):
    """Since the node's start. Bytes are those of rows, read and written; times are summed."""

    reads: int = 0
    writes: int = 0
    rows_written: int = 0
    scans: int = 0
    rows_scanned: int = 0
    rows_skipped: int = 0
    conflicts: int = 0
    unavailable: int = 0
    uncertain: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    read_us: int = 0
    write_us: int = 0
    scan_us: int = 0

    def __add__(self, other: "TableCounts") -> "TableCounts":
        mine, theirs = msgspec.structs.astuple(self), msgspec.structs.astuple(other)
        return TableCounts(*(one + another for one, another in zip(mine, theirs, strict=True)))
