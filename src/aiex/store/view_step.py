"""What came of a view's feed at once, as one change of its file: the newest of each row. Pure."""

import msgspec

from aiex.store.rows import Change, RowDeleted
from aiex.store.table import Key
from aiex.store.view_feed import Fed
from aiex.store.view_file import Changes
from aiex.store.view_row import ViewRow, ViewRows, can_be_bound


class ViewStep[R: msgspec.Struct]:
    """Filled in the order of the feed. `told` is what watchers are told of it."""

    def __init__(self, rows: ViewRows[R]) -> None:
        self.told: list[Change[R]] = []
        self.unreadable: list[ViewRow[R]] = []
        self.newest_at_s = 0.0
        self._rows = rows
        self._emptied: dict[int, None] = {}
        self._newest: dict[Key, tuple[int, ViewRow[R] | None]] = {}

    def __len__(self) -> int:
        """How many rows it changes, an emptied fragment counted as one."""
        return len(self._newest) + len(self._emptied)

    @property
    def is_emptying(self) -> bool:
        return bool(self._emptied)

    def empty(self, fragment: int) -> None:
        """All rows of the fragment are gone; those that come later are new."""
        self._emptied[fragment] = None
        self._newest = {key: row for key, row in self._newest.items() if row[0] != fragment}

    def take(self, fragment: int, fed: Fed) -> None:
        self.newest_at_s = fed.at_s
        row = None if fed.row is None else self._rows.read(fed)
        if row is not None and row.trouble:
            self.unreadable.append(row)
        if can_be_bound(fed.key):  # else no view has it, and there is nothing to delete
            self._newest[fed.key] = (fragment, row)
            self.told.append(RowDeleted(fed.key, fed.sequence) if row is None else row.change)

    def changes(self) -> Changes:
        return Changes(
            emptied=tuple(self._emptied),
            deleted=[key for key, (_, row) in self._newest.items() if row is None],
            put=[
                self._rows.bound(row, fragment)
                for fragment, row in self._newest.values()
                if row is not None
            ],
        )
