"""`aiex store tables|show|query|verify`: for people and for programs, and when it ends with 1."""

import json
from pathlib import Path
from typing import Any

import pytest

from aiex.testing.command_line import run_aiex
from aiex.testing.http_server import ScriptedServer, http_answer

USAGE = {
    "name": "usage",
    "storage": "disc",
    "rows": 1234,
    "bytes": 56_789,
    "fragments": [
        {"number": 0, "sequence": 40, "replicas": 3},
        {"number": 1, "sequence": 2, "replicas": 2},
    ],
    "copies": [{"node": "n1", "state": "complete"}, {"node": "n2", "state": "stale", "lag": 7}],
    "mood": "a field of a newer node",
}
BARE = {"name": "blocks", "storage": "memory"}
SMALL = {**BARE, "fragments": [{"replicas": 1}]}
SILENT = {"node": "n3", "reason": "down", "text": "n3 is down"}


class Heard:
    """What a command said, and what it asked for."""

    def __init__(self, directory: Path, document: Any, *arguments: str, status: int = 200) -> None:
        answer = http_answer(json.dumps(document).encode(), status)
        with ScriptedServer(answer) as server:
            told = run_aiex(directory, "store", *arguments, "--admin-url", server.url)
        self.exit_code, self.stdout, self.stderr = told.exit_code, told.stdout, told.stderr
        self.asked = server.asked[0]


def test_tables_are_listed_with_their_copies(tmp_path: Path) -> None:
    heard = Heard(tmp_path, {"tables": [USAGE, BARE], "failures": [SILENT]}, "tables")
    assert heard.asked.path == "/admin/v1/store/tables"
    assert [line.split("   ") for line in heard.stdout.splitlines()] == [
        line.split("   ")
        for line in (
            "TABLE    ROWS    SIZE      FRAGMENTS   KEPT           SEQUENCE   COPIES",
            "usage    1,234   56.8 kB   2           2-3x on disc   42         "
            "n1 complete; n2 stale, 7 behind",
            "blocks   0       0 B       0           not made yet   0          none",
        )
    ]
    assert "n3 did not answer: n3 is down" in heard.stderr
    assert heard.exit_code == 1
    assert "1x in memory" in Heard(tmp_path, {"tables": [SMALL]}, "tables").stdout
    assert "There are no tables" in Heard(tmp_path, {"tables": []}, "tables").stdout


@pytest.mark.parametrize(("failures", "exit_code"), [([], 0), ([SILENT], 1)])
def test_a_silent_node_makes_the_list_of_tables_fail_for_programs_too(
    failures: list[Any], exit_code: int, tmp_path: Path
) -> None:
    document = {"tables": [USAGE], "failures": failures}
    heard = Heard(tmp_path, document, "tables", "-o", "json")
    assert (heard.exit_code, json.loads(heard.stdout)) == (exit_code, document)


def test_counts_are_listed_by_table_index_and_statement(tmp_path: Path) -> None:
    read = {"table": "keys", "shape": "get", "read_count": 4, "row_count": 4, "duration_us": 48}
    asked = {"shape": "SELECT ?", "read_count": 1, "row_count": 1, "duration_us": 2_000}
    table = {"writes": 2, "write_us": 5_000, "reads": 1, "read_us": 600, "bytes_written": 1_200}
    document = {"node": "n1", "tables": {"keys": table}, "reads": [read], "statements": [asked]}
    heard = Heard(tmp_path, document, "counts")
    assert heard.asked.path == "/admin/v1/store/counts"
    lines = [line.split() for line in heard.stdout.splitlines()]
    assert lines[1][:6] == ["keys", "2", "2.5", "ms", "0", "1"]
    assert lines[4] == ["keys", "get", "4", "4", "12", "us", "48", "us"]
    assert lines[7][-8:] == ["SELECT", "?", "1", "1", "2", "ms", "2", "ms"]
    assert "1.2 kB written, 0 B read" in heard.stdout
    assert "INDEX" not in Heard(tmp_path, {"tables": {}}, "counts").stdout


ROW = {"key": ["conv_1", 2], "row": {"text": "***", "n": 7, "none": None}, "sequence": 9}


def test_a_row_is_shown_field_by_field(tmp_path: Path) -> None:
    page = {"table": "threads", "rows": [{**ROW, "written_at": "2026-01-01"}], "is_all": False}
    heard = Heard(tmp_path, page, "show", "threads", "conv 1", "--limit", "5", "--reveal", "text")
    assert heard.asked.path == (
        "/admin/v1/store/tables/threads/rows?limit=5&key=conv+1&reveal=text"
    )
    assert heard.stdout.splitlines() == [
        "conv_1 2   at 9, written 2026-01-01",
        "    text                     ***",
        "    n                        7",
        "    none                     -",
    ]
    assert "There are more than these 5" in heard.stderr


