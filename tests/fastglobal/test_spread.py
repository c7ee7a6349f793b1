"""Who has a change: counted as nodes answer, everybody named at the end."""

from aiex.cluster import Answer, Failure, HotApplied, Reason
from aiex.fastglobal.spread import NOT_AWAITED, Said, Spread

NAMES = ("n1", "n2", "n3")


def has(node: str) -> Answer[HotApplied]:
    return Answer(node, HotApplied(7))


def after(*came: Answer[HotApplied] | Failure) -> Spread:
    spread = Spread("level", 7)
    for one in came:
        spread = spread.after(one)
    return spread


def test_all_is_enough_once_everybody_said_something() -> None:
    refused = Answer("n2", HotApplied(7, "level: expected debug"))
    gone = Failure("n3", Reason.DOWN, "n3 is down")
    assert not after(has("n1"), refused).is_enough("all", NAMES)
    spread = after(has("n1"), gone, refused)
    assert spread.is_enough("all", NAMES)
    assert spread.ended(NAMES) == Spread(
        "level",
        7,
        ("n1",),
        (Said("n2", "level: expected debug"),),
        (Said("n3", "n3 is down"),),
    )
    assert not spread.is_everywhere


def test_a_quorum_is_more_than_half_that_have_it() -> None:
    assert not after(has("n1")).is_enough("quorum", NAMES)
    assert after(has("n3"), has("n1")).is_enough("quorum", NAMES)
    assert not after(has("n3"), has("n1")).is_enough("quorum", (*NAMES, "n4"))


def test_who_was_not_waited_for_is_named() -> None:
    ended = after(has("n3"), has("n1")).ended(NAMES)
    assert ended.applied == ("n1", "n3")
    assert ended.behind == (Said("n2", NOT_AWAITED),)
    assert after(*map(has, NAMES)).ended(NAMES).is_everywhere
