"""When growth is a suspicion, what excuses it, and when it is withdrawn."""

from math import inf

from aiex.performance.memory.series import Series
from aiex.performance.memory.suspicion import Growing, Span, Suspicions, growing

MINUTE = Span(60.0, 120.0, 0.6)
LONG = Span(600.0, inf, 0.95)


def series_of(*values: float) -> Series:
    series = Series()
    for second, value in enumerate(values):
        series.add(float(second), value)
    return series


RISING = series_of(*(float(second) for second in range(61)))


def test_what_reaches_its_limit_soon_is_suspected() -> None:
    found = growing(RISING, 60.0, room=50.0, grown_min=10.0, spans=[MINUTE])
    assert found is not None
    assert (found.span_s, round(found.rate), round(found.limit_in_s)) == (60.0, 1, 50)
    assert found.confidence > MINUTE.confidence  # it could not be clearer


def test_a_short_look_does_not_see_far() -> None:
    assert growing(RISING, 60.0, room=500.0, grown_min=10.0, spans=[MINUTE]) is None


def test_a_long_look_accuses_whatever_the_limit() -> None:
    long = series_of(*(float(second) for second in range(601)))
    assert growing(long, 600.0, room=1e9, grown_min=10.0, spans=[LONG]) is not None


def test_little_growth_bothers_nobody() -> None:
    assert growing(RISING, 60.0, room=50.0, grown_min=100.0, spans=[MINUTE]) is None


def test_what_was_as_large_before_is_no_leak() -> None:
    before = [100.0] * 60
    again = series_of(*before, *(float(second) for second in range(61)))
    assert growing(again, 120.0, room=50.0, grown_min=10.0, spans=[MINUTE]) is None


def test_what_grows_with_the_load_is_waited_for_until_the_limit_is_near() -> None:
    load = series_of(*(0.1 + second / 100 for second in range(61)))
    assert growing(RISING, 60.0, room=50.0, load=load, grown_min=10.0, spans=[MINUTE]) is None
    assert growing(RISING, 60.0, room=20.0, load=load, grown_min=10.0, spans=[MINUTE]) is not None
    level = series_of(*([0.5] * 61))
    assert growing(RISING, 60.0, room=50.0, load=level, grown_min=10.0, spans=[MINUTE]) is not None


def test_a_load_explains_what_grows_by_as_much_and_no_more() -> None:
    load = series_of(*(0.1 + second / 600 for second in range(61)))  # twice as much
    total = series_of(*(20.0 + second for second in range(61)))  # four times as much

    def is_suspected(to_load_max: float) -> bool:
        found = growing(
            total,
            60.0,
            room=50.0,
            grown_min=10.0,
            load=load,
            to_load_max=to_load_max,
            spans=[MINUTE],
        )
        return found is not None

    assert is_suspected(1.25)
    assert not is_suspected(4.0)


def test_a_morning_that_slows_down_towards_noon_still_explains_what_it_needs() -> None:
    slowing = [1 - (1 - second / 70) ** 2 for second in range(61)]
    load = series_of(*(0.05 + 0.5 * one for one in slowing))
    memory = series_of(*(60.0 + second for second in range(61)))
    assert growing(memory, 60.0, room=50.0, load=load, grown_min=10.0, spans=[MINUTE]) is None


def test_what_has_just_come_to_its_bound_is_no_leak() -> None:
    filled = series_of(*(min(second, 54.0) for second in range(61)))
    assert growing(filled, 60.0, room=50.0, grown_min=10.0, spans=[MINUTE]) is None


def test_a_suspicion_begins_once_and_ends_half_a_span_after_the_last_word() -> None:
    growth = Growing(60.0, 1.0, 60.0, 50.0, 0.6)
    suspicions = Suspicions()
    assert suspicions.judged({"memory": growth}, 0.0).began == ("memory",)
    assert suspicions.judged({"memory": growth}, 10.0) == ((), ())
    assert suspicions.judged({}, 40.0) == ((), ())
    assert suspicions.subjects == {"memory": growth}
    assert suspicions.judged({}, 41.0).ended == ("memory",)
    assert suspicions.subjects == {}
