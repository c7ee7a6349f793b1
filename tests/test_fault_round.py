"""What a seed makes of a round."""

from aiex.testing.fault_round import ALONE, KINDS, LASTS_S, FaultKind, plan_round

NAMES = ("a", "b", "c")
ROUNDS = [plan_round(seed, NAMES) for seed in range(200)]


def test_a_seed_always_makes_the_same_round() -> None:
    assert plan_round(17, NAMES) == ROUNDS[17]
    assert len({round_.faults for round_ in ROUNDS}) > len(ROUNDS) / 2


def test_seeds_in_a_row_have_every_kind() -> None:
    for first in (0, 40):
        kinds = {round_.faults[0].kind for round_ in ROUNDS[first : first + len(KINDS)]}
        assert kinds == set(FaultKind)


def test_a_second_fault_meets_another_node_and_some_kinds_have_none() -> None:
    seconds = [round_ for round_ in ROUNDS if len(round_.faults) == 2]
    assert len(seconds) > 50
    for round_ in seconds:
        first, second = round_.faults
        assert first.kind not in ALONE
        if len(first.victims) == 1:
            assert second.victims[0] not in first.victims


def test_every_fault_lasts_as_long_as_its_kind_may_and_the_way_is_between_two() -> None:
    for fault in (fault for round_ in ROUNDS for fault in round_.faults):
        shortest, longest = LASTS_S[fault.kind]
        assert shortest <= fault.for_s <= longest
        if fault.kind is FaultKind.CUT_ONE_WAY:
            assert len(set(fault.victims)) == 2


def test_a_round_says_what_it_is() -> None:
    assert str(ROUNDS[8]).startswith("seed 8: cut one way: ")
