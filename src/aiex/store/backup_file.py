"""A backup as bytes: written piece by piece, read piece by piece, found out when it is not whole.

Both hold one line and some kilobytes, however large the table. The reader hands out nothing that
is out of place, and its last line only when the checksum and all counts fit and nothing follows.
"""

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from aiex.errors import BackupRefused
from aiex.store.backup_line import (
    FORMAT,
    LINE_BYTES_MAX,
    Broken,
    Cut,
    FragmentBegins,
    Head,
    Line,
    SavedDeletion,
    SavedRow,
    SavedTable,
    SavedValue,
    Whole,
    decoded,
    encoded,
    format_of,
)

PIECE_BYTES = 64 * 1024
# Rows are text that repeats itself: the lowest level gets most of what there is to get, at a
# fifth of the time of the highest.
LEVEL = 1
_GZIP = 16 + zlib.MAX_WBITS


class BackupWriter:
    """Lines in, bytes of the file out; `end` gives the last of them."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP)
        self._digest = hashlib.sha256()
        self._line_count = 0
        self._row_count = 0

    def pieces(self, lines: Iterable[Line]) -> bytes:
        """What is ready of the file after these lines; may be nothing yet."""
        packed = bytearray()
        for line in lines:
            text = encoded(line)
            self._digest.update(text)
            self._line_count += 1
            self._row_count += isinstance(line, SavedRow)
            packed += self._packer.compress(text)
        return bytes(packed)

    def end(self) -> bytes:
        """The last line, and the end of the file."""
        whole = Whole(self._line_count, self._row_count, self._digest.hexdigest())
        return self._packer.compress(encoded(whole)) + self._packer.flush()

    def break_off(self, reason: str) -> bytes:
        """An end that says why the backup is not whole."""
        return self._packer.compress(encoded(Broken(reason))) + self._packer.flush()


class BackupReader:
    """Bytes in, lines out, in the order of the file.

    Raises `BackupRefused` as soon as something is wrong; `end` does when something is missing.
    """

    def __init__(self) -> None:
        self._unpacker = zlib.decompressobj(_GZIP)
        self._digest = hashlib.sha256()
        self._rest = bytearray()
        self._order = _Order()

    @property
    def row_count(self) -> int:
        """The rows read so far."""
        return self._order.row_count

    def lines(self, piece: bytes) -> Iterator[Line]:
        """The lines that this piece of the file completes."""
        while piece:
            if self._unpacker.eof:
                raise BackupRefused("Something follows the end of the backup; it is damaged.")
            try:
                text = self._unpacker.decompress(piece, PIECE_BYTES)
            except zlib.error as error:
                raise BackupRefused(
                    f"This is no backup, or it is damaged ({error}). Take another copy of it."
                ) from error
            yield from self._cut_into_lines(text)
            piece = self._unpacker.unconsumed_tail or self._unpacker.unused_data

    def end(self) -> Whole:
        """The last line; raises `BackupRefused` when the file ended too early."""
        if self._order.whole is None or not self._unpacker.eof:
            raise BackupRefused(
                f"The backup is cut off after {self._order.row_count:,} rows; what is there is "
                "not restored. Take another copy of it, or make it anew."
            )
        return self._order.whole

    def _cut_into_lines(self, text: bytes) -> Iterator[Line]:
        begin = 0
        while (end := text.find(b"\n", begin)) >= 0:
            self._rest += text[begin : end + 1]
            begin = end + 1
            line = self._checked(bytes(self._rest))
            self._rest.clear()
            yield line
        self._rest += text[begin:]
        if len(self._rest) > LINE_BYTES_MAX:
            raise BackupRefused("This is no backup: it has a line longer than any row can be.")

    def _checked(self, text: bytes) -> Line:
        is_first = not self._order.line_count
        if is_first:
            _check_format(text)
        try:
            line = decoded(text)
        except ValueError as error:
            if is_first:
                raise BackupRefused("This is no backup of Aiex.") from error
            raise BackupRefused(f"The backup is damaged: {error}.") from error
        self._order.take(line, self._digest.hexdigest() if isinstance(line, Whole) else "")
        self._digest.update(text)
        return line


class _Order:
    """Which line may come after which; raises `BackupRefused` for one that is out of place."""

    def __init__(self) -> None:
        self.line_count = 0
        self.row_count = 0
        self.whole: Whole | None = None
        self._tables: dict[str, SavedTable] = {}
        self._fragment: FragmentBegins | None = None
        self._begun: set[tuple[str, int]] = set()
        self._sequence = 0
        self._rows_before = 0

    def take(self, line: Line, sha256: str) -> None:
        if isinstance(line, Broken):
            raise BackupRefused(f"The backup could not be finished: {line.reason}")
        self._need((not self.line_count) is isinstance(line, Head) and self.whole is None)
        match line:
            case Head():
                self._tables = {table.name: table for table in line.tables}
            case FragmentBegins():
                self._begin(line)
            case SavedRow() | SavedDeletion() | Cut():
                self._advance(line)
            case SavedValue():
                self._need(self._fragment is None)
            case Whole():
                self._finish(line, sha256)
        self.line_count += 1

    def _begin(self, line: FragmentBegins) -> None:
        table = self._tables.get(line.table)
        self._need(self._fragment is None and table is not None and line.number < table.fragments)
        self._need((line.table, line.number) not in self._begun)
        self._begun.add((line.table, line.number))
        self._fragment, self._sequence, self._rows_before = line, 0, self.row_count

    def _advance(self, line: SavedRow | SavedDeletion | Cut) -> None:
        self._need(self._fragment is not None)
        if isinstance(line, Cut):
            self._need(line.sequence >= self._sequence)
            self._need(line.row_count == self.row_count - self._rows_before)
            self._fragment = None
            return
        self._need(line.sequence > self._sequence)
        self._sequence = line.sequence
        self.row_count += isinstance(line, SavedRow)

    def _finish(self, line: Whole, sha256: str) -> None:
        self._need(self._fragment is None)
        counted = line.line_count == self.line_count and line.row_count == self.row_count
        every = {(one.name, n) for one in self._tables.values() for n in range(one.fragments)}
        if line.sha256 != sha256 or not counted or self._begun != every:
            raise BackupRefused(
                "The backup's checksum is not that of its content: it was damaged or changed. "
                "Take another copy of it."
            )
        self.whole = line

    def _need(self, is_in_place: bool) -> None:
        if not is_in_place:
            raise _out_of_place(self.line_count)


def _out_of_place(line_count: int) -> BackupRefused:
    return BackupRefused(f"The backup is damaged: line {line_count + 1} is out of place.")


def _check_format(first: bytes) -> None:
    if (found := format_of(first)) > FORMAT:
        raise BackupRefused(
            f"The backup has format {found}, made by a newer release; this one reads {FORMAT}. "
            "Restore it with the release that made it, or a later one."
        )


def lines_of(file: BinaryIO) -> Iterator[Line]:
    """All lines of a backup; raises `BackupRefused` after the last one at the latest."""
    reader = BackupReader()
    while piece := file.read(PIECE_BYTES):
        yield from reader.lines(piece)
    reader.end()
