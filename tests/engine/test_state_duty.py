"""What a carrier does about its cluster's state, case by case."""

import msgspec
import pytest

from aiex.engine.founding import Founding
from aiex.engine.state_claims import Claim, Claims
from aiex.engine.state_duty import HOME_PATIENCE_S, Duty, Facts, Verdict, verdict

NOTHING = Claims((), ())
BOTH_SAY_NO = Claims((Claim("b", False, False), Claim("c", False, False)), ())
FOUNDED = Founding("b", "move-1")
FACTS = Facts(
    own="a",
    holds_state=False,
    brings_home=False,
    move="",
    founding=None,
    claims=BOTH_SAY_NO,
)


def verdict_of(**changes: object) -> Verdict:
    return verdict(msgspec.structs.replace(FACTS, **changes))


def test_a_cluster_is_founded_when_everybody_said_that_there_is_no_state() -> None:
    assert verdict_of().duty is Duty.FOUND


def test_it_is_not_founded_while_a_carrier_says_nothing_since_that_one_may_have_the_state() -> None:
    told = verdict_of(claims=Claims((Claim("b", False, False),), ("c",)))
    assert told.duty is Duty.WAIT
    assert "carriers c say" in told.trouble


def test_it_is_not_founded_while_another_has_the_state() -> None:
    told = verdict_of(claims=Claims((Claim("b", True, False),), ("c",)))
    assert told.duty is Duty.WAIT
    assert "the node b is on its way" in told.trouble


def test_who_has_the_state_moves_it_in_and_waits_for_nobody() -> None:
    assert verdict_of(holds_state=True, claims=Claims((), ("b", "c"))).duty is Duty.MOVE_IN


def test_where_two_have_state_nobody_moves_and_both_are_named() -> None:
    told = verdict_of(holds_state=True, claims=Claims((Claim("b", True, False),), ()))
    assert told.duty is Duty.WAIT
    assert "a, b" in told.trouble
    assert "engine/standalone" in told.trouble


def test_a_move_that_was_cut_off_after_the_founding_only_puts_the_store_aside() -> None:
    told = verdict_of(holds_state=True, move="move-1", founding=Founding("a", "move-1"))
    assert told.duty is Duty.PUT_ASIDE


def test_state_of_before_is_kept_apart_in_a_cluster_that_has_some() -> None:
    told = verdict_of(holds_state=True, move="move-0", founding=FOUNDED)
    assert told.duty is Duty.TEND
    assert "of the node b" in told.trouble


def test_a_founded_cluster_is_tended() -> None:
    assert verdict_of(founding=FOUNDED) == Verdict(Duty.TEND)


def test_while_this_node_brings_the_state_home_it_does_nothing_else() -> None:
    leaving = FOUNDED.leaving_for("a", "move-2")
    assert verdict_of(founding=leaving, brings_home=True).duty is Duty.WAIT


def test_a_node_that_crashed_on_the_way_home_gives_the_state_back() -> None:
    assert verdict_of(founding=FOUNDED.leaving_for("a", "move-2")).duty is Duty.GIVE_BACK


def test_state_that_came_home_whole_moves_in_again_when_the_cluster_goes_on() -> None:
    gone = FOUNDED.leaving_for("a", "move-2").gone()
    told = verdict_of(founding=gone, holds_state=True, came_home_by="move-2")
    assert told.duty is Duty.MOVE_IN


def test_that_others_keep_state_of_their_own_apart_does_not_stop_it() -> None:
    gone = FOUNDED.leaving_for("a", "move-2").gone()
    claims = Claims((Claim("b", True, False),), ())
    told = verdict_of(founding=gone, holds_state=True, came_home_by="move-2", claims=claims)
    assert told.duty is Duty.MOVE_IN


def test_older_state_of_a_node_that_crashed_on_the_way_home_is_never_moved_in() -> None:
    for founding in (
        FOUNDED.leaving_for("a", "move-2"),
        FOUNDED.leaving_for("a", "move-2").gone(),
    ):
        for came_home_by in ("", "move-1"):
            told = verdict_of(founding=founding, holds_state=True, came_home_by=came_home_by)
            assert told.duty is Duty.GIVE_BACK


@pytest.mark.parametrize(
    ("silent_s", "duty"), [(HOME_PATIENCE_S - 1, Duty.WAIT), (HOME_PATIENCE_S, Duty.GIVE_BACK)]
)
def test_the_others_take_the_state_back_from_a_node_that_is_silent(
    silent_s: float, duty: Duty
) -> None:
    leaving = FOUNDED.leaving_for("b", "move-2")
    assert verdict_of(founding=leaving, claims=NOTHING, home_silent_s=silent_s).duty is duty


def test_they_wait_for_a_node_that_is_at_it() -> None:
    leaving = FOUNDED.leaving_for("b", "move-2")
    claims = Claims((Claim("b", False, True),), ())
    assert verdict_of(founding=leaving, claims=claims, home_silent_s=99.0).duty is Duty.WAIT


def test_what_is_gone_nobody_else_takes_back_and_a_person_is_asked() -> None:
    gone = FOUNDED.leaving_for("b", "move-2").gone()
    assert verdict_of(founding=gone, claims=NOTHING, home_silent_s=1.0) == Verdict(Duty.WAIT)
    told = verdict_of(founding=gone, claims=NOTHING, home_silent_s=9999.0)
    assert told.duty is Duty.WAIT
    assert "aiex cluster remove b" in told.trouble


@pytest.mark.parametrize("is_gone", [False, True])
def test_once_the_other_node_was_taken_out_the_state_is_given_back(is_gone: bool) -> None:
    founding = FOUNDED.leaving_for("b", "move-2")
    founding = founding.gone() if is_gone else founding
    for holds_state in (False, True):
        told = verdict_of(founding=founding, is_home_out=True, holds_state=holds_state)
        assert told.duty is Duty.GIVE_BACK
