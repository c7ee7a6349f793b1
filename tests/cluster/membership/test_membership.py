"""What news and time make of one node's view: every state, every event, and what it says itself."""

from random import Random
from typing import Any

import msgspec
import pytest

from aiex.cluster.events import (
    ClusterSplit,
    ClusterWhole,
    GroupJoined,
    GroupLeft,
    MemberDown,
    MemberDraining,
    MemberLeft,
    MemberSuspect,
    MemberUp,
    OutsiderSeen,
    StayedOut,
    TookPart,
)
from aiex.cluster.membership.hearing import TRUST_NOBODY_AFTER_S
from aiex.cluster.membership.member import MemberState
from aiex.cluster.membership.membership import Membership
from aiex.cluster.membership.messages import INCARNATION_MAX, Foreign, Gone, Goodbye, Heartbeat
from aiex.cluster.membership.own import Condition, Own
from aiex.cluster.membership.roster import LEFT_KEPT_S, MEMBERS_MAX
from aiex.cluster.membership.split import NO_QUORUM_TEXT
from aiex.cluster.membership.turn import Asked

STEP_S = 0.1
FORGET_S = 3600.0


class Node:
    """A node `n0`, incarnation 100, connected and settled, with its events and its time."""

    has_quorum = True
    carrier = ""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.said: list[Heartbeat] = []
        self.asked: list[Asked] = []
        self.now_s = 1000.0
        self.trouble = ""
        self.standing: Any = "up"
        self.membership = Membership(
            Own("n0", "zone-a", "1.0"),
            100,
            self.now_s,
            forget_down_after_s=FORGET_S,
            random=Random(1),
            emit=self.events.append,
        )
        self.wait(2 * TRUST_NOBODY_AFTER_S)
        self.events.clear()

    def wait(self, duration_s: float) -> None:
        """Look around as a node does; probes get no answer unless a test gives one."""
        for _ in range(round(duration_s / STEP_S)):
            self.now_s += STEP_S
            turn = self.membership.turn(
                self.now_s,
                Condition(self.standing, carrier=self.carrier),
                self.trouble,
                has_quorum=self.has_quorum,
            )
            self.said += [turn.heartbeat] if turn.heartbeat else []
            self.asked += turn.probes

    def hear(self, name: str = "n1", incarnation: int = 1, seq: int = 1, **fields: Any) -> None:
        self.membership.heard(heartbeat(name, incarnation, seq, **fields), self.now_s)

    def nobody_there(self) -> None:
        self.membership.nobody_there(self.asked[-1], self.now_s)

    def time_out(self) -> None:
        for probe in self.asked:
            self.membership.missed(probe)
        self.asked.clear()

    def state(self, name: str = "n1") -> MemberState:
        members = self.membership.view(self.now_s).members
        return next(one.state for one in members if one.name == name)


def heartbeat(name: str = "n1", incarnation: int = 1, seq: int = 1, **fields: Any) -> Heartbeat:
    plain = Heartbeat(1, 1, name, incarnation, seq, 500, "up")
    return msgspec.structs.replace(plain, **fields)


@pytest.fixture
def node() -> Node:
    return Node()


def test_a_node_alone_is_a_whole_cluster_and_says_so_twice_a_second(node: Node) -> None:
    node.said.clear()
    node.wait(10.0)
    assert 20 <= len(node.said) <= 25
    assert {one.standing for one in node.said} == {"up"}
    assert [one.name for one in node.membership.view(node.now_s).members] == ["n0"]
    assert (node.membership.split, node.membership.stays_out, node.events) == ("", "", [])


def test_a_newcomer_is_up_at_once_and_hears_of_this_node_soon(node: Node) -> None:
    node.said.clear()
    node.hear()
    assert node.events == [MemberUp("n1", 1)]
    node.wait(0.2)
    assert len(node.said) == 1


def test_one_that_joins_is_not_up_yet(node: Node) -> None:
    node.hear(standing="joining")
    assert (node.state(), node.events) == (MemberState.JOINING, [])
    node.hear(seq=2)
    assert (node.state(), node.events) == (MemberState.UP, [MemberUp("n1", 1)])


def test_one_that_drains_says_so(node: Node) -> None:
    node.hear()
    node.hear(seq=2, standing="draining")
    assert node.events[-1] == MemberDraining("n1", 1)


