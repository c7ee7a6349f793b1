"""An incarnation grows with every start, though clocks are set back and disks lost or full."""

from pathlib import Path

import pytest

from aiex.cluster.membership.incarnation import keep_incarnation, load_incarnation, next_incarnation
from aiex.cluster.membership.messages import INCARNATION_MAX


def test_the_wall_clock_gives_it() -> None:
    assert next_incarnation(0, 1_700_000_000.5) == 1_700_000_000_500_000


def test_a_clock_that_was_set_back_does_not_take_it_back() -> None:
    assert next_incarnation(1_700_000_000_500_000, 1_600_000_000.0) == 1_700_000_000_500_001


def test_it_stays_a_number_that_everybody_can_write() -> None:
    assert next_incarnation(INCARNATION_MAX, 1e12) < INCARNATION_MAX
    assert next_incarnation(0, -5.0) == 1


def test_it_is_kept_for_the_next_start(tmp_path: Path) -> None:
    file = tmp_path / "incarnation"
    assert load_incarnation(file) == 0
    keep_incarnation(file, 42)
    assert load_incarnation(file) == 42


@pytest.mark.parametrize("content", [b"", b"later", b"\xff\xfe"])
def test_a_file_that_was_damaged_is_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "incarnation").write_bytes(content)
    assert load_incarnation(tmp_path / "incarnation") == 0


def test_where_it_cannot_be_kept_nothing_fails(tmp_path: Path) -> None:
    keep_incarnation(tmp_path / "no such directory" / "incarnation", 42)
