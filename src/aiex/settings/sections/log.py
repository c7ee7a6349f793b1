"""`[log]`: what the node writes of what it does."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least severe level logged.")
    ] = "info"
    format: Annotated[
        Literal["auto", "json", "text"],
        Meta(description="`json`: one object a line; `auto`: text on a terminal, else json."),
    ] = "auto"
    access: Annotated[bool, Meta(description="Write one line per API request.")] = True