def test_a_late_member_of_whom_the_engine_knows_nobody_is_down_at_once(node: Node) -> None:
    node.hear()
    node.wait(0.7)
    assert [probe.name for probe in node.asked] == ["n1"]
    node.nobody_there()
    assert node.events[1] == MemberDown("n1", 1, "the engine says that nobody listens there")
    node.wait(0.1)
    assert node.events[2] == ClusterSplit("n1 is missing without a goodbye")


def test_a_carrier_whose_server_is_lost_is_asked_at_once_and_down_if_nobody_listens(
    node: Node,
) -> None:
    node.hear(carrier="c1")
    node.membership.hinted("c1", node.now_s)
    assert node.membership.next_turn_in_s(node.now_s) == 0.0
    node.wait(0.1)
    assert [probe.name for probe in node.asked] == ["n1"]
    node.nobody_there()
    assert node.state() is MemberState.UP
    node.wait(0.5)
    node.nobody_there()
    assert node.state() is MemberState.DOWN


def test_a_hint_at_one_who_answers_costs_one_question(node: Node) -> None:
    node.hear(carrier="c1")
    node.membership.hinted("c1", node.now_s)
    node.wait(0.1)
    node.membership.answered(node.asked[-1], heartbeat(seq=2, carrier="c1"), node.now_s)
    node.membership.hinted("c1", node.now_s)
    node.wait(0.4)
    assert (len(node.asked), node.state()) == (1, MemberState.UP)


def test_what_others_say_of_one_that_was_just_heard_makes_a_question_and_no_more(
    node: Node,
) -> None:
    node.hear()
    node.hear("n2", gone=(Gone("n1", 1, False, 0),))
    assert node.state() is MemberState.UP
    node.wait(0.1)
    assert [probe.name for probe in node.asked] == ["n1"]
    node.nobody_there()
    assert node.state() is MemberState.DOWN


def test_just_connected_the_engine_is_believed_when_a_member_says_the_same(node: Node) -> None:
    node.hear()
    node.trouble = "the connection was lost"
    node.wait(0.3)
    node.trouble = ""
    node.wait(0.2)
    node.hear("n2", gone=(Gone("n1", 1, False, 0),))
    node.wait(0.1)
    node.nobody_there()
    assert node.state() is MemberState.DOWN


def test_a_carrier_that_finds_one_down_says_so_at_once(node: Node) -> None:
    node.carrier = "c0"
    node.hear()
    node.wait(0.7)
    node.said.clear()
    node.nobody_there()
    node.wait(0.2)
    assert [one.gone[0].name for one in node.said] == ["n1"]


def test_just_connected_the_engine_is_not_trusted_to_know_who_listens(node: Node) -> None:
    node.hear()
    node.trouble = "the connection was lost"
    node.wait(0.3)
    node.trouble = ""
    node.wait(0.8)
    node.nobody_there()
    assert node.state() is MemberState.UP


def test_a_member_that_answers_nothing_is_suspect_then_down(node: Node) -> None:
    node.hear()
    node.wait(1.0)
    node.time_out()
    node.wait(0.1)
    assert isinstance(node.events[-1], MemberSuspect)
    node.wait(1.3)
    node.time_out()
    assert node.state() is MemberState.SUSPECT
    node.wait(0.2)
    assert (node.state(), type(node.events[1])) == (MemberState.DOWN, MemberSuspect)
    assert isinstance(node.events[2], MemberDown)


def test_an_answer_makes_a_suspect_a_member_again(node: Node) -> None:
    node.hear()
    node.wait(1.0)
    probe = node.asked[-1]
    node.time_out()
    node.wait(0.1)
    node.membership.answered(probe, heartbeat(seq=2), node.now_s)
    assert [type(event) for event in node.events] == [MemberUp, MemberSuspect, MemberUp]


def test_one_that_was_down_comes_back_once_it_answers_not_by_a_late_heartbeat(node: Node) -> None:
    node.hear()
    node.wait(0.7)
    node.nobody_there()
    node.hear(seq=2)
    assert node.state() is MemberState.DOWN
    node.wait(0.1)
    node.membership.answered(node.asked[-1], heartbeat(seq=3), node.now_s)
    assert node.events[-1] == MemberUp("n1", 1)
    node.wait(0.1)
    assert node.events[-1] == ClusterWhole()


def test_a_late_heartbeat_of_one_that_is_gone_comes_to_nothing(node: Node) -> None:
    node.hear()
    node.wait(0.7)
    node.nobody_there()
    node.hear(seq=2)
    node.wait(0.1)
    node.nobody_there()
    node.asked.clear()
    node.wait(5.0)
    assert (node.state(), node.asked) == (MemberState.DOWN, [])


