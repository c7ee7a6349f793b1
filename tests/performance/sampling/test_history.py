"""An hour of spans: any interval of it is answered, what is older goes."""

from aiex.performance.sampling.history import SPAN_S, History, Span, summed


def span(number: int, counts: dict[int, list[int]] | None = None) -> Span:
    return Span.of(counts or {}, number * SPAN_S, (number + 1) * SPAN_S)


def test_an_interval_gets_every_span_that_has_a_part_in_it() -> None:
    history = History()
    for number in range(10):
        history.add(span(number))
    assert [one.began_at_s for one in history.between(25.0, 41.0)] == [20.0, 30.0, 40.0]
    assert history.between(30.0, 40.0) == [span(3)]
    assert history.between(100.0, 200.0) == []


def test_spans_of_more_than_an_hour_ago_are_gone() -> None:
    history = History(kept_s=3600.0)
    for number in range(500):
        history.add(span(number))
    kept = history.between(0.0, 1e9)
    assert kept[0].ended_at_s == 5000.0 - 3600.0
    assert len(kept) == 361


def test_however_short_the_spans_are_there_are_only_so_many() -> None:
    history = History(spans_max=3)
    for number in range(5):
        history.add(span(number))
    assert [one.began_at_s for one in history.between(0.0, 1e9)] == [20.0, 30.0, 40.0]


def test_weights_add_up_over_spans_to_the_microsecond() -> None:
    spans = [span(0, {1: [1_500_400, 1], 2: [2_000, 1]}), span(1, {1: [500_000, 3]})]
    assert summed(spans) == {1: [2_000_000, 4], 2: [2_000, 1]}


def test_an_hour_at_the_very_most_takes_what_is_stated() -> None:
    history = History()
    full = {place: [10_000_000, 1] for place in range(1000)}
    for number in range(360):
        history.add(span(number, full))
    assert history.kept_bytes == 12 * 1000 * 360


def test_a_place_is_had_as_long_as_any_span_has_it() -> None:
    history = History(spans_max=2)
    for number, place in enumerate([1, 1, 2]):
        history.add(span(number, {place: [1, 1]}))
    assert [history.has(place) for place in (1, 2, 3)] == [True, True, False]
    history.add(span(3))
    assert [history.has(place) for place in (1, 2)] == [False, True]


def test_a_weight_that_no_number_can_hold_is_cut_and_does_not_fail() -> None:
    assert Span.of({1: [10**16, 1]}, 0.0, 10.0).weights_us[0] == 2**32 - 1
