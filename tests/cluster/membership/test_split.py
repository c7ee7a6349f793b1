"""What a node says is missing, and when that is news."""

from aiex.cluster.events import ClusterSplit, ClusterWhole
from aiex.cluster.membership.hearing import Hearing
from aiex.cluster.membership.member import MemberState
from aiex.cluster.membership.messages import Heartbeat
from aiex.cluster.membership.peer import Peer
from aiex.cluster.membership.roster import Roster
from aiex.cluster.membership.split import NO_QUORUM_TEXT, Split


class Cluster:
    def __init__(self, *names: str) -> None:
        self.roster = Roster(forget_down_after_s=3600.0)
        self.hearing = Hearing(0.0)
        self.hearing.look(0.0, "")
        self.split = Split(self.roster, self.hearing)
        for name in names:
            self.put(name, MemberState.UP)

    def put(self, name: str, state: MemberState) -> None:
        peer = Peer.of_heartbeat(Heartbeat(1, 1, name, 5, 1, 500, "up"), 0.0, 0.0)
        self.roster.put(peer.become(state, 1.0))


def test_a_cluster_is_split_while_a_member_is_down_and_says_so_once() -> None:
    cluster = Cluster("n1", "n2")
    assert cluster.split.look(1.0) is None
    cluster.put("n1", MemberState.DOWN)
    text = "n1 is missing without a goodbye"
    assert cluster.split.look(2.0) == ClusterSplit(text)
    assert cluster.split.look(3.0) is None
    assert cluster.split.text == text
    cluster.put("n1", MemberState.LEFT)
    assert cluster.split.look(4.0) == ClusterWhole()
    assert cluster.split.text == ""


def test_many_are_counted_by_their_first_names() -> None:
    cluster = Cluster()
    for number in range(7):
        cluster.put(f"n{number}", MemberState.DOWN)
    assert cluster.split.text_at(1.0) == "n0, n1, n2, n3, n4, … are missing without a goodbye"


def test_it_is_not_whole_again_while_one_that_was_missing_is_in_question() -> None:
    cluster = Cluster("n1")
    cluster.put("n1", MemberState.DOWN)
    cluster.split.look(1.0)
    cluster.put("n1", MemberState.SUSPECT)
    assert cluster.split.look(2.0) is None
    assert "n1 is missing" in cluster.split.text
    cluster.put("n1", MemberState.UP)
    assert cluster.split.look(3.0) == ClusterWhole()


def test_one_that_is_merely_late_is_not_missing() -> None:
    cluster = Cluster("n1")
    cluster.put("n1", MemberState.SUSPECT)
    assert cluster.split.look(1.0) is None


def test_without_a_quorum_it_is_split_whoever_is_there() -> None:
    cluster = Cluster("n1")
    cluster.split.has_quorum = False
    assert cluster.split.text_at(1.0) == NO_QUORUM_TEXT
    cluster.put("n1", MemberState.DOWN)
    assert cluster.split.text_at(1.0) == f"n1 is missing without a goodbye; {NO_QUORUM_TEXT}"


def test_a_node_that_cannot_use_the_engine_says_why_unless_it_is_alone() -> None:
    for names, is_split in ((("n1",), True), ((), False)):
        cluster = Cluster(*names)
        cluster.hearing.look(1.0, "no server answers")
        text = cluster.split.text_at(9.0)
        assert ("(no server answers) and hears nobody" in text) is is_split
