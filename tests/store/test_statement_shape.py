"""What a statement asks, without what it asks about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.store.statement_shape import SHAPE_CHARS_MAX, statement_shape


@pytest.mark.parametrize(
    ("statement", "shape"),
    [
        ("SELECT * FROM notes WHERE book = 'diary'", "select * from notes where book = ?"),
        ("select  *\nfrom notes  where page=-12.5e3;", "select * from notes where page=-?"),
        ("SELECT 'it''s', x'00ff', 0x1F, .5", "select ?"),
        ("SELECT a FROM t WHERE b IN (1, 2,3)", "select a from t where b in (?)"),
        ("VALUES (1, 'a'), (2, 'b')", "values (?)"),
        ('SELECT "Book 1" FROM t1 -- of 1999\nLIMIT 5', 'select "Book 1" from t1 limit ?'),
        ("SELECT /* 5 */ page5 FROM t", "select page5 from t"),
        ("SELECT * FROM t WHERE a = :name OR b = ?3", "select * from t where a = ? or b = ?"),
        ("SELECT 'never closed", "select ?"),
    ],
)
def test_literals_are_left_out(statement: str, shape: str) -> None:
    assert statement_shape(statement) == shape


@given(st.text(alphabet="secret'\"x09-/* \n", max_size=200))
def test_any_text_has_a_bounded_shape_of_one_line(text: str) -> None:
    shape = statement_shape(text)
    assert len(shape) <= SHAPE_CHARS_MAX
    assert "\n" not in shape


@given(st.text(max_size=50))
def test_no_literal_shows(secret: str) -> None:
    text = "'" + secret.replace("'", "''") + "'"
    assert statement_shape(f"SELECT {text}") == "select ?"
