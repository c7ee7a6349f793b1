"""The test for growth, part by part, and the series it reads."""

from math import inf

import pytest

from aiex.performance.memory.series import Keeping, Reading, Series
from aiex.performance.memory.trend import Trend, mann_kendall_z, trend


def line(values: list[float]) -> list[Reading]:
    return [Reading(float(place), value) for place, value in enumerate(values)]


def of(values: list[float]) -> Trend:
    found = trend(line(values), 0.0, float(len(values)))
    assert found is not None
    return found


def test_a_line_grows_and_a_level_does_not() -> None:
    rising = of([float(number) for number in range(240)])
    assert rising.is_growing
    assert rising.slope == pytest.approx(1.0)
    assert rising.grown == pytest.approx(230.0)
    assert not of([5.0] * 240).is_growing


def test_kendalls_example_has_its_z() -> None:
    # Gilbert 1987, example 16.1: ten distinct rising values have S = 45 and Var = 125.
    assert mann_kendall_z(list(map(float, range(10)))) == pytest.approx(44 / 125**0.5)
    assert mann_kendall_z([1.0] * 10) == 0.0
    assert mann_kendall_z([3.0, 2.0, 1.0]) < 0


def test_ties_are_corrected_for() -> None:
    # Five pairs of equal values: S = 40, Var = (10*9*25 - 5*(2*1*9)) / 18 = 120.
    values = [float(number // 2) for number in range(10)]
    assert mann_kendall_z(values) == pytest.approx(39 / 120**0.5)


def test_peaks_are_not_looked_at() -> None:
    assert not of([100.0 + number if number % 3 else 5.0 for number in range(240)]).is_growing
    saw = [5.0 + number * 0.1 + (80.0 if number % 3 else 0.0) for number in range(240)]
    assert of(saw).is_growing


def test_one_step_is_no_growth() -> None:
    assert not of([10.0] * 120 + [50.0] * 120).is_growing


def test_three_steps_are_no_growth_and_many_are() -> None:
    steps = [80.0 * ((place > 60) + (place > 100) + (place > 200)) for place in range(240)]
    assert not of([value + place % 3 / 10 for place, value in enumerate(steps)]).is_growing
    assert of([8.0 * (place // 20) for place in range(240)]).is_growing


def test_what_slows_down_is_no_growth_and_has_an_end() -> None:
    slowing = of([100 * (1 - 0.98**number) for number in range(240)])
    assert not slowing.is_growing
    slowly = of([100 * (1 - 0.998**number) for number in range(240)])
    assert slowly.is_growing
    assert slowly.seconds_to(1000.0) == inf  # it comes to 100
    assert slowly.seconds_to(10.0) < 200


def test_too_little_is_not_judged() -> None:
    assert trend(line([1.0, 2.0]), 0.0, 240.0) is None
    assert trend(line([float(number) for number in range(100)]), 0.0, 240.0) is None


def test_a_series_keeps_readings_then_lows_and_highs() -> None:
    series = Series(Keeping(fine_s=10.0, block_s=5.0, coarse_s=50.0))
    for second in range(60):
        series.add(float(second), float(second % 5))
    assert series.last == (59.0, 4.0)
    assert [one.value for one in series.since(55.0)] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert {one.value for one in series.since(20.0)} == {0.0}
    assert series.since(0.0)[0].at_s == 5.0
    assert series.highest_before(59.0) == 4.0


def test_a_young_series_is_read_from_its_readings() -> None:
    series = Series(Keeping(fine_s=100.0, block_s=50.0, coarse_s=500.0))
    for second in range(7, 47):
        series.add(float(second), float(second))
    assert len(series.since(6.0)) == 40
    assert series.may_have_grown(6.0, 30.0)
    assert not series.may_have_grown(6.0, 50.0)
