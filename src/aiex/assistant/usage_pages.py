"""The pages of usage, rows of three tables: one for each length of a span. They end by themselves.

A page is of one span and one writer: a node, or `MERGED`, which is all nodes whose pages of that
span were put together once nobody wrote them any more (`housekeeper`).
"""

from typing import Final

import msgspec

from aiex.assistant.ledger import Span, UsageRow
from aiex.store import Rows, Store, Table

MERGED: Final = "merged"
_DAY_S: Final = 24 * 3600


class UsagePage(msgspec.Struct, frozen=True):
    """What one writer counted in one span, in all."""

    at: int
    writer: str
    rows: tuple[UsageRow, ...] = ()


PAGES: Final = {
    span: Table(f"usage_{span.value}", row=UsagePage, key=("at", "writer")) for span in Span
}
# Minutes are shown for a day, hours for two months; months tell of two years.
KEPT_S: Final = {
    Span.MINUTE: 25 * 3600,
    Span.HOUR: 63 * _DAY_S,
    Span.MONTH: 2 * 366 * _DAY_S,
}

type Pages = dict[Span, Rows[UsagePage]]


def pages_in(store: Store) -> Pages:
    """The rows of each length of span."""
    return {span: store.rows(table) for span, table in PAGES.items()}
