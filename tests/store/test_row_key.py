"""Keys become words of a subject and come back as they were, whatever is in them."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiex.store.row_key import KEY_LEN_MAX, key_of, key_text

PARTS = st.one_of(st.text(max_size=30), st.integers())
KEYS = st.lists(PARTS, min_size=1, max_size=4).map(tuple)
SUBJECT = re.compile(r"[-A-Za-z0-9_=+]+(\.[-A-Za-z0-9_=+]+)*")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (("diary", 1), "diary.+1"),
        (("a.b", -5, ""), "a=2Eb.-5.="),
        (("-5",), "=2D5"),
        (("+5",), "=2B5"),
        (("5",), "5"),
        (("a-b_C",), "a-b_C"),
        (("ü",), "=C3=BC"),
        (("=",), "=3D"),
        (("\0",), "=00"),
        ((0,), "+0"),
    ],
)
def test_a_key_is_readable_where_it_can_be(key: tuple[str | int, ...], text: str) -> None:
    assert key_text(key) == text
    assert key_of(text) == key


@settings(deadline=None)
@given(key=KEYS)
def test_every_key_comes_back_and_is_a_subject(key: tuple[str | int, ...]) -> None:
    text = key_text(key)
    assert SUBJECT.fullmatch(text)
    assert key_of(text) == key


@settings(deadline=None)
@given(one=KEYS, other=KEYS)
def test_two_keys_have_two_forms(one: tuple[str | int, ...], other: tuple[str | int, ...]) -> None:
    assert (key_text(one) == key_text(other)) == (
        [(type(part), part) for part in one] == [(type(part), part) for part in other]
    )


@settings(deadline=None)
@given(key=KEYS, count=st.integers(1, 3))
def test_keys_that_begin_alike_have_forms_that_do(key: tuple[str | int, ...], count: int) -> None:
    prefix = key_text(key[:count])
    assert key_text(key).startswith(prefix)
    assert key_text(key).removeprefix(prefix)[:1] in ("", ".")


@settings(deadline=None)
@given(text=st.text(alphabet="ab=2E+-.0C3BC$* ", max_size=12))
def test_what_is_no_form_of_a_key_is_refused_and_never_read_as_another(text: str) -> None:
    try:
        key = key_of(text)
    except ValueError:
        return
    assert key_text(key) == text


def test_a_key_that_no_subject_could_hold_is_refused() -> None:
    key_text(("x" * KEY_LEN_MAX,))
    with pytest.raises(ValueError, match="characters at most"):
        key_text(("x" * (KEY_LEN_MAX + 1),))
