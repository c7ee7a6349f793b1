"""A seed: where a carrier of the cluster listens for the others, as people write it."""

import re
from typing import NamedTuple

_PORT = r"(?::(?P<port>[0-9]{1,5}))?"
_FORMS = (
    re.compile(r"(?P<host>[^\s:/@\[\]]+)" + _PORT),
    re.compile(r"\[(?P<host>[0-9a-f:.]+)\]" + _PORT),
    # A bare IPv6 address has more colons than a port needs, and no port.
    re.compile(r"(?P<host>[0-9a-f.]*:[0-9a-f.]*:[0-9a-f:.]*)(?P<port>)"),
)


class Seed(NamedTuple):
    host: str
    route_port: int

    @property
    def text(self) -> str:
        """The one way to write it, equal on all nodes."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.route_port}"


def parse_seed(text: str, default_port: int) -> Seed:
    """The seed in `host`, `host:port`, `[::1]:port` or `::1`; raises `ValueError` with why not."""
    matches = (form.fullmatch(text.strip().lower()) for form in _FORMS)
    match = next(filter(None, matches), None)
    if match is None:
        raise ValueError(f"'{text}' is not host or host:port")
    port = int(match["port"] or default_port)
    if match["port"] and not 0 < port < 65536:
        raise ValueError(f"'{text}' has a port that is none")
    return Seed(match["host"], port)
