"""Names of nodes where only one word may stand."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.engine.name_word import name_word


@pytest.mark.parametrize("name", ["a", "node-1", "N_2", "~x"])
def test_a_plain_name_stays_as_it_is(name: str) -> None:
    assert name_word(name) == name


@given(name=st.text(st.characters(codec="utf-8"), min_size=1))
def test_any_name_is_one_word(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9%_~-]+", name_word(name))


@given(one=st.text(st.characters(codec="utf-8")), other=st.text(st.characters(codec="utf-8")))
def test_two_names_are_two_words(one: str, other: str) -> None:
    assert (name_word(one) == name_word(other)) == (one == other)
