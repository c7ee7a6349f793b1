"""Kinds of numbers that several sections have, with their bounds."""

from typing import Annotated

from msgspec import Meta

# TOML can write infinity, which no timer takes; a year is as good as never for every wait here.
SECONDS_MAX = 365 * 24 * 3600

Port = Annotated[int, Meta(ge=0, le=65535)]
Seconds = Annotated[float, Meta(ge=0, le=SECONDS_MAX)]
Milliseconds = Annotated[float, Meta(ge=0, le=SECONDS_MAX * 1000)]
Usd = Annotated[float, Meta(ge=0, le=1e9)]
