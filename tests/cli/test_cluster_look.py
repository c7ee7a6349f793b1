"""What happened between two looks, as events with sentences."""

from aiex.cli.answers.cluster import SeenCluster, SeenMember, SeenOutsider
from aiex.cli.answers.node import EngineFacts
from aiex.cli.cluster_look import NOTHING, Look, changes

WHOLE = Look(
    SeenCluster(
        "aiex",
        epoch=1,
        carriers=("c1", "c2", "c3"),
        members=(SeenMember("n1", "up", incarnation=7), SeenMember("n2", "up", incarnation=7)),
    ),
    EngineFacts(state="up"),
)
SPLIT = Look(
    SeenCluster(
        "aiex",
        "split",
        "n2 is missing",
        epoch=1,
        carriers=("c1", "c2", "c3"),
        members=(SeenMember("n1", "up", incarnation=7), SeenMember("n2", "down", "silent")),
    ),
    EngineFacts(state="no quorum", reason="too few servers"),
)


def texts(before: Look, after: Look) -> list[str]:
    return [one.text for one in changes(before, after)]


def test_nothing_happened_when_nothing_changed() -> None:
    assert texts(WHOLE, WHOLE) == []


def test_the_first_look_tells_all_there_is() -> None:
    assert texts(NOTHING, WHOLE) == [
        "condition: whole",
        "engine: up",
        "charter: epoch 1 (carried by c1, c2, c3)",
        "member n1: up",
        "member n2: up",
    ]


def test_a_member_that_is_lost_splits_the_cluster() -> None:
    assert texts(WHOLE, SPLIT) == [
        "condition: whole -> split (n2 is missing)",
        "engine: up -> no quorum (too few servers)",
        "member n2: up -> down (silent)",
    ]


def test_a_member_that_was_started_between_two_looks_is_told() -> None:
    reborn = Look(
        SeenCluster(
            "aiex",
            epoch=1,
            members=(SeenMember("n1", "up", incarnation=7), SeenMember("n2", "up", incarnation=8)),
        ),
        WHOLE.engine,
    )
    assert texts(WHOLE, reborn) == ["member n2: up -> up (it was started anew)"]


def test_members_that_are_forgotten_and_outsiders_are_told() -> None:
    after = Look(
        SeenCluster(
            "aiex",
            epoch=1,
            members=WHOLE.cluster.members[:1],
            outsiders=(SeenOutsider("n9", "it speaks protocol 7"),),
        ),
        WHOLE.engine,
    )
    assert texts(WHOLE, after) == [
        "member n2: up -> forgotten",
        "outsider n9: kept out (it speaks protocol 7)",
    ]
    assert texts(after, after) == []
