"""Metric cells: what was added is what a scraper reads, for any label values."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.telemetry.cells import (
    DURATION_BOUNDS_US,
    LABEL_SETS_MAX,
    Cells,
    Count,
    Durations,
    Family,
)
from aiex.telemetry.metrics import METRICS
from aiex.testing.prometheus_text import MetricFamily, metric_families

TEXTS = st.text(st.characters(codec="utf-8"))
ANY_US = st.integers(0, 10**12)


def scraped(family: Family[Count] | Family[Durations]) -> MetricFamily:
    (read,) = metric_families(("\n".join(family.lines()) + "\n").encode()).values()
    return read


def test_a_cell_is_bound_to_its_labels_once() -> None:
    family = Cells().counter("aiex_tokens_total")
    cell = family.cell("m", "prompt")
    cell.value += 3
    assert family.cell("m", "prompt") is cell
    assert family.cell("m", "completion") is not cell
    assert scraped(family).value(model="m", kind="prompt") == 3


def test_a_metric_without_labels_has_no_braces() -> None:
    family = Cells().counter("aiex_log_lines_dropped_total")
    family.cell().value += 1
    assert family.lines()[-1] == "aiex_log_lines_dropped_total 1"


@given(st.lists(st.integers(0, 10**12)))
def test_money_is_told_to_the_last_nano_dollar(costs: list[int]) -> None:
    family = Cells().dollars("aiex_cost_usd_total")
    for cost in costs:
        family.cell("m", "p").nano_usd += cost
    if costs:
        text = family.lines()[-1].rpartition(" ")[2]
        assert Fraction(text) * 10**9 == sum(costs)


def test_a_metric_tells_its_kind_and_meaning_before_its_values() -> None:
    read = scraped(Cells().durations("aiex_provider_duration_seconds"))
    assert read.kind == "histogram"
    assert read.text == METRICS["aiex_provider_duration_seconds"].text
    assert read.samples == {}


@given(TEXTS, TEXTS)
def test_any_label_value_is_read_back_as_it_was(model: str, kind: str) -> None:
    family = Cells().counter("aiex_tokens_total")
    family.cell(model, kind).value += 7
    assert scraped(family).value(model=model, kind=kind) == 7


@given(st.lists(st.tuples(TEXTS, ANY_US), max_size=20))
def test_histograms_count_and_sum_each_label_for_itself(observed: list[tuple[str, int]]) -> None:
    family = Cells().durations("aiex_provider_duration_seconds")
    for provider, duration_us in observed:
        family.cell(provider).observe_us(duration_us)
    read = scraped(family)
    for provider in {provider for provider, _ in observed}:
        own = [duration_us for one, duration_us in observed if one == provider]
        assert read.value("_count", provider=provider) == len(own)
        assert read.value("_sum", provider=provider) == sum(own) / 1e6
        for bound_us in DURATION_BOUNDS_US:
            le = f"{bound_us / 1e6:g}"
            within = sum(duration_us <= bound_us for duration_us in own)
            assert read.value("_bucket", provider=provider, le=le) == within


@given(st.lists(ANY_US, max_size=50))
def test_durations_are_summed_without_rounding(observed: list[int]) -> None:
    cell = Cells().durations("aiex_provider_duration_seconds").cell("p")
    for duration_us in observed:
        cell.observe_us(duration_us)
    assert Fraction(cell.sum_us, 10**6) == sum(Fraction(one, 10**6) for one in observed)
    assert isinstance(cell.sum_us, int)


@pytest.mark.parametrize("bound_us", DURATION_BOUNDS_US)
def test_a_duration_at_a_bound_is_within_it(bound_us: int) -> None:
    family = Cells().durations("aiex_provider_duration_seconds")
    family.cell("p").observe_us(bound_us)
    family.cell("p").observe_us(bound_us + 1)
    assert scraped(family).value("_bucket", provider="p", le=f"{bound_us / 1e6:g}") == 1


def test_beyond_the_limit_all_new_labels_share_one_cell() -> None:
    family = Cells().counter("aiex_service_failures_total")
    for number in range(LABEL_SETS_MAX + 50):
        family.cell(f"service {number}").value += 1
    family.cell("service 0").value += 1
    read = scraped(family)
    assert len(read.samples) == LABEL_SETS_MAX + 1
    assert read.value(service="other") == 50
    assert read.value(service="service 0") == 2


def test_a_cell_wants_a_value_for_each_label() -> None:
    family = Cells().counter("aiex_tokens_total")
    family.cell("only one").value += 1
    with pytest.raises(ValueError, match="shorter"):
        family.lines()


def test_only_metrics_of_the_catalogue_can_be_counted() -> None:
    with pytest.raises(KeyError):
        Cells().counter("aiex_invented_total")
