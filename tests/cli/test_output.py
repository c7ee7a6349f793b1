"""Tables for people, documents for programs."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiex.cli.output import print_json_text, print_table


def test_columns_are_as_wide_as_their_widest_cell(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("A", "LONG HEADING", ""), [("a long cell", "x", ""), ("y", "z", "last")])
    assert capsys.readouterr().out.splitlines() == [
        "A             LONG HEADING",
        "a long cell   x",
        "y             z              last",
    ]


def test_without_rows_there_is_the_heading(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("A", "B"), [])
    assert capsys.readouterr().out == "A   B\n"


@given(st.lists(st.tuples(st.text(), st.text()), max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_cell_breaks_no_line_and_commands_no_terminal(
    capsys: pytest.CaptureFixture[str], rows: list[tuple[str, str]]
) -> None:
    print_table(("A", "B"), rows)
    said = capsys.readouterr().out
    assert said.count("\n") == len(rows) + 1
    assert not [one for one in said if (one < " " and one != "\n") or "\x7f" <= one <= "\x9f"]


@pytest.mark.parametrize(("indent", "line_count"), [(2, 4), (0, 1)])
def test_a_document_keeps_every_field_and_its_order(
    indent: int, line_count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    print_json_text(b'{"b": 1.50, "a": "\xc3\xa9"}', indent=indent)
    said = capsys.readouterr().out
    assert list(json.loads(said).items()) == [("b", 1.5), ("a", "é")]
    assert said.count("\n") == line_count
