"""Spans of time as people write them: `90s`, `10m`, `1h`; a bare number is seconds."""

import re

import click

_SECONDS = {"": 1.0, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_WRITTEN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|)")


class Duration(click.ParamType[float]):
    """Seconds, more than 0 and not more than `max_s`."""

    name = "duration"

    def __init__(self, max_s: float) -> None:
        self._max_s = max_s

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float | int):
            return float(value)
        written = _WRITTEN.fullmatch(str(value).strip())
        if written is None:
            self.fail(f"'{value}' is no span of time; write 10s, 15m or 1h.", param, ctx)
        seconds = float(written[1]) * _SECONDS[written[2]]
        if not 0 < seconds <= self._max_s:
            self.fail(f"'{value}' is not between 0 and {duration_text(self._max_s)}.", param, ctx)
        return seconds


def duration_text(seconds: float) -> str:
    """`90 s`, `10 min`, `1 h`."""
    for step, name in ((3600.0, "h"), (60.0, "min")):
        if seconds >= step and seconds % step == 0:
            return f"{seconds / step:g} {name}"
    return f"{seconds:.3g} s" if seconds < 100 else f"{seconds:.0f} s"
