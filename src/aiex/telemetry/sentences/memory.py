"""What leaks and what was given back, in words."""

import logging
from typing import Any

from aiex.performance import Leak, LeakSuspected, LeakWithdrawn, MemoryTrimmed

EVENTS = (LeakSuspected, LeakWithdrawn, MemoryTrimmed)


def line(event: Any) -> tuple[int, str]:
    match event:
        case LeakSuspected(leak):
            return logging.WARNING, f"memory: {_what(leak)}. {leak.advice} See: {leak.command}"
        case LeakWithdrawn(leak):
            return (
                logging.INFO,
                f"memory: {_name(leak)} has stopped growing; it is suspected no longer",
            )
        case MemoryTrimmed(given_back_bytes, rss_bytes, took_s, by):
            return (
                logging.INFO,
                f"memory: {by} gave back {given_back_bytes / 2**20:.1f} MiB in "
                f"{took_s * 1000:.0f} ms; {rss_bytes / 2**20:.0f} MiB are resident",
            )
    raise AssertionError(f"{type(event).__name__} has no sentence")


def _what(leak: Leak) -> str:
    parts = [f"{_name(leak)} seems to leak: {_rate(leak)} over {leak.span_s / 60:.0f} min"]
    if leak.site:
        parts.append(f"made in {leak.site}")
    if leak.limit_in_s is not None:
        parts.append(f"its limit is reached in {leak.limit_in_s / 60:.0f} min")
    parts.append(f"confidence {leak.confidence:.2f}")
    return ", ".join(parts)


def _name(leak: Leak) -> str:
    return f"{leak.type} ({leak.holder})" if leak.holder else f"{leak.type} ({leak.kind})"


def _rate(leak: Leak) -> str:
    rates = []
    if leak.rate_bytes_s:
        rates.append(f"{leak.rate_bytes_s / 1024:.1f} KiB/s")
    if leak.rate_objects_s:
        rates.append(f"{leak.rate_objects_s:.1f}/s")
    return " and ".join(rates) or "it grows"
