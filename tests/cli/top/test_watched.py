"""What is kept from answer to answer, and what is not asked for again."""

from msgspec.structs import replace

from aiex.cli.asked_nodes import NodeAnswer, NodeFailure
from aiex.cli.top.feed import Look
from aiex.cli.top.panes import PANES, TYPES_EVERY_S
from aiex.cli.top.watched import NOTHING, TYPES, Watched
from aiex.performance import Snapshot, TypeCensus, TypeRow
from aiex.testing.snapshots import SNAPSHOT, later

MEMORY = PANES["memory"].first_view(20)
TASKS = PANES["tasks"].first_view(20)
MORE_TYPES = TypeCensus((TypeRow("pkg:Row", 200, 12800),), 1, 200, 0, 12800, 0.1, 0.001)


def look(*snapshots: Snapshot) -> Look:
    return Look(tuple(NodeAnswer(f"n{place}", one) for place, one in enumerate(snapshots, 1)))


def test_types_are_counted_again_only_after_a_while() -> None:
    watched = Watched()
    assert watched.left_out(MEMORY, 0.0) == NOTHING
    watched.answered(look(SNAPSHOT), MEMORY, 1.0)
    assert watched.left_out(MEMORY, 2.0) == TYPES
    assert watched.left_out(MEMORY._replace(sort="count"), 2.0) == NOTHING
    assert watched.left_out(MEMORY, 1.0 + TYPES_EVERY_S) == NOTHING
    assert watched.left_out(TASKS, 2.0) == NOTHING


def test_types_that_were_not_asked_for_stay_and_are_compared_with_the_count_before() -> None:
    watched = Watched()
    watched.answered(look(SNAPSHOT), MEMORY, 1.0)
    watched.answered(look(later(20, types=MORE_TYPES)), MEMORY, 21.0)
    watched.answered(look(later(22, types=None)), MEMORY, 23.0)
    seen = watched.seen["n1"]
    assert seen.before is not None
    assert seen.before.types is not None
    assert (seen.now.types, seen.before.types) == (MORE_TYPES, SNAPSHOT.types)


def test_a_node_that_is_silent_is_told_and_not_shown_as_if_it_were_there() -> None:
    watched = Watched()
    watched.answered(look(SNAPSHOT, SNAPSHOT), TASKS, 1.0)
    half = Look(look(SNAPSHOT).answers, (NodeFailure("n2", "deadline", "no answer in 5 s"),))
    watched.answered(half, TASKS, 2.0)
    assert (list(watched.seen), watched.silent) == (["n1"], {"n2": "no answer in 5 s"})
    assert watched.trouble is None


def test_while_nobody_answers_what_was_seen_last_stays_with_since_when() -> None:
    watched = Watched()
    watched.answered(look(SNAPSHOT), TASKS, 1.0)
    watched.unanswered("No node answers.", 5.0)
    watched.unanswered("No node answers at all.", 9.0)
    assert watched.trouble == (5.0, "No node answers at all.")
    assert (list(watched.seen), watched.failure_count) == (["n1"], 2)
    watched.answered(look(later(20)), TASKS, 21.0)
    assert watched.failure_count == 0
    assert watched.seen["n1"].apart_s == 20.0


def test_an_answer_of_nobody_is_none() -> None:
    watched = Watched()
    watched.answered(Look((), (NodeFailure("n2", "down", "it is down"),)), TASKS, 3.0)
    assert watched.trouble == (3.0, "n2: it is down")


def test_a_node_that_began_anew_is_not_compared_with_its_last_life() -> None:
    watched = Watched()
    watched.answered(look(SNAPSHOT), TASKS, 1.0)
    young = replace(later(5), head=replace(SNAPSHOT.head, uptime_s=0.5))
    watched.answered(look(young), TASKS, 6.0)
    assert watched.seen["n1"].apart_s == 0.0
