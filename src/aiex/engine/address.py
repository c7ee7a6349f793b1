"""Where an engine is and how to log in there."""

from urllib.parse import unquote, urlsplit

import msgspec

from aiex.engine.engine_tls import EngineTls
from aiex.settings import engine_url_problem, with_scheme

DEFAULT_PORT = 4222
# No certificate of our own, and the system's authorities.
SYSTEM_TLS = EngineTls()


class EngineAddress(msgspec.Struct, frozen=True):
    host: str
    port: int
    user: str = ""
    password: str = ""
    scheme: str = "nats"
    tls: EngineTls | None = None
    is_of_cluster: bool = False  # what it takes to log in there is made of the cluster's secret

    @classmethod
    def of_url(
        cls, url: str, *, user: str = "", password: str = "", tls: EngineTls = SYSTEM_TLS
    ) -> "EngineAddress":
        """The address in `nats://[user:password@]host[:port]`; arguments win over the URL's own.

        `tls` is for `tls://`, where nothing is said without it.

        Raises `ValueError` with what is wrong, without the URL, which may hold a password.
        """
        if problem := engine_url_problem(url):
            raise ValueError(problem)
        parts = urlsplit(with_scheme(url))
        assert parts.hostname is not None, "it was checked"
        return cls(
            parts.hostname,
            parts.port or DEFAULT_PORT,
            user or unquote(parts.username or ""),
            password or unquote(parts.password or ""),
            parts.scheme,
            tls if parts.scheme == "tls" else None,
        )

    @property
    def url(self) -> str:
        """Without the credentials, so that it can be shown."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def __repr__(self) -> str:
        return f"EngineAddress({self.url})"
