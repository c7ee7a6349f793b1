"""Ports: taken before granian has them, refused in words, and seen to accept.

Granian shares every port with SO_REUSEPORT, so two nodes on one port would silently split the
requests between them. A port is therefore first taken without it, unless it is meant to be shared.
"""

import asyncio
import errno
import os
import socket
from typing import Any

from aiex.errors import PortBusy, StartError

ACCEPTING_TIMEOUT_S = 10.0
_DESCRIPTORS = "/dev/fd"
# Why an address is not ours, and what an operator does about it.
_REFUSALS: dict[int | None, tuple[type[StartError], str]] = {
    errno.EADDRINUSE: (
        PortBusy,
        "Stop what uses it, or choose another port (--port, --admin-port).",
    ),
    errno.EACCES: (
        StartError,
        "Choose a port above 1023 (--port, --admin-port), or give the node CAP_NET_BIND_SERVICE.",
    ),
    errno.EADDRNOTAVAIL: (
        StartError,
        "No network interface here has this address; correct it (--host, admin.host).",
    ),
}
_SHARED_ADVICE = (
    "What uses it does not share it, or is another user's; stop that, or set api.shared_port."
)


def reserved(host: str, port: int, *, is_shared: bool = False) -> socket.socket:
    """A bound socket that keeps the port ours until the server listens on it too.

    With `is_shared` others of this user may have it as well. Raises `StartError` with why not.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:  # the latter for `a..b` and long labels
        reason = error.strerror if isinstance(error, socket.gaierror) else "it is no host name"
        raise StartError(
            f"The address '{host}' cannot be resolved: {reason}. Correct it (--host, admin.host)."
        ) from error
    if port and not is_shared:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bind(probe, address, f"{host}:{port}")
    reservation = socket.socket(family, kind, protocol)
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bind(reservation, address, f"{host}:{port}", is_shared=is_shared)
    return reservation


def bind(sock: socket.socket, address: Any, where: str, *, is_shared: bool = False) -> None:
    """Raises `StartError` with what to do when it may not be."""
    try:
        sock.bind(address)
    except OSError as error:
        sock.close()
        kind, advice = _REFUSALS.get(error.errno, (StartError, "Choose another (--host, --port)."))
        if is_shared and kind is PortBusy:
            advice = _SHARED_ADVICE
        verb = "share" if is_shared else "listen on"
        raise kind(f"Cannot {verb} {where}: {error.strerror}. {advice}") from error


async def accepting(port: int) -> None:
    """Return once a socket of this process listens there; granian does not say when it does.

    A connection would not tell: on a shared port another node may take it.
    """
    async with asyncio.timeout(ACCEPTING_TIMEOUT_S):
        while True:
            names = os.listdir(_DESCRIPTORS)  # noqa: PTH208 - names are enough
            if any(_listens(int(name), port) for name in names):
                return
            await asyncio.sleep(0.002)


def _listens(descriptor: int, port: int) -> bool:
    try:
        sock = socket.socket(fileno=descriptor)
    except OSError:  # no socket, or gone since it was listed
        return False
    try:
        return (
            sock.family in (socket.AF_INET, socket.AF_INET6)
            and bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
            and sock.getsockname()[1] == port
        )
    except OSError:
        return False
    finally:
        sock.detach()  # only looked at; its owner closes it