def test_a_goodbye_is_final_for_one_life_only(node: Node) -> None:
    node.hear()
    node.membership.heard_goodbye(Goodbye("n1", 1), node.now_s)
    node.hear(seq=9)
    assert node.events == [MemberUp("n1", 1), MemberLeft("n1", 1)]
    assert node.membership.split == ""
    node.hear(incarnation=2)
    assert node.events[-1] == MemberUp("n1", 2)


def test_a_higher_incarnation_replaces_a_lower_one_with_its_addresses(node: Node) -> None:
    node.hear(api_url="http://old")
    node.hear(incarnation=2, api_url="http://new")
    assert node.events[1:] == [MemberDown("n1", 1, "it was started anew"), MemberUp("n1", 2)]
    assert node.membership.view(node.now_s).members[1].api_url == "http://new"
    node.hear(seq=99, api_url="http://old")
    node.membership.heard_goodbye(Goodbye("n1", 1), node.now_s)
    assert len(node.events) == 3
    assert node.membership.view(node.now_s).members[1].api_url == "http://new"


def test_a_heartbeat_that_was_overtaken_or_came_twice_changes_nothing(node: Node) -> None:
    node.hear(seq=5, standing="draining")
    node.hear(seq=4)
    node.hear(seq=5)
    assert node.state() is MemberState.DRAINING


def test_who_never_heard_of_the_missing_learns_of_them(node: Node) -> None:
    node.hear(gone=(Gone("n9", 5, False, 1000), Gone("n8", 5, True, 1000)))
    node.wait(0.1)
    assert (node.state("n9"), node.state("n8")) == (MemberState.DOWN, MemberState.LEFT)
    assert node.membership.split == "n9 is missing without a goodbye"
    told = {one.name: one.has_left for one in node.said[-1].gone}
    assert told == {"n9": False, "n8": True}


def test_others_may_say_that_one_has_left_but_not_that_it_is_down(node: Node) -> None:
    node.hear("n9", 5)
    node.hear(gone=(Gone("n9", 5, False, 0),))
    assert node.state("n9") is MemberState.UP
    node.hear(seq=2, gone=(Gone("n9", 5, True, 0),))
    assert node.state("n9") is MemberState.LEFT


def test_a_node_whose_clock_was_set_back_takes_an_incarnation_that_counts(node: Node) -> None:
    node.hear(gone=(Gone("n0", 500, False, 1000),))
    assert node.membership.incarnation == 501
    node.wait(0.2)
    assert node.said[-1].incarnation == 501


def test_who_speaks_in_a_life_that_is_over_is_told(node: Node) -> None:
    node.hear(incarnation=7)
    node.membership.heard_goodbye(Goodbye("n1", 7), node.now_s)
    node.wait(LEFT_KEPT_S / 2)
    assert not node.said[-1].gone
    node.hear(incarnation=3)
    node.wait(0.7)
    assert [one.incarnation for one in node.said[-1].gone] == [7]


def test_what_is_gone_is_forgotten_in_time(node: Node) -> None:
    node.hear("n1")
    node.membership.heard_goodbye(Goodbye("n1", 1), node.now_s)
    node.hear("n2", gone=(Gone("n9", 5, False, int((FORGET_S - 500) * 1000)),))
    node.membership.heard_goodbye(Goodbye("n2", 1), node.now_s)
    node.wait(LEFT_KEPT_S + 2)
    assert [one.name for one in node.membership.view(node.now_s).members] == ["n0"]
    assert node.membership.split == ""


def test_a_node_that_was_frozen_accuses_nobody(node: Node) -> None:
    node.hear()
    node.now_s += 60.0
    node.wait(0.3)
    assert (node.asked, node.state()) == ([], MemberState.UP)


def test_a_node_without_engine_knows_nothing_of_others_and_says_so(node: Node) -> None:
    node.hear()
    node.said.clear()
    node.trouble = "the connection was lost"
    node.wait(10.0)
    assert (node.state(), node.said, node.asked) == (MemberState.SUSPECT, [], [])
    assert "cannot use the engine (the connection was lost)" in node.membership.split
    node.trouble = ""
    node.wait(0.1)
    assert len(node.said) == 1
    node.hear(seq=2)
    node.wait(0.1)
    assert [type(event) for event in node.events] == [
        MemberUp,
        MemberSuspect,
        ClusterSplit,
        MemberUp,
        ClusterWhole,
    ]


