"""Hot values that were changed, refused or tried, in words."""

import logging
from typing import Any

from aiex.fastglobal import (
    CanaryEnded,
    HotValueChanged,
    HotValueRefused,
)

EVENTS = (
    CanaryEnded,
    HotValueChanged,
    HotValueRefused,
)


def line(event: Any) -> tuple[int, str]:
    match event:
        case HotValueChanged(key, value, revision, what, by):
            who = f" by {by}" if by else ""
            return logging.INFO, f"{key} is {value} now: {what}{who} (revision {revision})"
        case HotValueRefused(key, revision, reason):
            return (
                logging.WARNING,
                f"revision {revision} of {key} is not taken, the value before stays: {reason}",
            )
        case CanaryEnded(key, revision, verdict, outcome, reason):
            level = logging.WARNING if verdict == "worse" else logging.INFO
            return level, f"the canary of {key} is {outcome}: {verdict} ({reason})"
    raise AssertionError(f"{type(event).__name__} has no sentence")
