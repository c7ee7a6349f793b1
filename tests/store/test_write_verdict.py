"""What became of a write whose answer was lost, by what stands in its place."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiex.engine import NewMessage, StreamMessage
from aiex.store.write_verdict import Fate, verdict

EXPECTED = "Nats-Expected-Last-Subject-Sequence"


def sent(subject: str, expects: int | None) -> NewMessage:
    return NewMessage(subject, b"", id=f"our {subject}", expects=expects)


def newest(subject: str, sequence: int, own: str, expects: int | None = None) -> StreamMessage:
    headers: Mapping[str, str] = {"Nats-Msg-Id": own}
    if expects is not None:
        headers = {**headers, EXPECTED: str(expects)}
    return StreamMessage(subject, sequence, 0.0, headers, b"")


@pytest.mark.parametrize("expects", [None, 0, 7])
def test_a_write_whose_id_stands_there_was_kept(expects: int | None) -> None:
    assert verdict([sent("a", expects)], [newest("a", 9, "our a", expects)]) == 9


@pytest.mark.parametrize("expects", [None, 0, 7])
def test_where_nothing_stands_nothing_was_kept(expects: int | None) -> None:
    assert verdict([sent("a", expects)], [None]) is Fate.REFUSED


def test_what_still_stands_where_it_was_expected_was_not_replaced() -> None:
    assert verdict([sent("a", 7)], [newest("a", 7, "older")]) is Fate.REFUSED


def test_what_replaced_just_what_we_expected_shows_that_we_did_not() -> None:
    assert verdict([sent("a", 7)], [newest("a", 9, "theirs", expects=7)]) is Fate.REFUSED


@pytest.mark.parametrize("theirs", [None, 8])
def test_what_may_have_replaced_ours_leaves_it_open(theirs: int | None) -> None:
    assert verdict([sent("a", 7)], [newest("a", 9, "theirs", expects=theirs)]) is Fate.UNKNOWN


def test_a_write_without_expectation_that_was_overwritten_or_never_there_is_open() -> None:
    assert verdict([sent("a", None)], [newest("a", 9, "theirs", expects=7)]) is Fate.UNKNOWN


def test_one_message_of_a_batch_tells_for_all() -> None:
    batch = [sent("a", None), sent("b", 0), sent("c", None)]
    stands: list[StreamMessage | None] = [
        newest("a", 20, "theirs"),
        newest("b", 11, "our b", 0),
        newest("c", 21, "theirs"),
    ]
    assert verdict(batch, stands) == 12
    stands[1] = None
    assert verdict(batch, stands) is Fate.REFUSED


# A subject's life: each step writes with or without an expectation, or deletes.
STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=6)


@settings(deadline=None)
@given(before=STEPS, expects_right=st.sampled_from([None, True, False]), after=STEPS)
def test_the_verdict_is_never_wrong(
    before: list[tuple[bool, int]],
    expects_right: bool | None,
    after: list[tuple[bool, int]],
) -> None:
    """Play a subject, our write in the middle of it, and compare with what really happened."""
    last: StreamMessage | None = None
    sequence = 0

    def write(own: str, expects: int | None) -> bool:
        nonlocal last, sequence
        if expects is not None and expects != (last.sequence if last else 0):
            return False
        sequence += 1
        last = newest("a", sequence, own, expects)
        return True

    def play(steps: list[tuple[bool, int]]) -> None:
        nonlocal sequence
        for has_expectation, gap in steps:
            sequence += gap  # other subjects' messages
            write("theirs", (last.sequence if last else 0) if has_expectation else None)

    play(before)
    there = last.sequence if last else 0
    expects = {None: None, True: there, False: there + 1_000}[expects_right]
    was_kept = write("our a", expects)
    kept_at = sequence
    play(after)
    match verdict([sent("a", expects)], [last]):
        case Fate.UNKNOWN:
            pass
        case Fate.REFUSED:
            assert not was_kept
        case found:
            assert was_kept
            assert found == kept_at


def test_what_stood_there_before_ours_was_sent_was_not_written_over_it() -> None:
    stands = [newest("a", 9, "theirs", expects=8)]
    assert verdict([sent("a", 0)], stands, before=9) is Fate.REFUSED
    assert verdict([sent("a", 0)], stands, before=8) is Fate.UNKNOWN
