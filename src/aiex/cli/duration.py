"""Spans of time as people write them: `90s`, `10m`, `1h`; a bare number is seconds."""

import re

import click

_SECONDS = {"": 1.0, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_WRITTEN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|)")


class Duration(click.ParamType[float]):
    """Seconds, not more than `max_s`; `min_s` at least, and where that is 0 more than it.

    With `has_zero` 0 is a span too.
    """

    name = "duration"

    def __init__(self, max_s: float, min_s: float = 0.0, *, has_zero: bool = False) -> None:
        self._max_s = max_s
        self._min_s = min_s
        self._has_zero = has_zero

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float | int):
            return float(value)
        written = _WRITTEN.fullmatch(str(value).strip())
        if written is None:
            self.fail(f"'{value}' is no span of time; write 10s, 15m or 1h.", param, ctx)
        seconds = float(written[1]) * _SECONDS[written[2]]
        if not self._fits(seconds):
            self.fail(f"'{value}' is not {self._bounds()}.", param, ctx)
        return seconds

    def _fits(self, seconds: float) -> bool:
        if seconds == 0:
            return self._has_zero
        return self._min_s <= seconds <= self._max_s

    def _bounds(self) -> str:
        most = duration_text(self._max_s)
        if self._min_s:
            return f"between {duration_text(self._min_s)} and {most}"
        return f"between 0 and {most}" if self._has_zero else f"more than 0 and {most} at most"


def duration_text(seconds: float) -> str:
    """`90 s`, `10 min`, `1 h`."""
    for step, name in ((3600.0, "h"), (60.0, "min")):
        if seconds >= step and seconds % step == 0:
            return f"{seconds / step:g} {name}"
    return f"{seconds:.3g} s" if seconds < 100 else f"{seconds:.0f} s"
