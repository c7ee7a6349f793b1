"""How a table is made to fit: what is cut, what is left out, and what may stand in a cell."""

from hypothesis import given
from hypothesis import strategies as st

from aiex.cli.table import (
    GAP,
    Column,
    Row,
    Table,
    fitted,
    in_width,
    shown,
    text_lines,
    width_of,
)

TABLE = Table(
    (Column("ID"), Column("FUNCTION", "name"), Column("WAITS FOR", "word", rank=1)),
    (
        Row("a", ("7", "aiex.assistant.chat:Chat.answer_in_pieces", "something in a queue")),
        Row("b", ("1,234", "main", "nothing")),
    ),
)


def test_where_there_is_room_nothing_is_cut_and_numbers_stand_at_the_right() -> None:
    assert text_lines(TABLE, 200) == [
        "   ID  FUNCTION                                   WAITS FOR",
        "    7  aiex.assistant.chat:Chat.answer_in_pieces  something in a queue",
        "1,234  main                                       nothing",
    ]


def test_of_a_name_its_end_is_kept_and_of_words_their_beginning() -> None:
    line = text_lines(TABLE, 54)[1]
    assert "…" in line
    assert "Chat.answer_in_pieces" in line
    assert "someth" in line
    assert line.startswith("    7")


def test_a_column_is_left_out_before_names_become_unreadable() -> None:
    found = fitted(TABLE, 36)
    assert [heading.strip() for heading in found.headings] == ["ID", "FUNCTION"]
    assert found.rows[0].cells[1].endswith("Chat.answer_in_pieces")


def test_a_table_without_rows_has_its_headings() -> None:
    assert text_lines(Table(TABLE.columns), 80) == ["ID  FUNCTION  WAITS FOR"]


def test_what_a_terminal_would_obey_is_not_in_a_cell() -> None:
    assert shown("a\x1b[31mb\x1b]0;title\x07c\r\nd\x00") == "abc d"
    assert shown("right\u202eleft") == "right\ufffdleft"
    assert shown("e\u0301") == "e\ufffd"
    assert shown("[red]x[/red]") == "[red]x[/red]"


def test_wide_characters_take_two_places() -> None:
    assert width_of("日本") == 4
    assert in_width("日本語", 4, "word") == "日… "
    assert in_width("日本語", 4, "name") == "…語 "


@given(
    st.lists(st.tuples(st.text(max_size=60), st.text(max_size=60)), max_size=5),
    st.integers(40, 120),
)
def test_whatever_nodes_say_no_line_is_wider_than_the_screen(
    cells: list[tuple[str, str]], width: int
) -> None:
    rows = tuple(Row(str(place), (str(place), *pair)) for place, pair in enumerate(cells))
    found = fitted(Table(TABLE.columns, rows), width)
    for row in found.rows:
        assert sum(width_of(cell) + GAP for cell in row.cells) <= width
        assert all(cell.isprintable() for cell in row.cells)
