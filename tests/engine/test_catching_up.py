"""When a follower says that it has all there was, it has, whatever was overwritten meanwhile."""

from hypothesis import given, settings
from hypothesis import strategies as st

from aiex.engine.catching_up import CatchingUp, Next


def test_a_stretch_without_gaps_to_the_head_is_all_there_was() -> None:
    follower = CatchingUp(target=3, sequence=0)
    for sequence in (1, 2):
        follower = follower.given(sequence)
        assert follower.next(pending=50) is Next.WAIT
    assert follower.given(3).next(pending=50) is Next.DONE


def test_where_nothing_is_said_to_be_pending_the_leader_is_asked() -> None:
    follower = CatchingUp(target=9, sequence=0).given(7)
    assert follower.next(pending=1) is Next.WAIT
    assert follower.next(pending=0) is Next.ASK
    assert follower.told(7).next(pending=0) is Next.DONE, "9 has ended by its time"
    assert follower.told(9).next(pending=0) is Next.WAIT
    follower = CatchingUp(target=9, sequence=6).given(7).told(20)
    assert follower.given(8).given(9).next(pending=1) is Next.DONE, "9 is far enough"


def test_what_replaced_a_skipped_message_is_waited_for() -> None:
    follower = CatchingUp(target=3, sequence=0).given(1).given(3)
    assert follower.next(pending=2) is Next.ASK, "2 was overwritten"
    assert follower.told(3).next(pending=0) is Next.DONE, "and ended"
    follower = follower.told(5).given(4)
    assert follower.next(pending=9) is Next.WAIT
    assert follower.given(5).next(pending=8) is Next.DONE
    assert follower.given(6).next(pending=8) is Next.ASK, "5 was overwritten"


# Steps of a stream's life: a subject is written, or the consumer sends the next message.
STEPS = st.lists(st.one_of(st.integers(0, 4), st.none()), max_size=80)


@settings(deadline=None)
@given(
    before=st.lists(st.integers(0, 4), min_size=1, max_size=15),
    steps=STEPS,
    resumes_at=st.integers(0, 15),
    uncounted=st.integers(0, 3),
)
def test_who_is_done_has_what_there_was_at_the_beginning_or_something_newer(
    before: list[int], steps: list[int | None], resumes_at: int, uncounted: int
) -> None:
    # The sequence of each subject's message: all a stream keeps.
    newest = {subject: sequence for sequence, subject in enumerate(before, start=1)}
    head, last = len(before), len(before)
    position = min(resumes_at, head)
    at_beginning = dict(newest)
    # Who resumes was given all up to its position before.
    given_ = {subject: sequence for subject, sequence in newest.items() if sequence <= position}
    follower = CatchingUp(head, position)
    for step in steps:
        if step is not None:
            last += 1
            newest[step] = last
            continue
        waiting = sorted(sequence for sequence in newest.values() if sequence > position)
        if not waiting:
            continue
        position = waiting[0]
        subject = next(one for one, sequence in newest.items() if sequence == position)
        given_[subject] = position
        follower = follower.given(position)
        # The server counts too few for a moment.
        pending = max(0, len(waiting) - 1 - uncounted)
        if follower.next(pending) is Next.ASK:
            follower = follower.told(max(newest.values()))
        if follower.next(pending) is Next.DONE:
            for one, sequence in at_beginning.items():
                if sequence > min(resumes_at, head):
                    assert given_.get(one, 0) >= sequence
            return
