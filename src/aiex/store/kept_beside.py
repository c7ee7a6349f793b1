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

    def is_known(self, subject: str, sequence: int) -> bool:
        """Whether that row was read, as it was at that sequence."""
        known = self._rows.get(subject)
        return known is not None and known[0] == sequence

    def of(self, subject: str) -> Beside | None:
        known = self._rows.get(subject)
        return known[1] if known is not None else None
