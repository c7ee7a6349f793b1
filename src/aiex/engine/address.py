"""Where an engine is and how to log in there."""

from urllib.parse import unquote, urlsplit

import msgspec

from aiex.engine.cluster_tls import ClusterTls

DEFAULT_PORT = 4222
SCHEMES = ("nats", "tls")

_ONE_SERVER = (
    "it must name one server, as in nats://host:4222; write @, :, / and # in a password as %40, "
    "%3A, %2F and %23, or set engine.password"
)


class EngineAddress(msgspec.Struct, frozen=True):
    host: str
    port: int
    user: str = ""
    password: str = ""
    scheme: str = "nats"
    tls: ClusterTls | None = None
    is_of_cluster: bool = False  # what it takes to log in there is made of the cluster's secret

    @classmethod
    def of_url(cls, url: str, *, user: str = "", password: str = "") -> "EngineAddress":
        """The address in `nats://[user:password@]host[:port]`; arguments win over the URL's own.

        Raises `ValueError` with what is wrong, without the URL, which may hold a password.
        """
        try:
            parts = urlsplit(url if "://" in url else f"nats://{url}")
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ValueError(_ONE_SERVER) from None  # its own message repeats a part of the URL
        if parts.scheme not in SCHEMES:
            raise ValueError(f"it begins with {parts.scheme}://; only nats:// and tls:// can be")
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError(_ONE_SERVER)
        if not host:
            raise ValueError("it names no host, as in nats://host:4222")
        return cls(
            host,
            port or DEFAULT_PORT,
            user or unquote(parts.username or ""),
            password or unquote(parts.password or ""),
            parts.scheme,
        )

    @property
    def url(self) -> str:
        """Without the credentials, so that it can be shown."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def __repr__(self) -> str:
        return f"EngineAddress({self.url})"
