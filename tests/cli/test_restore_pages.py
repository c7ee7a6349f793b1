"""A backup sent page by page: again where an answer was lost, and not where it was refused."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from aiex.cli.admin_client import AdminClient, AdminRefused
from aiex.cli.node_lookup import AdminAccess
from aiex.cli.restore_pages import PAGE_BYTES, PAGE_LINES, TRIES, RestoreBroken, RestorePages
from aiex.cli.restore_report import How, RestoredTable, RestoreReport
from aiex.cli.store_progress import Progress
from aiex.store.backup_line import (
    Cut,
    FragmentBegins,
    Head,
    Line,
    SavedRow,
    SavedTable,
    SavedValue,
)
from aiex.store.restore_plan import RestorePlan
from aiex.testing.http_server import ScriptedServer, http_answer

TABLES = ("notes", "other")


def answer(content: Any, status: int = 200) -> bytes:
    return http_answer(json.dumps(content).encode(), status)


WRITTEN = answer({"written": 1})
AWAY = answer({"error": {"message": "no quorum"}}, 503)


def row(sequence: int, size: int = 1) -> SavedRow:
    return SavedRow(sequence, 1.0, 1, msgspec.Raw(json.dumps({"id": "x" * size}).encode()))


def lines_of(*rows: SavedRow, table: str = "notes") -> list[Line]:
    saved = tuple(SavedTable(name, ("id",), 1, "disc", 1, 1) for name in TABLES)
    head = Head(1, "lab", "1.0", 1.0, saved)
    return [head, FragmentBegins(table, 0), *rows, Cut(9_999, 1.0, len(rows))]


class Sent:
    """What was asked of a node that answers so, and how often there was a pause."""

    def __init__(
        self, lines: Sequence[Line], *script: bytes, how: How = "merge", only: Sequence[str] = ()
    ) -> None:
        tables = [RestoredTable(name) for name in only or TABLES]
        self.report = RestoreReport("file", "lab", how, "", False, tables)
        self.pauses: list[float] = []
        self.error: Exception | None = None
        with ScriptedServer(*script) as server, RestorePlan(tables=only) as plan:
            plan.head = lines[0] if isinstance(lines[0], Head) else plan.head
            admin = AdminClient(AdminAccess(server.url, "", ""))
            pages = RestorePages(admin, self.report, Progress(), self.pauses.append)
            try:
                pages.send(lines, plan)
            except (RestoreBroken, AdminRefused) as error:
                self.error = error
        self.pages = [json.loads(one.body) for one in server.asked]
        self.paths = [one.path.removeprefix("/admin/v1/store/") for one in server.asked]


def test_rows_go_in_pages_of_so_many_or_of_so_many_bytes() -> None:
    many = Sent(lines_of(*(row(number) for number in range(1, PAGE_LINES + 2))), WRITTEN)
    assert [len(page["lines"]) for page in many.pages] == [PAGE_LINES, 1]
    large = Sent(lines_of(row(1, PAGE_BYTES), row(2, PAGE_BYTES), row(3)), WRITTEN)
    assert [len(page["lines"]) for page in large.pages] == [1, 1, 1]


def test_a_page_is_of_one_table_and_values_have_pages_of_their_own() -> None:
    lines = [
        *lines_of(row(1)),
        *lines_of(row(1), row(2), table="other")[1:],
        SavedValue("hot", "a", b"b"),
    ]
    sent = Sent(lines, WRITTEN)
    assert sent.paths == ["import", "import", "import-values"]
    assert [page.get("table") for page in sent.pages] == ["notes", "other", None]
    assert (sent.report.tables[1].written, sent.report.values) == (1, 1)
    partial = Sent(lines, WRITTEN, only=["other"])
    assert [page.get("table") for page in partial.pages] == ["other"]


@pytest.mark.parametrize(("how", "there"), [("merge", "keep"), ("replace", "replace")])
def test_what_becomes_of_rows_that_are_there_is_said(how: How, there: str) -> None:
    assert Sent(lines_of(row(1)), WRITTEN, how=how).pages[0]["there"] == there


def test_a_page_is_sent_again_while_the_engine_is_away() -> None:
    sent = Sent(lines_of(row(1)), AWAY, AWAY, WRITTEN)
    assert sent.error is None
    assert sent.pages[0] == sent.pages[1] == sent.pages[2]
    assert (len(sent.pauses), sent.report.tables[0].written) == (2, 1)


@pytest.mark.parametrize("how", ["merge", "replace"])
def test_an_engine_that_stays_away_ends_it_with_how_to_go_on(how: How) -> None:
    sent = Sent(lines_of(row(1)), AWAY, how=how)
    assert isinstance(sent.error, RestoreBroken)
    assert f"Begin again with --{how}" in str(sent.error)
    assert len(sent.pages) == TRIES


def test_what_is_refused_is_not_sent_again() -> None:
    sent = Sent(lines_of(row(1)), answer({"error": {"message": "Line 1"}}, 400))
    assert isinstance(sent.error, AdminRefused)
    assert len(sent.pages) == 1


def test_rows_that_are_refused_are_named_up_to_a_number() -> None:
    refused = [{"sequence": number, "reason": "too new"} for number in range(50)]
    sent = Sent(lines_of(row(1)), answer({"refused": refused}))
    assert sent.report.refused_count == 50
    assert sent.report.refusals[0] == "refused: row 0 of notes: too new"
    assert len(sent.report.refusals) == 20
