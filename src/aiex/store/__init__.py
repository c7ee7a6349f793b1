"""Tables: replicated rows in the engine, and local views of them."""

from aiex.store.backup import Backup
from aiex.store.counts import TableCounts
from aiex.store.engine_store import EngineStore
from aiex.store.events import RowSkipped, RowsRestored, RowsRevealed, TableEmptied
from aiex.store.fragment_log import FragmentFacts, FragmentLogs, Logged, Quiet
from aiex.store.restore import Restore, RowRefused
from aiex.store.rows import (
    ABSENT,
    Change,
    Delete,
    Put,
    Refreshed,
    RowDeleted,
    RowPut,
    Rows,
    Store,
    Stored,
    View,
    Written,
)
from aiex.store.table import Index, Key, KeyPart, Table
from aiex.store.view_counts import ReadCount, ViewCounts
from aiex.store.view_events import (
    RowsUnreadable,
    ViewAdvanced,
    ViewBeganAnew,
    ViewCompleted,
    ViewPutAside,
    ViewStuck,
)
from aiex.store.view_query import QueryAnswer
from aiex.store.view_verify import Verification
from aiex.store.views import Views, ViewState

__all__ = [
    "ABSENT",
    "Backup",
    "Change",
    "Delete",
    "EngineStore",
    "FragmentFacts",
    "FragmentLogs",
    "Index",
    "Key",
    "KeyPart",
    "Logged",
    "Put",
    "QueryAnswer",
    "Quiet",
    "ReadCount",
    "Refreshed",
    "Restore",
    "RowDeleted",
    "RowPut",
    "RowRefused",
    "RowSkipped",
    "Rows",
    "RowsRestored",
    "RowsRevealed",
    "RowsUnreadable",
    "Store",
    "Stored",
    "Table",
    "TableCounts",
    "TableEmptied",
    "Verification",
    "View",
    "ViewAdvanced",
    "ViewBeganAnew",
    "ViewCompleted",
    "ViewCounts",
    "ViewPutAside",
    "ViewState",
    "ViewStuck",
    "Views",
    "Written",
]
