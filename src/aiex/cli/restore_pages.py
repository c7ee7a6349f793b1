"""Sends a backup to a node, page by page."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from aiex.cli.admin_client import AdminClient, AdminRefused, AdminUnreachable, decoded
from aiex.cli.answers.store import Cleared, Imported, Refusal, SeenTable
from aiex.cli.restore_report import RestoredTable, RestoreReport
from aiex.cli.store_progress import Progress
from aiex.errors import AiexError
from aiex.store.backup_line import FragmentBegins, Line, SavedRow, SavedValue, encoded
from aiex.store.restore_plan import RestorePlan

IMPORT_PATH = "/admin/v1/store/import"
CLEAR_PATH = "/admin/v1/store/clear"
PAGE_LINES = 1_000
PAGE_BYTES = 1024 * 1024
# Choosing a leader takes up to 8 s, and a node that is started again a few more.
TRIES = 8
PAUSE_S = 2.0
UNAVAILABLE = 503
REFUSALS_NAMED_MAX = 20


class RestoreBroken(AiexError):
    """The restore could not be finished; what was written is there."""


class _Page(NamedTuple):
    """Lines of one table, or values where that is empty."""

    table: str
    lines: list[str]


class RestorePages:
    """Sends a backup page by page; each may be sent again when its answer is lost."""

    def __init__(
        self,
        admin: AdminClient,
        report: RestoreReport,
        progress: Progress,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._admin = admin
        self._report = report
        self._tables = {one.table: one for one in report.tables}
        self._there = "replace" if report.how == "replace" else "keep"
        self._progress = progress
        self._pause = pause

    def send(self, lines: Iterable[Line], plan: RestorePlan) -> None:
        """Have the rows and values of these lines written; raises `RestoreBroken`."""
        for page in _pages(lines, plan.wanted):
            if page.table:
                self._note(self._tables[page.table], self._send(page))
            elif not plan.is_partial:
                self._report.values += self._send(page).written
            written = sum(one.written + one.kept for one in self._report.tables)
            self._progress.tell(f"{written:,} rows")

    def clear(self, before: Mapping[str, SeenTable]) -> None:
        """Have deleted what the tables had `before` and were not sent; raises `RestoreBroken`."""
        for table in self._report.tables:
            self._clear(table, before[table.table])

    def _send(self, page: _Page) -> Imported:
        content: dict[str, object] = {"lines": page.lines, "there": self._there}
        path = IMPORT_PATH if page.table else f"{IMPORT_PATH}-values"
        if page.table:
            content["table"] = page.table
        return self._asked(path, content, Imported)

    def _note(self, table: RestoredTable, done: Imported) -> None:
        table.written += done.written
        table.kept += done.kept
        table.ended += done.ended
        table.refused += len(done.refused)
        room = REFUSALS_NAMED_MAX - len(self._report.refusals)
        self._report.refusals += [_refusal_text(table.table, one) for one in done.refused[:room]]

    def _clear(self, table: RestoredTable, before: SeenTable) -> None:
        sequences = [one.sequence for one in before.fragments]
        is_all = False
        while not is_all:
            content = {"table": table.table, "sequences": sequences}
            done = self._asked(CLEAR_PATH, content, Cleared)
            table.cleared += done.cleared
            is_all = done.is_all
            self._progress.tell(f"{table.cleared:,} rows of {table.table} deleted")

    def _asked[T](self, path: str, content: object, shape: type[T]) -> T:
        """The answer, asked for again while the engine is away; raises `RestoreBroken`."""
        for _ in range(TRIES - 1):
            try:
                return decoded(self._admin.post(path, content), shape)
            except AdminUnreachable as error:
                self._progress.tell(str(error))
            except AdminRefused as error:
                if error.status != UNAVAILABLE:
                    raise
                self._progress.tell(str(error))
            self._pause(PAUSE_S)
        try:
            return decoded(self._admin.post(path, content), shape)
        except AiexError as error:
            again = "--replace" if self._report.how == "replace" else "--merge"
            raise RestoreBroken(
                f"{error} The restore broke off; what was written is there. Begin again with "
                f"{again} once the node is well."
            ) from error


def _pages(lines: Iterable[Line], wanted: frozenset[str]) -> Iterator[_Page]:
    """What is to be sent, in the order of the file; each page of one table."""
    table = of = ""
    page: list[str] = []
    size = 0
    for line in lines:
        match line:
            case FragmentBegins():
                table = line.table
                continue
            case SavedRow() if table in wanted:
                belongs = table
            case SavedValue():
                belongs = ""
            case _:
                continue
        text = encoded(line).decode()
        if page and (belongs != of or len(page) == PAGE_LINES or size + len(text) > PAGE_BYTES):
            yield _Page(of, page)
            page, size = [], 0
        of = belongs
        page.append(text)
        size += len(text)
    if page:
        yield _Page(of, page)


def _refusal_text(table: str, refusal: Refusal) -> str:
    return f"refused: row {refusal.sequence} of {table}: {refusal.reason}"
