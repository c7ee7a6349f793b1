"""Ports: taken before granian has them, refused in words, and seen to accept.

Granian shares every port with SO_REUSEPORT, so two nodes on one port would silently split the
requests between them. A port is therefore first taken without it, unless it is meant to be shared.
"""

import asyncio
import os
import socket
from typing import Any

from aiex.errors import PortBusy, StartError

ACCEPTING_TIMEOUT_S = 10.0
_DESCRIPTORS = "/dev/fd"


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
        raise StartError(f"The address '{host}' cannot be resolved: {reason}.") from error
    if port and not is_shared:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _bind(probe, address, f"Cannot listen on {host}:{port}", _OWN_HINT)
    reservation = socket.socket(family, kind, protocol)
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if is_shared:
        _bind(reservation, address, f"Cannot share {host}:{port}", _SHARED_HINT)
    else:
        _bind(reservation, address, f"Cannot listen on {host}:{port}", _OWN_HINT)
    return reservation


_OWN_HINT = "Stop what uses it, or choose another port (--port, --admin-port)."
_SHARED_HINT = (
    "What uses it does not share it, or is another user's; stop that, or set api.shared_port."
)


def _bind(sock: socket.socket, address: Any, what: str, hint: str) -> None:
    try:
        sock.bind(address)
    except OSError as error:
        sock.close()
        raise PortBusy(f"{what}: {error.strerror}. {hint}") from error


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
