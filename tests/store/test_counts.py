"""Counts of tables add up over nodes, and every metric of the store shows one of them."""

from aiex.store.counts import METRICS, TableCounts, gauges
from aiex.telemetry.metrics import METRICS as CATALOGUE


def test_counts_of_two_nodes_add_up() -> None:
    one, other = TableCounts(reads=1, read_us=3), TableCounts(reads=2, conflicts=5)
    assert one + other == TableCounts(reads=3, read_us=3, conflicts=5)


def test_a_scrape_shows_what_is_counted_at_that_moment() -> None:
    counts = {"notes": TableCounts()}
    readings = gauges(lambda: counts)
    counts["notes"].write_us = 1_500_000
    counts["notes"].writes = 2
    assert readings["aiex_store_writes_total"]() == {"notes": 2}
    assert readings["aiex_store_write_seconds_total"]() == {"notes": 1.5}


def test_every_metric_is_in_the_catalogue_with_the_table_as_its_only_label() -> None:
    assert all(CATALOGUE[name].labels == ("table",) for name in METRICS)
