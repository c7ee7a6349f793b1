"""One node's decisions about one lease: news and time in, writes out."""

from typing import Any

import msgspec
import pytest

from aiex.cluster.events import LeaseLost, LeaseTaken
from aiex.cluster.leases.lease import (
    ABANDONED_S,
    FROZEN_S,
    HOLD_S,
    LET_GO_S,
    LOOK_EVERY_S,
    REFUSED_RETRY_S,
    RENEW_EVERY_S,
    RETRY_S,
    STILL_S,
    Act,
    Facts,
    Lease,
    Write,
)
from aiex.cluster.leases.lease_record import FREE, NOBODY, Holder, LeaseRecord

OWN = Holder("n1", 7)
OTHER = Holder("n2", 5)
FACTS = Facts(OWN, is_candidate=True, is_holder_over=False)


class Node:
    """A lease, the time, and what was written and said."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.events: list[Any] = []
        self.lease = Lease("x", self.now_s, emit=self.events.append)

    def look(self, **facts: Any) -> Write | None:
        return self.lease.look(self.now_s, msgspec.structs.replace(FACTS, **facts))

    def decided(self, **facts: Any) -> Write:
        write = self.look(**facts)
        assert write is not None
        return write

    def seen(self, revision: int, holder: Holder, fence: int = 0) -> None:
        self.lease.seen(revision, LeaseRecord(holder, fence=fence), self.now_s)

    def written(self, write: Write, revision: int) -> None:
        self.lease.written(write, revision, self.now_s)

    def pass_time(self, duration_s: float, **facts: Any) -> Write | None:
        """Time goes by, looked at ten times a second, until something is to be written."""
        end_s = self.now_s + duration_s
        while self.now_s < end_s:
            self.now_s = min(self.now_s + LOOK_EVERY_S, end_s)
            if (write := self.look(**facts)) is not None:
                return write
        return None

    def is_held(self) -> bool:
        return self.lease.is_held(self.now_s)


@pytest.fixture
def node() -> Node:
    """It knows that the bucket has no entry."""
    node = Node()
    node.lease.caught_up(node.now_s)
    return node


@pytest.fixture
def holder(node: Node) -> Node:
    """It holds the lease with the fence 4."""
    node.seen(3, NOBODY)
    node.written(node.decided(), 4)
    assert node.is_held()
    return node


def test_nothing_is_taken_before_it_is_known_what_there_is() -> None:
    node = Node()
    assert node.look() is None
    node.lease.caught_up(node.now_s)
    assert node.decided().act is Act.TAKE


def test_a_free_lease_is_taken_and_the_revision_is_the_fence(node: Node) -> None:
    write = node.decided()
    assert (write.act, write.expected, write.record.holder) == (Act.TAKE, 0, OWN)
    assert not node.is_held()
    node.written(write, 9)
    assert node.is_held()
    assert node.events == [LeaseTaken("x", 9)]


def test_one_write_at_a_time(node: Node) -> None:
    node.decided()
    assert node.pass_time(1.0) is None


def test_a_lease_of_another_is_left_alone_until_its_life_is_over(node: Node) -> None:
    node.seen(3, OTHER)
    assert node.look() is None
    write = node.pass_time(STILL_S + LOOK_EVERY_S, is_holder_over=True)
    assert write is not None
    assert (write.act, write.expected) == (Act.TAKE, 3)


def test_who_still_renews_is_not_over_whatever_the_members_look_like(node: Node) -> None:
    for revision in range(3, 13):
        node.seen(revision, OTHER, fence=3)
        assert node.pass_time(RENEW_EVERY_S, is_holder_over=True) is None


def test_who_is_no_candidate_takes_nothing(node: Node) -> None:
    node.seen(3, OTHER)
    assert node.look(is_candidate=False, is_holder_over=True) is None


def test_a_holder_nobody_knows_is_waited_for_until_it_must_have_stepped_down(node: Node) -> None:
    node.seen(3, OTHER)
    write = node.pass_time(ABANDONED_S + 1.0)
    assert write is not None
    assert node.now_s == pytest.approx(100.0 + ABANDONED_S, abs=2 * LOOK_EVERY_S)
    assert ABANDONED_S > HOLD_S


def test_each_renewal_counts_as_a_sign_of_life(node: Node) -> None:
    for revision in range(3, 9):
        node.seen(revision, OTHER, fence=3)
        assert node.pass_time(ABANDONED_S - 1.0) is None


def test_it_is_renewed_under_the_same_fence(holder: Node) -> None:
    write = holder.pass_time(RENEW_EVERY_S + 1.0)
    assert write is not None
    assert (write.act, write.expected, write.record.fence) == (Act.RENEW, 4, 4)
    holder.written(write, 5)
    holder.seen(5, OWN, fence=4)
    assert holder.lease.fence == 4
    assert holder.is_held()
    assert holder.pass_time(RENEW_EVERY_S - 2 * LOOK_EVERY_S) is None


def test_an_engine_away_for_ten_seconds_and_more_changes_nothing(holder: Node) -> None:
    end_s = holder.now_s + HOLD_S - 1.0
    while holder.now_s < end_s:
        write = holder.pass_time(end_s - holder.now_s)
        assert holder.is_held()
        if write is not None:
            holder.lease.unanswered(write, holder.now_s)
    assert holder.events == [LeaseTaken("x", 4)]


def test_without_a_renewal_for_long_it_steps_down_by_itself(holder: Node) -> None:
    assert holder.pass_time(3.0) is not None, "a renewal, which hangs"
    holder.pass_time(HOLD_S)
    assert holder.lease.fence == 0
    assert holder.events[-1] == LeaseLost("x", 4, f"the engine took no renewal for {HOLD_S:g} s")


def test_time_alone_ends_it_even_if_nobody_looks(holder: Node) -> None:
    assert not holder.lease.is_held(holder.now_s + HOLD_S)


def test_an_unanswered_write_is_tried_again_soon(node: Node) -> None:
    node.lease.unanswered(node.decided(), node.now_s)
    assert node.look() is None
    node.now_s += RETRY_S
    assert node.decided().act is Act.TAKE


def test_what_another_took_is_lost(holder: Node) -> None:
    holder.seen(5, OTHER)
    assert not holder.is_held()
    assert holder.events[-1] == LeaseLost("x", 4, "n2 took it")
    assert holder.look() is None


def test_old_news_is_no_news(holder: Node) -> None:
    holder.seen(3, OTHER)
    assert holder.is_held()


def test_a_refused_renewal_is_doubt_until_the_watch_tells_why(holder: Node) -> None:
    write = holder.pass_time(RENEW_EVERY_S + 1.0)
    assert write is not None
    holder.lease.refused(write, holder.now_s)
    assert not holder.is_held()
    assert holder.look() is None, "the same once more would be refused once more"
    holder.seen(5, OWN, fence=4)  # its own, whose answer was lost
    assert not holder.is_held(), "it was so then; is it so now?"
    write = holder.decided()
    assert (write.act, write.expected) == (Act.RENEW, 5)
    holder.written(write, 6)
    assert holder.is_held()
    assert holder.events == [LeaseTaken("x", 4)]


def test_a_refused_write_is_tried_again_if_the_watch_stays_silent(node: Node) -> None:
    node.lease.refused(node.decided(), node.now_s)
    node.now_s += REFUSED_RETRY_S
    assert node.decided().act is Act.TAKE


def test_a_take_whose_answer_was_lost_is_taken_again_with_a_new_fence(node: Node) -> None:
    node.lease.unanswered(node.decided(), node.now_s)
    node.seen(8, OWN)
    assert not node.is_held()
    write = node.decided()
    assert (write.act, write.expected) == (Act.TAKE, 8)
    node.written(write, 9)
    assert node.lease.fence == 9


def test_the_watch_may_be_faster_than_the_answer(node: Node) -> None:
    write = node.decided()
    node.seen(4, OWN)
    assert not node.is_held()
    node.written(write, 4)
    assert node.is_held()


def test_the_watch_may_even_know_who_took_it_next(node: Node) -> None:
    write = node.decided()
    node.seen(4, OWN)
    node.seen(5, OTHER)
    node.written(write, 4)
    assert not node.is_held()
    assert node.events == []


def test_who_was_frozen_makes_sure_before_it_acts(holder: Node) -> None:
    holder.now_s += FROZEN_S
    assert not holder.is_held(), "before anybody looked"
    write = holder.decided()
    assert write.act is Act.RENEW
    assert not holder.is_held()
    holder.written(write, 5)
    assert holder.is_held()


def test_an_answer_from_before_the_freeze_makes_nothing_sure(holder: Node) -> None:
    write = holder.pass_time(RENEW_EVERY_S + 1.0)
    assert write is not None
    holder.now_s += FROZEN_S
    holder.written(write, 5)
    assert not holder.is_held()
    assert holder.decided().act is Act.RENEW
    assert not holder.is_held()


def test_who_is_told_to_stop_lets_go_then_gives_it_away(holder: Node) -> None:
    assert holder.look(is_candidate=False, is_in_use=True) is None
    assert not holder.is_held()
    assert holder.events[-1] == LeaseLost("x", 4, "this node gives it away")
    write = holder.decided(is_candidate=False)
    assert (write.act, write.expected, write.record.holder) == (Act.RELEASE, 4, NOBODY)
    holder.written(write, 5)
    assert holder.look(is_candidate=False) is None


def test_work_that_does_not_end_does_not_keep_it(holder: Node) -> None:
    holder.look(is_candidate=False, is_in_use=True)
    holder.now_s += LET_GO_S
    assert holder.decided(is_candidate=False, is_in_use=True).act is Act.RELEASE


def test_a_take_that_arrives_after_the_order_to_stop_is_given_away(node: Node) -> None:
    write = node.decided()
    assert node.look(is_candidate=False) is None
    node.written(write, 4)
    assert not node.is_held()
    assert node.decided(is_candidate=False).act is Act.RELEASE


def test_a_node_that_goes_on_in_another_incarnation_takes_it_anew(holder: Node) -> None:
    later = Holder("n1", 8)
    write = holder.decided(own=later, is_holder_over=True)
    assert (write.act, write.record.holder) == (Act.TAKE, later)
    assert isinstance(holder.events[-1], LeaseLost)


def test_a_lost_bucket_costs_the_lease_but_no_fence_comes_twice(holder: Node) -> None:
    holder.seen(90, OWN, fence=4)
    holder.seen(95, OTHER)
    holder.lease.restarted(holder.now_s)
    assert holder.look() is None
    holder.lease.caught_up(holder.now_s)
    write = holder.decided()
    assert write.expected == 0
    holder.written(write, 1)
    assert holder.lease.fence == 96


def test_a_bucket_that_moved_with_its_entries_costs_nothing(holder: Node) -> None:
    holder.lease.restarted(holder.now_s)
    assert not holder.is_held()
    holder.seen(4, OWN)
    holder.lease.caught_up(holder.now_s)
    holder.written(holder.decided(), 5)
    assert holder.is_held()
    assert holder.events == [LeaseTaken("x", 4)]


def test_a_holder_whose_bucket_was_lost_is_none(holder: Node) -> None:
    holder.lease.restarted(holder.now_s)
    holder.lease.caught_up(holder.now_s)
    assert holder.events[-1] == LeaseLost("x", 4, "the engine has no record of it")


def test_an_answer_of_a_bucket_that_is_no_more_means_nothing(node: Node) -> None:
    write = node.decided()
    node.lease.restarted(node.now_s)
    node.lease.caught_up(node.now_s)
    node.written(write, 500)
    assert not node.is_held()
    assert node.lease.record == FREE


def test_who_holds_it_is_known_to_all(node: Node) -> None:
    assert node.lease.holder_fence == 0
    node.seen(6, OTHER)
    assert (node.lease.record.holder, node.lease.holder_fence) == (OTHER, 6)
    node.seen(7, OTHER, fence=6)
    assert node.lease.holder_fence == 6
