"""Leaks and look-alikes, hours and days of each, through the production detector and its clock."""

from collections.abc import Mapping
from typing import Any
from zlib import crc32

import pytest

from aiex.testing.leak_cases import LEAKS, LOOKALIKES, kib_s
from aiex.testing.memory_simulated import HOUR_S, Watched


def seed(name: str) -> int:
    """The same whichever tests run beside it."""
    return crc32(name.encode())


def by_length(cases: Mapping[str, tuple[Any, ...]]) -> list[Any]:
    """Whoever watches for days is slow: a day takes a second or two."""
    slow = pytest.mark.slow
    return [pytest.param(name, marks=[slow] if case[0] > 8 else []) for name, case in cases.items()]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", by_length(LEAKS))
async def test_a_leak_is_found_in_time(name: str) -> None:
    hours, found_by_h, subject, formulas = LEAKS[name]
    watched = await Watched(hours, seed(name), **formulas).run()
    assert watched.suspected, f"{name}: nothing was suspected"
    at_s, leak = watched.suspected[0]
    assert leak.type == subject
    assert at_s <= found_by_h * HOUR_S
    assert leak.limit_in_s is not None or subject == "rss"
    assert not watched.withdrawn


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", by_length(LOOKALIKES))
async def test_a_lookalike_is_not_suspected(name: str) -> None:
    hours, formulas = LOOKALIKES[name]
    watched = await Watched(hours, seed(name), **formulas).run()
    assert watched.suspected == [], name


async def test_what_stops_growing_is_withdrawn() -> None:
    watched = await Watched(
        4, 3, mib=lambda t, r: 60 + kib_s(300, min(t, 1800.0)), limit_bytes=800 << 20
    ).run()
    assert [leak.type for _, leak in watched.suspected] == ["rss"]
    assert [leak.type for _, leak in watched.withdrawn] == ["rss"]
    assert watched.withdrawn[0][0] > 1800
