"""The table on the screen: shows a `Table`; the chosen row stays chosen while numbers change."""

from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

from aiex.cli.table import Row, Table, fitted

# Beside the table there is a scroll bar when it is longer than the screen.
SCROLL_BAR = 1


class Rows(DataTable[Text]):
    """Cells are `Text`, never `str`: what is in brackets in a name is no markup."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "app.step(-1)"),
        Binding("right", "app.step(1)"),
    ]

    def __init__(self) -> None:
        super().__init__(cursor_type="row", cell_padding=1, zebra_stripes=False)
        self._headings: tuple[str, ...] = ()
        self._shown: tuple[Row, ...] = ()

    def show(self, table: Table, width: int) -> None:
        """Nothing is painted where nothing changed."""
        found = fitted(table, width - SCROLL_BAR)
        if found.headings == self._headings and found.rows == self._shown:
            return
        chosen, place = self.chosen_key, self.cursor_row
        if found.headings != self._headings:
            self.clear(columns=True)
            for heading in found.headings:
                self.add_column(Text(heading), width=max(1, Text(heading).cell_len))
        else:
            self.clear()
        for row in found.rows:
            self.add_row(*(Text(cell) for cell in row.cells), key=row.key)
        self._headings, self._shown = found.headings, found.rows
        keys = [row.key for row in found.rows]
        if keys:
            self.move_cursor(row=keys.index(chosen) if chosen in keys else place, animate=False)

    @property
    def chosen_key(self) -> str:
        """Empty when there is no row."""
        if not 0 <= self.cursor_row < len(self._shown):
            return ""
        return self._shown[self.cursor_row].key