def test_alone_and_without_engine_nobody_is_missing(node: Node) -> None:
    node.trouble = "the connection was lost"
    node.wait(10.0)
    assert (node.membership.split, node.events) == ("", [])


def test_a_change_of_its_own_state_is_told_at_once(node: Node) -> None:
    node.wait(0.6)
    node.said.clear()
    node.standing = "draining"
    node.wait(0.1)
    assert [one.standing for one in node.said] == ["draining"]


def test_two_processes_with_one_name_the_later_one_stays(node: Node) -> None:
    node.hear("n0", 50)
    assert [type(event) for event in node.events] == [OutsiderSeen]
    node.hear("n0", 200, seq=1)
    assert [type(event) for event in node.events] == [OutsiderSeen, StayedOut]
    assert "set node.name" in node.membership.stays_out
    node.said.clear()
    node.wait(2.0)
    assert [(one.incarnation, one.standing) for one in node.said] == [(100, "joining")]
    assert node.membership.answer(node.now_s) is None
    node.wait(2.0)
    assert node.events[-1] == TookPart(201)
    assert node.membership.incarnation == 201


def test_a_node_that_others_do_not_understand_stays_out_until_they_are_gone() -> None:
    node = Node.__new__(Node)
    node.events, node.said, node.asked = [], [], []
    node.now_s, node.trouble, node.standing = 0.0, "", "up"
    node.membership = Membership(
        Own("n0"), 9, 0.0, forget_down_after_s=9.0, random=Random(1), emit=node.events.append
    )
    node.wait(0.1)
    node.membership.heard_foreign(Foreign(7, 6, "n1", 1, "up"), node.now_s)
    node.wait(10.0)
    assert [type(event) for event in node.events] == [OutsiderSeen, StayedOut]
    assert "speaks protocol 1" in node.membership.stays_out
    assert "n1 speaks 7" in node.membership.stays_out
    assert {one.standing for one in node.said} == {"joining"}
    assert [one.name for one in node.membership.view(node.now_s).outsiders] == ["n1"]
    node.wait(10.0)
    assert node.events[-1] == TookPart(9)
    assert node.said[-1].standing == "up"


def test_a_member_is_not_put_out_by_one_it_does_not_understand(node: Node) -> None:
    node.membership.heard_foreign(Foreign(7, 6, "n1", 1, "up"), node.now_s)
    node.wait(1.0)
    assert node.membership.stays_out == ""
    assert node.said[-1].standing == "up"


def test_a_life_is_over_when_it_ended_or_another_began(node: Node) -> None:
    own = node.membership.incarnation
    node.membership.heard(heartbeat("n2", incarnation=5), node.now_s)
    lives = [("n2", 4), ("n2", 5), ("n2", 6), ("n3", 1), ("own", own - 1), ("own", own)]
    names = {"own": node.membership.goodbye().name}
    over = [
        (name, life) for name, life in lives if node.membership.is_over(names.get(name, name), life)
    ]
    assert over == [("n2", 4), ("own", own - 1)]
    node.membership.heard_goodbye(Goodbye("n2", 5), node.now_s)
    assert node.membership.is_over("n2", 5)
    assert not node.membership.is_over("n2", 6)


def test_there_is_a_limit_to_everything_that_comes_from_outside(node: Node) -> None:
    for number in range(MEMBERS_MAX + 5):
        node.hear(f"n{number + 1}", standing="joining")
    assert len(node.membership.view(node.now_s).members) == MEMBERS_MAX + 1
    assert len(node.events) == 5
    node.hear("n0", INCARNATION_MAX)
    node.wait(5.0)
    assert node.membership.incarnation <= INCARNATION_MAX
    for number in range(500):
        node.membership.heard_foreign(Foreign(7, 6, f"x{number}", 1, "up"), node.now_s)
    assert len(node.membership.view(node.now_s).outsiders) < 100


def test_a_cluster_whose_engine_has_no_quorum_is_split_and_goes_on_speaking() -> None:
    node = Node()
    node.hear("n1")
    node.has_quorum = False
    node.said.clear()
    node.wait(0.6)
    assert node.membership.split == NO_QUORUM_TEXT
    assert node.membership.view(node.now_s).split == NO_QUORUM_TEXT
    assert node.events[-1] == ClusterSplit(NO_QUORUM_TEXT)
    assert node.said, "messages need no quorum"
    node.has_quorum = True
    node.wait(0.2)
    assert node.events[-1] == ClusterWhole()


