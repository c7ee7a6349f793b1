"""A moment as people write it: an instant with its zone, or how long ago."""

from datetime import UTC, datetime

import click

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Instant(click.ParamType[float]):
    """`2026-03-01T12:00Z`, `2026-03-01 13:00+01:00`, or `90m` or `90m ago` for minutes ago."""

    name = "instant"

    def __init__(self, now_s: float | None = None) -> None:
        self._now_s = now_s

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        text = str(value).strip()
        now = datetime.now(UTC)
        now_s = now.timestamp() if self._now_s is None else self._now_s
        ago = text.removesuffix("ago").rstrip()
        unit_s = _UNITS_S.get(ago[-1:])
        if unit_s and ago[:-1].isdecimal():
            at_s = now_s - int(ago[:-1][:12]) * unit_s
        else:
            at_s = self._instant_s(text, param, ctx)
        if at_s > now_s:
            self.fail(f"{text} is yet to come", param, ctx)
        return at_s

    def _instant_s(
        self, text: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"{text!r} is neither like 2026-03-01T12:00Z nor like 90m", param, ctx)
        if found.tzinfo is None:
            self.fail(f"say the zone of {text}, as in {text}Z", param, ctx)
        return found.timestamp()


def instant_text(at_s: float) -> str:
    """To the second, in UTC."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
