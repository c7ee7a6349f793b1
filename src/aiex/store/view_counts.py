"""What is asked of views, counted: by table and index, and by the shape of people's statements.

Sums of whole microseconds, so those of several nodes can be added. All changes come from the loop's
thread. Shapes come from outside, so their number is bounded: what is beyond is counted as `other`.
"""

import msgspec

from aiex.store.statement_shape import statement_shape

SHAPES_MAX = 200
OTHER, ALL = "other", "all"
# The reads that use no index but the key.
GET, SCAN = "get", "scan"


class ReadCount(msgspec.Struct, frozen=True):
    """How often something was asked, how many rows came back, and how long that took in all."""

    table: str
    shape: str  # the index, `get`, `scan`; or a statement's shape, of no table
    read_count: int
    row_count: int
    duration_us: int


class _Sum:
    __slots__ = ("duration_ns", "read_count", "row_count")

    def __init__(self) -> None:
        self.read_count = self.row_count = self.duration_ns = 0

    def add(self, row_count: int, duration_ns: int) -> None:
        self.read_count += 1
        self.row_count += row_count
        self.duration_ns += duration_ns

    def merge(self, other: "_Sum") -> None:
        self.read_count += other.read_count
        self.row_count += other.row_count
        self.duration_ns += other.duration_ns


class ViewCounts:
    """The reads of all views of a node."""

    def __init__(self) -> None:
        self._reads: dict[tuple[str, str], _Sum] = {}
        self._shapes: dict[str, _Sum] = {}

    def read(self, table: str, shape: str, row_count: int, duration_ns: int) -> None:
        """`shape` is the name of an index, or how the rows were found without one."""
        key = (table, shape)
        if (found := self._reads.get(key)) is None:
            found = self._reads[key] = _Sum()
        found.add(row_count, duration_ns)

    def queried(self, statement: str, row_count: int, duration_ns: int) -> None:
        """Somebody asked in SQL."""
        shape = statement_shape(statement)
        if shape not in self._shapes and len(self._shapes) >= SHAPES_MAX:
            shape = OTHER
        self._shapes.setdefault(shape, _Sum()).add(row_count, duration_ns)

    def by_table(self) -> list[ReadCount]:
        return [_told(table, shape, found) for (table, shape), found in self._reads.items()]

    def by_shape(self) -> list[ReadCount]:
        """Of people's statements, the costliest first."""
        told = [_told("", shape, found) for shape, found in self._shapes.items()]
        return sorted(told, key=lambda count: count.duration_us, reverse=True)

    def totals(self) -> list[ReadCount]:
        """All reads of each table, whatever they asked."""
        totals: dict[str, _Sum] = {}
        for (table, _), found in self._reads.items():
            totals.setdefault(table, _Sum()).merge(found)
        return [_told(table, ALL, found) for table, found in totals.items()]


def _told(table: str, shape: str, found: _Sum) -> ReadCount:
    return ReadCount(table, shape, found.read_count, found.row_count, found.duration_ns // 1_000)