def test_members_and_quorum_may_be_missing_at_once() -> None:
    node = Node()
    node.hear("n1")
    node.wait(1.0)
    node.nobody_there()
    node.has_quorum = False
    node.wait(0.2)
    assert node.membership.split == f"n1 is missing without a goodbye; {NO_QUORUM_TEXT}"
    node.has_quorum = True
    node.wait(0.2)
    assert node.membership.split == "n1 is missing without a goodbye"


def test_a_node_that_hears_nobody_says_so_first() -> None:
    node = Node()
    node.hear("n1")
    node.trouble = "the connection was lost"
    node.wait(1.0)
    assert "hears nobody" in node.membership.split
    assert NO_QUORUM_TEXT not in node.membership.split


def groups_of(node: Node, name: str) -> tuple[str, ...]:
    return next(one.groups for one in node.membership.view(node.now_s).members if one.name == name)


def test_the_groups_of_a_member_are_those_of_its_newest_heartbeat() -> None:
    node = Node()
    node.hear("n1", seq=1, groups=("a", "b"))
    node.hear("n1", seq=3, groups=("b", "c"))
    node.hear("n1", seq=2, groups=("x",))
    assert groups_of(node, "n1") == ("b", "c")
    assert [one for one in node.events if isinstance(one, GroupJoined | GroupLeft)] == [
        GroupJoined("a", "n1", 1),
        GroupJoined("b", "n1", 1),
        GroupLeft("a", "n1", 1),
        GroupJoined("c", "n1", 1),
    ]


def test_a_member_that_is_gone_is_in_no_group_and_back_in_them_when_it_is_back() -> None:
    node = Node()
    node.hear("n1", groups=("a",))
    node.wait(1.0)
    node.nobody_there()
    assert groups_of(node, "n1") == ()
    assert node.events[-2:] == [
        GroupLeft("a", "n1", 1),
        MemberDown("n1", 1, "the engine says that nobody listens there"),
    ]
    node.hear("n1", incarnation=2, groups=("a",))
    assert groups_of(node, "n1") == ("a",)
    assert GroupJoined("a", "n1", 2) in node.events


def test_a_member_that_is_suspect_is_still_in_its_groups() -> None:
    node = Node()
    node.hear("n1", groups=("a",))
    node.trouble = "the connection was lost"
    node.wait(1.0)
    assert groups_of(node, "n1") == ("a",)


def test_joining_is_told_at_once_and_in_every_heartbeat_after() -> None:
    node = Node()
    node.said.clear()
    node.membership.join("a", node.now_s)
    assert node.events[-1] == GroupJoined("a", "n0", 100)
    assert node.membership.next_turn_in_s(node.now_s) <= 0.12
    node.wait(1.5)
    assert len(node.said) >= 2
    assert {one.groups for one in node.said} == {("a",)}
    node.membership.leave("a", node.now_s)
    node.wait(0.2)
    assert node.said[-1].groups == ()
    assert groups_of(node, "n0") == ()


def test_a_node_that_lives_on_in_another_incarnation_is_in_its_groups_in_that_one() -> None:
    node = Node()
    node.membership.join("a", node.now_s)
    node.hear("n1", gone=(Gone("n0", 200, False, 0),))
    assert node.membership.incarnation == 201
    assert node.events[-2:] == [GroupLeft("a", "n0", 100), GroupJoined("a", "n0", 201)]


def test_who_takes_part_is_told_cheaply() -> None:
    node = Node()
    node.hear("n2")
    node.hear("n1")
    node.membership.heard_goodbye(Goodbye("n2", 1), node.now_s)
    assert node.membership.expected_names() == ["n0", "n1"]
    assert node.membership.state_of("n0") is MemberState.UP
    assert node.membership.state_of("n2") is MemberState.LEFT
    assert node.membership.state_of("n9") is None
    node.wait(1.0)
    node.nobody_there()
    assert node.membership.state_of("n1") is MemberState.DOWN
    assert node.membership.expected_names() == ["n0", "n1"], "it is missing"


def test_a_node_that_stays_out_for_its_twin_takes_no_other_incarnation() -> None:
    """What others say of the name's end is for the twin: both would take the same next one."""
    node = Node()
    node.hear("n0", incarnation=300)
    assert node.membership.has_twin
    node.hear("n1", gone=(Gone("n0", 400, False, 0),))
    assert node.membership.incarnation == 100
