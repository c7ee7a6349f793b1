"""Services that start, fail and are given up, in words."""

import logging
from typing import Any

from aiex.service import (
    IntensityExceeded,
    ServiceAbandoned,
    ServiceFailed,
    ServiceStarted,
    ServiceStopped,
)

EVENTS = (
    IntensityExceeded,
    ServiceAbandoned,
    ServiceFailed,
    ServiceStarted,
    ServiceStopped,
)


def line(event: Any) -> tuple[int, str]:
    match event:
        case ServiceStarted(name, restart_count):
            if restart_count:
                return logging.INFO, f"{name} runs again, restart {restart_count}"
            return logging.DEBUG, f"{name} runs"
        case ServiceStopped(name):
            return logging.DEBUG, f"{name} stopped"
        case ServiceFailed(name, error, None):
            return logging.ERROR, f"{name} failed and is not started again: {error}"
        case ServiceFailed(name, error, restart_in_s):
            return logging.WARNING, f"{name} failed, again in {restart_in_s:.2f} s: {error}"
        case ServiceAbandoned(name, waited_s):
            return logging.ERROR, f"{name} did not stop within {waited_s:g} s and was left behind"
        case IntensityExceeded(name, restart_count, within_s):
            return (
                logging.ERROR,
                f"{name} gives up: {restart_count} restarts within {within_s:g} s",
            )
    raise AssertionError(f"{type(event).__name__} has no sentence")
