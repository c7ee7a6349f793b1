"""What a load's log says: sums, failures, and whether those could have been in flight at once."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that was not answered. Times are seconds since the load began, on its own clock."""

    began_s: float
    ended_s: float
    open_count: int  # requests in flight when it failed, itself included
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class LoadReport:
    """`untold_count`: failures not listed. `unconnected_count`: connections tried again."""

    is_ended: bool
    answered_count: int
    failed_count: int
    unconnected_count: int
    open_count: int
    seconds_s: float
    failures: tuple[Failure, ...] = ()
    untold_count: int = 0
    p50_ms: int = 0
    p99_ms: int = 0

    @property
    def in_words(self) -> str:
        return (
            f"{self.answered_count} answered, {self.failed_count} failed, "
            f"{self.unconnected_count} connections tried again, p99 {self.p99_ms} ms"
        )


def load_report(log: str) -> LoadReport:
    """Read a log as far as it goes. What is no line of the load's, or cut off, is left out."""
    lines = [line for text in log.splitlines() if (line := _line(text)) is not None]
    sums: dict[str, Any] = next(
        (line for line in reversed(lines) if line["event"] in ("second", "ended")), {}
    )
    return LoadReport(
        is_ended=sums.get("event") == "ended",
        answered_count=sums.get("answered", 0),
        failed_count=sums.get("failed", 0),
        unconnected_count=sums.get("unconnected", 0),
        open_count=sums.get("open", 0),
        seconds_s=sums.get("at", 0.0),
        failures=tuple(_failure(line) for line in lines if line["event"] == "failed"),
        untold_count=sums.get("untold", 0),
        p50_ms=sums.get("p50_ms", 0),
        p99_ms=sums.get("p99_ms", 0),
    )


def share_a_moment(failures: tuple[Failure, ...]) -> bool:
    """Whether there is a moment at which all of these requests were in flight.

    What one death broke off was in flight when it came. Requests one after the other were not.
    """
    if not failures:
        return True
    return max(one.began_s for one in failures) <= min(one.ended_s for one in failures)


def _line(text: str) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) and "event" in line else None


def _failure(line: dict[str, Any]) -> Failure:
    return Failure(line["began"], line["ended"], line["open"], line["kind"], line["reason"])
