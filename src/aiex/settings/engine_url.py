"""Is this the URL of an engine? Answered before anything connects."""

from urllib.parse import urlsplit

SCHEMES = ("nats", "tls")

_ONE_SERVER = (
    "it must name one server, as in nats://host:4222; write @, :, / and # in a password as %40, "
    "%3A, %2F and %23, or set engine.password"
)


def with_scheme(url: str) -> str:
    """`host:4222` is taken for `nats://host:4222`."""
    return url if "://" in url else f"nats://{url}"


def engine_url_problem(url: str) -> str:
    """What is wrong with it; empty when nothing is. Never repeats it: it may hold a password."""
    try:
        parts = urlsplit(with_scheme(url))
        host, _ = parts.hostname, parts.port
    except ValueError:  # its own message repeats a part of the URL
        return _ONE_SERVER
    if parts.scheme not in SCHEMES:
        return f"it begins with {parts.scheme}://; only nats:// and tls:// can be"
    if parts.path.strip("/") or parts.query or parts.fragment:
        return _ONE_SERVER
    return "" if host else "it names no host, as in nats://host:4222"
