"""Where an engine is and how to log in there."""

from urllib.parse import urlsplit

import msgspec

DEFAULT_PORT = 4222


class EngineAddress(msgspec.Struct, frozen=True):
    host: str
    port: int
    user: str = ""
    password: str = ""
    scheme: str = "nats"

    @classmethod
    def of_url(cls, url: str, *, user: str = "", password: str = "") -> "EngineAddress":
        """The address in `nats://[user:password@]host[:port]`; arguments win over the URL's own.

        Raises `ValueError` when the URL has no host or no proper port.
        """
        parts = urlsplit(url if "://" in url else f"nats://{url}")
        if not parts.hostname:
            raise ValueError(f"engine.url {url!r} names no host")
        return cls(
            parts.hostname,
            parts.port or DEFAULT_PORT,
            user or parts.username or "",
            password or parts.password or "",
            parts.scheme,
        )

    @property
    def url(self) -> str:
        """Without the credentials, so that it can be shown."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def __repr__(self) -> str:
        return f"EngineAddress({self.url})"