@pytest.mark.parametrize(
    ("each_us", "text"),
    [(999, "999 us"), (1_234, "1.23 ms"), (999_400, "999 ms"), (1_979_626, "1.98 s")],
)
def test_times_have_units_in_which_they_are_short(tmp_path: Path, each_us: int, text: str) -> None:
    counted = {"tables": {"limits": {"reads": 1, "read_us": each_us}}, "views": []}
    assert text in Heard(tmp_path, counted, "counts").stdout


def test_no_row_is_a_finding(tmp_path: Path) -> None:
    heard = Heard(tmp_path, {"rows": []}, "show", "threads")
    assert (heard.exit_code, heard.stdout) == (1, "There is no row whose key begins so.\n")
    assert Heard(tmp_path, {"rows": []}, "show", "threads", "-o", "json").exit_code == 1


def test_what_is_in_a_row_does_nothing_to_the_terminal(tmp_path: Path) -> None:
    row = {"key": ["\x1b[2J"], "row": {"a": "\x1b[31mred\x07"}}
    heard = Heard(tmp_path, {"rows": [row]}, "show", "threads")
    assert "\x1b" not in heard.stdout
    assert "\x07" not in heard.stdout


def test_a_query_prints_a_table_and_how_long_it_took(tmp_path: Path) -> None:
    came = {"columns": ["model", "n"], "rows": [["mock", 3], [None, 1.5]], "took_us": 1500,
            "is_all": False, "is_stale": True}  # fmt: skip
    heard = Heard(tmp_path, came, "query", "SELECT 1", "--limit", "2", "--reveal")
    assert json.loads(heard.asked.body) == {"sql": "SELECT 1", "limit": 2, "reveal": True}
    assert heard.stdout.splitlines() == ["model   n", "mock    3", "-       1.5"]
    assert heard.stderr.startswith("2 rows in 1.5 ms; there are more; see --limit; the copy is")


def test_a_query_that_is_refused_ends_with_1_and_the_reason(tmp_path: Path) -> None:
    refused = {"error": {"message": "A query only reads: not authorized."}}
    heard = Heard(tmp_path, refused, "query", "DROP TABLE x", status=400)
    assert heard.exit_code == 1
    assert "A query only reads" in heard.stderr


EQUAL = {"table": "usage", "node": "n1", "rows": 9}
DIFFERENT = {**EQUAL, "node": "n2", "missing": 1, "different": 2, "examples": ["missing: ('a',)"]}
DAMAGED = {**EQUAL, "node": "n2", "damages": ["page 3 is never used"]}


@pytest.mark.parametrize(
    ("verified", "failures", "status", "text"),
    [
        ([EQUAL], [], 0, "equal"),
        ([EQUAL, DIFFERENT], [], 1, "differs, as in missing: ('a',)"),
        ([EQUAL, DAMAGED], [], 1, "damaged: page 3 is never used"),
        ([EQUAL], [SILENT], 1, "no answer: n3 is down"),
    ],
)
def test_verify_ends_with_1_where_a_copy_differs_or_nobody_answers(
    tmp_path: Path, verified: Any, failures: Any, status: int, text: str
) -> None:
    found = {"verified": verified, "failures": failures}
    heard = Heard(tmp_path, found, "verify", "usage")
    assert heard.asked.path == "/admin/v1/store/verify?table=usage"
    assert heard.exit_code == status
    assert text in heard.stdout
    as_json = Heard(tmp_path, found, "verify", "-o", "json")
    assert (as_json.exit_code, json.loads(as_json.stdout)) == (status, found)


def test_verify_says_when_there_is_no_copy_to_compare(tmp_path: Path) -> None:
    heard = Heard(tmp_path, {"verified": [], "failures": []}, "verify", "threads")
    assert (heard.exit_code, heard.stdout) == (
        0,
        "There is nothing to compare: no node has a copy.\n",
    )


@pytest.mark.parametrize("command", ["show", "query"])
def test_how_many_rows_there_may_be_is_known_before_a_node_is_asked(
    tmp_path: Path, command: str
) -> None:
    told = run_aiex(tmp_path, "store", command, "notes", "--limit", "0")
    assert told.exit_code == 2
    assert "1<=x<=1000" in told.stderr
