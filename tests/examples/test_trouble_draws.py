"""Which faults are drawn, how a load goes, and whether others have the machine."""

import os

from examples.trouble.catalogue import BY_KIND, FAULTS
from examples.trouble.crowd import CpuTimes, cpu_times, others_ratio
from examples.trouble.draws import ALONE, drawn
from examples.trouble.shape import Shape


def test_as_many_draws_as_there_are_kinds_have_each() -> None:
    draws = drawn(1, len(FAULTS))
    assert {kind for one in draws for kind in one.kinds} == set(BY_KIND)


def test_what_silences_the_node_is_planted_alone() -> None:
    together = [one.kinds for seed in range(40) for one in drawn(seed, 40) if len(one.kinds) > 1]
    assert not any(ALONE & set(kinds) for kinds in together)


def test_every_fifth_draw_has_two_faults_of_different_causes() -> None:
    draws = drawn(2, 40)
    assert [len(one.kinds) for one in draws] == [1, 1, 1, 1, 2] * 8
    for one in draws[4::5]:
        first, second = (BY_KIND[kind].causes for kind in one.kinds)
        assert first != second


def test_the_same_seed_draws_the_same() -> None:
    assert drawn(3, 10) == drawn(3, 10)
    assert drawn(3, 10) != drawn(4, 10)


def test_given_kinds_are_planted_together_each_time() -> None:
    draws = drawn(1, 3, ["sleep", "flood"])
    assert {one.kinds for one in draws} == {("sleep", "flood")}
    assert len({one.seed for one in draws}) == 3


def test_bursts_come_and_go() -> None:
    shape = Shape("bursts")
    assert [shape.factor(age_s) for age_s in (0.5, 1.5, 4.9, 5.5)] == [5.0, 1.0, 1.0, 5.0]


def test_a_start_under_load_has_most_at_first() -> None:
    shape = Shape("start")
    assert shape.factor(1.0) > shape.factor(60.0) == 1.0


def test_others_have_what_neither_is_idle_nor_ours() -> None:
    before, after = CpuTimes(100.0, 50.0, 10.0), CpuTimes(120.0, 54.0, 18.0)
    assert others_ratio(before, after) == 0.4
    assert others_ratio(before, before) == 0.0


def test_what_this_process_burns_is_its_own() -> None:
    before = cpu_times(os.getpid())
    total = 0
    while (after := cpu_times(os.getpid())).own_s < before.own_s + 0.2:
        total += 1
    assert after.all_s >= before.all_s
    assert 0.0 <= others_ratio(before, after) <= 1.0
