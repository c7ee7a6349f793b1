"""When the copy of a fragment is a state that the fragment had."""

from aiex.store.view_feed import Began, Fed, Position
from aiex.store.view_progress import Progress


def fed(sequence: int, batch: str = "", *, has_gap: bool = False, is_end: bool = False) -> Fed:
    return Fed(sequence, 0.0, ("key",), b"{}", 1, has_gap, batch, is_end)


def resumed() -> Progress:
    progress = Progress.of(Position("stream", 10, 0.0))
    progress.begin(Began("stream", 10))
    return progress


def test_changes_without_a_gap_are_each_a_state_of_the_fragment() -> None:
    progress = resumed()
    progress.take(fed(11))
    assert progress.is_whole
    progress.take(fed(12))
    assert progress.is_whole
    assert not progress.is_fresh


def test_after_a_gap_it_is_whole_once_the_feed_is_up_to_date() -> None:
    progress = resumed()
    progress.take(fed(13, has_gap=True))
    assert not progress.is_whole
    progress.take(fed(14))
    assert not progress.is_whole
    progress.rest()
    assert progress.is_fresh


def test_a_batch_is_whole_with_its_last_change() -> None:
    progress = resumed()
    progress.take(fed(11, "a"))
    assert not progress.is_whole
    progress.rest()
    assert not progress.is_whole, "the rest of it is on its way"
    progress.take(fed(12, "a", is_end=True))
    assert progress.is_whole


def test_a_batch_whose_end_was_overwritten_ends_with_what_comes_next() -> None:
    progress = resumed()
    progress.take(fed(11, "a"))
    progress.take(fed(13, has_gap=True))
    progress.rest()
    assert progress.is_whole


def test_a_batch_whose_end_does_not_come_is_given_up_when_the_feed_is_at_rest() -> None:
    progress = resumed()
    progress.take(fed(11, "a"))
    progress.rest()
    progress.rest()
    assert progress.is_fresh


def test_a_copy_that_is_made_anew_is_whole_once_it_is_up_to_date() -> None:
    progress = resumed()
    progress.begin(Began("another", 0, "its stream is another one"))
    progress.take(fed(1))
    assert not progress.is_whole
    progress.take(fed(2))
    assert not progress.is_whole
    progress.rest()
    assert progress.is_fresh
    assert progress.position(3.0) == Position("another", 2, 3.0)


def test_a_copy_that_goes_on_is_not_fresh_until_it_is_up_to_date() -> None:
    progress = resumed()
    assert progress.is_whole
    assert not progress.is_fresh
    progress.rest()
    assert progress.is_fresh
