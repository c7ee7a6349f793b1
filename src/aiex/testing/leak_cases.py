"""Leaks, and what looks like one and is none, as formulas for `Watched`: hours and days of each."""

import math
from random import Random
from typing import Any

from aiex.testing.memory_simulated import HOUR_S, day, saw


def kib_s(rate: float, at_s: float, since_s: float = 0.0) -> float:
    """MiB that so many KiB a second make."""
    return rate * max(0.0, at_s - since_s) / 1024


def bursts(at_s: float, _: Random) -> float:
    """Requests come for ten minutes of each half hour."""
    return 0.8 if at_s % 1800 < 600 else 0.05


def burst_seconds(at_s: float) -> float:
    return (at_s // 1800) * 600 + min(at_s % 1800, 600)


def growing_load(at_s: float) -> float:
    """From a fifth to four fifths within three days."""
    return 0.2 + 0.6 * min(1.0, at_s / (72 * HOUR_S))


# By name: hours to watch, hours within which it has to be found, kind, formulas.
LEAKS: dict[str, tuple[float, float, str, dict[str, Any]]] = {
    "a list that gets 20 KiB/s": (8, 7, "rss", {"mib": lambda t, r: 60 + kib_s(20, t)}),
    "1 MiB/s, which fills the memory in minutes": (
        0.4,
        0.2,
        "rss",
        {"mib": lambda t, r: 60 + t, "limit_bytes": 1024 << 20},
    ),
    "5 MiB an hour below a day's load": (
        80,
        75,
        "rss",
        {"mib": lambda t, r: 60 + day(t, 40) + 5 * t / HOUR_S, "load": lambda t, r: day(t, 1)},
    ),
    "steps of a MiB each five minutes": (
        80,
        75,
        "rss",
        {"mib": lambda t, r: 60 + t // 300, "limit_bytes": 4096 << 20},
    ),
    "60 KiB/s below a saw of 50 MiB": (
        3,
        2,
        "rss",
        {"mib": lambda t, r: 60 + saw(t, 100, 50) + kib_s(60, t)},
    ),
    "100 KiB/s after twelve quiet hours": (
        15,
        14,
        "rss",
        {"mib": lambda t, r: 60 + kib_s(100, t, 12 * HOUR_S)},
    ),
    "300 KiB/s after a calm hour": (
        2,
        1.7,
        "rss",
        {"mib": lambda t, r: 60 + kib_s(300, t, HOUR_S)},
    ),
    "100 KiB/s below a saw of 30 MiB each 20 minutes": (
        2,
        1.5,
        "rss",
        {"mib": lambda t, r: 60 + saw(t, 1200, 30) + kib_s(100, t)},
    ),
    "80 KiB/s below a warm-up": (
        4,
        3,
        "rss",
        {"mib": lambda t, r: 60 + 120 * (1 - math.exp(-t / 1800)) + kib_s(80, t)},
    ),
    "8 MiB at once, each five minutes": (
        7,
        6.5,
        "rss",
        {"mib": lambda t, r: 60 + 8 * (t // 300), "limit_bytes": 1024 << 20},
    ),
    "300 KiB for each second of bursts": (
        6,
        5,
        "rss",
        {"mib": lambda t, r: 60 + 0.1 * burst_seconds(t), "load": bursts},
    ),
    "8 MiB an hour among noise of 20 MiB": (
        80,
        75,
        "rss",
        {
            "mib": lambda t, r: 60 + r.random() * 20 + 8 * t / HOUR_S,
            "limit_bytes": 4096 << 20,
        },
    ),
    "a thread a minute": (10, 9, "threads", {"threads": lambda t, r: 30 + t / 60}),
    "a socket every ten seconds": (2, 1.5, "files", {"files": lambda t, r: 100 + t / 10}),
    "objects of one type, in room that was free": (
        8,
        7,
        "rss",
        {"mib": lambda t, r: 200.0, "type_mib": lambda t, r: 1 + kib_s(20, t)},
    ),
}

LOOKALIKES: dict[str, tuple[float, dict[str, Any]]] = {
    "nothing but noise": (80, {}),
    "a warm-up of half an hour": (
        8,
        {"mib": lambda t, r: 60 + 120 * (1 - math.exp(-t / 1800))},
    ),
    "a warm-up of three hours": (
        24,
        {"mib": lambda t, r: 60 + 120 * (1 - math.exp(-t / (3 * HOUR_S)))},
    ),
    "a saw of 100 MiB each quarter of an hour": (
        12,
        {"mib": lambda t, r: 60 + saw(t, 900, 100)},
    ),
    "a saw of 200 MiB each four hours": (
        50,
        {"mib": lambda t, r: 60 + saw(t, 4 * HOUR_S, 200)},
    ),
    "the load of three days": (
        72,
        {"mib": lambda t, r: 60 + day(t, 150), "load": lambda t, r: day(t, 0.8)},
    ),
    "a cache that fills for five hours to its cap": (
        60,
        {
            "mib": lambda t, r: 60 + min(150.0, t / 120),
            "type_mib": lambda t, r: 1 + min(100.0, t / 180),
        },
    ),
    "a model that is loaded once": (
        50,
        {"mib": lambda t, r: 60.0 if t < 2 * HOUR_S else 300.0},
    ),
    "three models that are loaded, each hours after the other": (
        14,
        {"mib": lambda t, r: 60 + 80 * sum(t > hour * HOUR_S for hour in (1, 3, 6))},
    ),
    "the rows of the last half hour": (8, {"mib": lambda t, r: 60 + 250 * min(1.0, t / 1800)}),
    "a file that is mapped and read once": (
        8,
        {"mib": lambda t, r: 60 + min(200.0, max(0.0, (t - HOUR_S) / 6))},
    ),
    "a day whose load needs most of the memory": (
        24,
        {"mib": lambda t, r: 60 + day(t, 350), "load": lambda t, r: day(t, 0.8)},
    ),
    "memory that comes an hour after the load": (
        24,
        {
            "mib": lambda t, r: 60 + day(max(0.0, t - HOUR_S), 250),
            "load": lambda t, r: day(t, 0.8),
        },
    ),
    "traffic that grows for three days": (
        96,
        {
            "mib": lambda t, r: 60 + 200 * growing_load(t),
            "load": lambda t, r: growing_load(t),
        },
    ),
    "a queue that fills for an hour and drains": (
        24,
        {"mib": lambda t, r: 60 + max(0.0, 120 * (1 - abs(t % (6 * HOUR_S) - HOUR_S) / HOUR_S))},
    ),
    "keys of which there are so many and no more": (
        90,
        {"mib": lambda t, r: 60 + 150 * (1 - math.exp(-t / (6 * HOUR_S)))},
    ),
    "bursts whose memory comes and goes": (
        50,
        {"mib": lambda t, r: 60 + 200 * bursts(t, r), "load": bursts},
    ),
    "a pool that grows to its bound, and connections by day": (
        72,
        {
            "threads": lambda t, r: min(64.0, 30 + t / 300),
            "files": lambda t, r: 100 + day(t, 400),
            "mib": lambda t, r: 60 + 8 * math.log1p(t / 600),
            "load": lambda t, r: day(t, 0.8),
        },
    ),
}
