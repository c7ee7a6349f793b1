"""Tables: replicated rows in the engine, and local views of them."""

from aiex.store.counts import TableCounts
from aiex.store.engine_store import EngineStore
from aiex.store.events import RowSkipped, TableEmptied
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

__all__ = [
    "ABSENT",
    "Change",
    "Delete",
    "EngineStore",
    "Index",
    "Key",
    "KeyPart",
    "Put",
    "Refreshed",
    "RowDeleted",
    "RowPut",
    "RowSkipped",
    "Rows",
    "Store",
    "Stored",
    "Table",
    "TableCounts",
    "TableEmptied",
    "View",
    "Written",
]
