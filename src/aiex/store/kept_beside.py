"""What rows have that this release does not know, remembered from reading them until the write.

A row is read, changed and put again at the sequence it was read at. What it had beside is then put
with it. Only the last read rows are remembered: of others it is read again.
"""

from collections import OrderedDict

from aiex.store.row_form import Beside

ROWS_MAX = 4_096


class KeptBeside:
    def __init__(self) -> None:
        self._rows: OrderedDict[str, tuple[int, Beside | None]] = OrderedDict()

    def remember(self, subject: str, sequence: int, beside: Beside | None) -> None:
        self._rows[subject] = (sequence, beside)
        self._rows.move_to_end(subject)
        if len(self._rows) > ROWS_MAX:
            self._rows.popitem(last=False)

    def of(self, subject: str, sequence: int) -> Beside | None:
        """Of the row as it was at that sequence; raises `KeyError` when that is not known."""
        known_at, beside = self._rows[subject]
        if known_at != sequence:
            raise KeyError(subject)
        return beside
