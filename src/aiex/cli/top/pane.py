"""What a pane is: what it asks of nodes, and what it makes of their answers. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from aiex.cli.table import Column, Table
from aiex.cluster import Request
from aiex.performance import Snapshot
from aiex.performance.snapshot import Section, SortBy


class View(NamedTuple):
    """What somebody looks at. `n` is how many rows there is room for."""

    pane: str
    by: str
    sort: SortBy
    fits: str = ""
    n: int = 20
    seconds: float = 60.0


class Seen(NamedTuple):
    """A node's newest snapshot and the one before it; two make rates."""

    node: str
    now: Snapshot
    before: Snapshot | None = None

    @property
    def apart_s(self) -> float:
        """0 when there is nothing to compare with: the first one, or the node began anew."""
        if self.before is None or self.now.head.uptime_s < self.before.head.uptime_s:
            return 0.0
        return self.now.at_s - self.before.at_s


class Picture(NamedTuple):
    """`summary` is some lines above the table; `is_about` what the table's rows are."""

    summary: tuple[str, ...]
    table: Table
    is_about: str = ""


class Detail(NamedTuple):
    """What Enter asks of a row's node; each answer makes lines."""

    title: str
    node: str
    requests: tuple[Request[Any], ...]
    lines: Callable[[str, Sequence[Any]], list[str]]  # the node, and the answers in order


# Enter leads to a detail, to another view, or nowhere: then a sentence says so.
type Drill = Detail | View | str


class Way(NamedTuple):
    """One way to put a pane's rows together."""

    sections: tuple[Section, ...]
    sorts: tuple[SortBy, ...]
    picture: Callable[[Sequence[Seen], View], Picture]
    drill: Callable[[Seen, str, View], Drill]


class Pane(NamedTuple):
    """`ways` are by name, the first one is shown first."""

    name: str
    ways: Mapping[str, Way]

    def first_view(self, n: int) -> View:
        by, way = next(iter(self.ways.items()))
        return View(self.name, by, way.sorts[0], n=n)


NODE = Column("NODE", "word")


def with_node(seen: Sequence[Seen], columns: Sequence[Column]) -> tuple[Column, ...]:
    """With several nodes, who it is comes first."""
    return (NODE, *columns) if len(seen) > 1 else tuple(columns)


def whose(seen: Sequence[Seen], one: Seen) -> tuple[str, ...]:
    """The cell of that column."""
    return (one.node,) if len(seen) > 1 else ()


def key_of(node: str, name: object) -> str:
    """A row's key: a node's name has no tabulator."""
    return f"{node}\t{name}"


def node_and_name(key: str) -> tuple[str, str]:
    node, _, name = key.partition("\t")
    return node, name


def summed_up(seen: Sequence[Seen], line: Callable[[Seen], str]) -> tuple[str, ...]:
    """A line for each node; of several each says its name."""
    if len(seen) == 1:
        return (line(seen[0]),)
    return tuple(f"{one.node}: {line(one)}" for one in seen)
