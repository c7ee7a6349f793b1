"""How often a node is asked, by how it answers."""

from aiex.cli.top.pace import WAIT_S_MAX, wait_s


def test_a_quick_answer_is_asked_for_in_the_interval() -> None:
    assert wait_s(2.0, 0.1) == 1.9


def test_who_answers_slowly_is_left_alone_for_twice_as_long_as_it_took() -> None:
    assert wait_s(2.0, 1.5) == 3.0


def test_after_failures_in_a_row_it_waits_longer_and_not_for_ever() -> None:
    assert wait_s(2.0, 0.0, 1) == 4.0
    assert wait_s(2.0, 0.0, 2) == 8.0
    assert wait_s(2.0, 0.0, 50) == WAIT_S_MAX
