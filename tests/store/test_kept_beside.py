"""What a release does not know of rows is remembered from reading them until they are written."""

import pytest

from aiex.store.kept_beside import ROWS_MAX, KeptBeside
from aiex.store.row_form import Beside


def test_it_is_of_a_row_as_it_was_at_a_sequence() -> None:
    kept, beside = KeptBeside(), Beside(2, {})
    kept.remember("a", 7, beside)
    kept.remember("b", 8, None)
    assert kept.of("a", 7) is beside
    assert kept.of("b", 8) is None
    for subject, sequence in (("a", 6), ("a", 8), ("c", 7)):
        with pytest.raises(KeyError):
            kept.of(subject, sequence)


def test_the_rows_that_were_read_last_are_remembered_and_no_more() -> None:
    kept = KeptBeside()
    for number in range(ROWS_MAX):
        kept.remember(str(number), 1, None)
    kept.remember("0", 2, None)
    kept.remember("one more", 1, None)
    assert kept.of("0", 2) is None
    with pytest.raises(KeyError):
        kept.of("1", 1)
