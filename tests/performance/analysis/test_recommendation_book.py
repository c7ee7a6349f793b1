"""What is recommended, recognised as done, measured, and withdrawn when it did not help."""

import msgspec
import pytest

from aiex.performance import Frame, Group, Recommendation, Standing
from aiex.performance.analysis.evidence import Evidence, Kernel
from aiex.performance.analysis.recommendation_book import KEPT_MAX, RecommendationBook, sentence
from aiex.performance.analysis.recommendation_rules import proposals
from aiex.testing.evidence import (
    API,
    MIB,
    gc_state,
    handler,
    healthy,
    loop_state,
    memory_state,
    profile,
    traffic,
)


def only(book: RecommendationBook) -> Recommendation:
    (found,) = book.recommendations()
    return found


def looked(*evidence: Evidence) -> RecommendationBook:
    book = RecommendationBook()
    for one in evidence:
        book.looked(one)
    return book


FULL = memory_state(rss_bytes=400 * MIB, free_bytes=200 * MIB)
FLOODED = traffic(keys={"k1": Group(9_000), "k2": Group(300)}, shed={"in_flight": 400})
LOGGED = Frame("aiex.telemetry.log_writer:LogWriter.add", "/app/log_writer.py", 9)


@pytest.mark.parametrize(
    ("evidence", "wanted"),
    [
        (healthy(gc_after=gc_state(pause_s=0.5, pause_max_ms=48.0)), "gc-tune"),
        (healthy(memory_after=FULL), "memory-trim"),
        (
            healthy(memory_after=memory_state(rss_bytes=450 * MIB, limit_bytes=512 * MIB)),
            "memory-limit",
        ),
        (
            healthy(kernel=Kernel(throttled_ratio=0.3, throttled_s=2.0, cpu_limit=0.5)),
            "cpu-limit",
        ),
        (healthy(loop=loop_state(busy=0.7), traffic=FLOODED), "limit-key-k1"),
        (
            healthy(loop=loop_state(busy=0.2), traffic=traffic(shed={"in_flight": 900})),
            "in-flight-max",
        ),
        (
            healthy(
                traffic=traffic(
                    states=tuple(
                        msgspec.structs.replace(one, queue_len=60) for one in traffic().states[:1]
                    )
                )
            ),
            "concurrency-east",
        ),
        (
            healthy(
                traffic=traffic(
                    targets={
                        "east/model": Group(500, error_count=250),
                        "west/model": Group(500, provider_s=5.0),
                    }
                )
            ),
            "avoid-model-east/model",
        ),
        (
            healthy(cpu=profile("cpu", ((LOGGED,), API, 1.0), (handler(1), API, 4.0))),
            "access-log",
        ),
        (healthy(loop=loop_state(busy=0.97, lag_s=0.2)), "more-nodes"),
    ],
)
def test_each_change_is_recommended_where_evidence_speaks_for_it(
    evidence: Evidence, wanted: str
) -> None:
    (found,) = proposals(evidence)
    assert found.id == wanted
    assert found.evidence
    assert found.command
    assert found.expected


def test_a_target_that_is_the_only_one_is_not_avoided() -> None:
    targets = {"east/model": Group(500, error_count=250), "west/model": Group(500)}
    models = {"model": ("east/model",), "other": ("west/model",)}
    assert proposals(healthy(traffic=traffic(targets=targets, models=models))) == []


def test_nothing_is_recommended_to_a_healthy_node() -> None:
    assert proposals(healthy()) == []
    assert sentence(looked(healthy()).recommendations()) == "Nothing is recommended."


def test_the_collector_is_not_to_blame_for_pauses_without_a_cpu() -> None:
    paused = gc_state(pause_s=0.5, pause_max_ms=700.0)
    assert proposals(healthy(gc_after=paused, loop=loop_state(starved=0.4))) == []


def trimmed(rss_bytes: int, *, requests: int = 15_000) -> Evidence:
    after = msgspec.structs.replace(memory_state(rss_bytes=rss_bytes), trim_count=1)
    return healthy(memory_after=after, traffic=traffic(count=requests))


def test_one_that_was_carried_out_is_recognised_and_its_effect_measured() -> None:
    found = only(looked(healthy(memory_after=FULL), trimmed(210 * MIB)))
    assert found.standing == "helped"
    assert found.effect == "It helped. rss_mib: 400 before, 210 after."


def test_one_that_did_not_help_says_so_and_is_withdrawn() -> None:
    found = only(looked(healthy(memory_after=FULL), trimmed(395 * MIB)))
    assert found.standing == "withdrawn"
    assert found.effect.startswith("It did not help. rss_mib: 400 before, 395 after")


def test_a_withdrawn_one_is_not_recommended_again() -> None:
    book = looked(healthy(memory_after=FULL), trimmed(395 * MIB), healthy(memory_after=FULL))
    assert only(book).standing == "withdrawn"


def test_another_load_proves_nothing() -> None:
    book = looked(healthy(memory_after=FULL), trimmed(210 * MIB, requests=2_000))
    assert only(book).standing == "trial"
    assert "Not comparable yet" in only(book).effect
    book.looked(trimmed(210 * MIB))
    assert only(book).standing == "helped"


def test_what_the_node_cannot_see_is_told() -> None:
    book = looked(healthy(loop=loop_state(busy=0.7), traffic=FLOODED))
    assert book.told_done("limit-key-k1")
    assert not book.told_done("limit-key-k1")
    assert not book.told_done("no-such")
    assert only(book).standing == "trial"
    calm = traffic(count=9_500, keys={"k1": Group(500), "k2": Group(9_000)})
    book.looked(healthy(loop=loop_state(busy=0.5), traffic=calm))
    assert only(book).standing == "helped"


def test_one_whose_reason_went_away_is_gone() -> None:
    book = looked(healthy(memory_after=FULL), healthy())
    assert only(book).standing == "open"
    book.looked(healthy())
    assert only(book).standing == "gone"
    book.looked(healthy(memory_after=FULL))
    assert only(book).standing == "open"


def test_the_book_is_bounded() -> None:
    book = RecommendationBook()
    for number in range(2 * KEPT_MAX):
        keys = {f"key{number}": Group(9_000), "k2": Group(300)}
        shed = traffic(keys=keys, shed={"in_flight": 400})
        book.looked(healthy(loop=loop_state(busy=0.7), traffic=shed))
    assert len(book.recommendations()) <= KEPT_MAX
    standings: set[Standing] = {one.standing for one in book.recommendations()}
    assert "open" in standings
