"""What only grew, whose growth it was, and what is told of it."""

from math import inf
from typing import Any

from aiex.performance.memory import GrowthReport, Leak
from aiex.performance.memory.advice import advice
from aiex.performance.memory.companions import without_companions
from aiex.performance.memory.composition import Composition, unexplained_kind
from aiex.performance.memory.growth import look_confidence, only_grew
from aiex.performance.memory.leak import LeakKind
from aiex.performance.memory.suspicion import Growing
from aiex.performance.memory.verdicts import Judged, leaks_of

MIB = float(1 << 20)


def test_only_what_grows_at_most_looks_and_never_shrinks_is_told() -> None:
    assert only_grew([1, 2, 4, 7]) == (6, 1.0)
    assert only_grew([1, 2, 2, 7]) == (6, 2 / 3)
    assert only_grew([1, 2, 1, 9]) is None
    assert only_grew([1, 1, 1, 9]) is None
    assert only_grew([1, 2, 3]) is None  # two more are nothing
    assert only_grew([1, 9]) is None


def test_a_short_look_is_less_sure() -> None:
    assert look_confidence(1.0, 5.0, 1.0) < look_confidence(1.0, 60.0, 1.0) <= 0.8
    assert look_confidence(1.0, 60.0, 0.1) < look_confidence(1.0, 60.0, 1.0)


def test_memory_that_nothing_explains_is_told_apart() -> None:
    kinds = [
        unexplained_kind(Composition(*(part * MIB for part in parts)), explained * MIB)
        for parts, explained in (
            ((100, 0, 0, 90), 0),
            ((100, 0, 95, 0), 0),
            ((100, 90, 5, 0), 0),
            ((100, 0, 2, 1), 0),
            ((100, 0, 95, 0), 80),
            ((-5, 0, 0, 0), 0),
        )
    ]
    assert kinds == ["fragments", "malloc", "objects", "native", None, None]


def leak(kind: LeakKind, holder: str, count: float, size: float, **more: Any) -> Leak:
    return Leak(
        kind, "dict", holder, grown_objects=count, grown_bytes=size, rate_bytes_s=size, **more
    )


def test_of_what_grows_together_one_is_told() -> None:
    tasks = leak("tasks", "attribute tasks of shop:Shop", 100, 5000)
    weak = leak("container", "attribute data of _weakrefset:WeakSet", 100, 900)
    other = leak("container", "attribute rows of shop:Shop", 37, 9000)
    assert without_companions([weak, other, tasks]) == [tasks, other]


def test_two_places_of_the_program_are_both_told() -> None:
    one = leak("container", "attribute rows of shop:Shop", 100, 5000)
    two = leak("container", "attribute log of shop:Shop", 100, 900)
    assert without_companions([two, one]) == [one, two]


def test_what_is_counted_takes_holder_and_site_of_what_grew_alike() -> None:
    files = Leak("files", "files", grown_objects=100.0)
    held = leak("container", "shop.fds", 100, 800, site="shop:open (shop.py:3)")
    (told,) = without_companions([held, files])
    assert (told.kind, told.holder, told.site) == ("files", "shop.fds", "shop:open (shop.py:3)")


GROWTH = Growing(3600.0, 1000.0, 3.6e6, 5000.0, 0.75)
GROWN = {"rss": 3.6e6, "python": 0.0, "malloc": 3.5e6, "free": 0.0}


def test_a_culprit_gets_what_the_long_look_knows() -> None:
    found = leak("container", "attribute rows of shop:Shop", 100, 900, confidence=0.6)
    small = leak("container", "attribute log of shop:Shop", 100, 50, confidence=0.6)
    report = GrowthReport(30.0, (found, small), 9, 0.001)
    (told,) = leaks_of(Judged("memory", GROWTH, report, GROWN, 10_000.0))
    assert told.holder == found.holder
    assert (told.confidence, told.limit_in_s, told.since_s) == (0.9, 5000.0, 6400.0)


def test_without_a_culprit_the_growth_itself_is_told() -> None:
    growth = GROWTH._replace(limit_in_s=inf)
    (told,) = leaks_of(Judged("memory", growth, GrowthReport(30.0, (), 9, 0.0), GROWN, 10_000.0))
    assert (told.kind, told.type, told.limit_in_s) == ("malloc", "rss", None)
    (threads,) = leaks_of(Judged("threads", growth, None, GROWN, 10_000.0))
    assert (threads.kind, threads.rate_objects_s) == ("threads", 1000.0)


def test_every_kind_has_advice_and_a_command() -> None:
    for kind in LeakKind.__value__.__args__:
        text, command = advice(kind)
        assert text.endswith(".")
        assert command.startswith("aiex ")
