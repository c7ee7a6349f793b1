"""Which ports the nodes of `aiex up` get: their own, or the next free ones."""

import contextlib
import socket
from collections.abc import Collection, Iterator
from typing import NamedTuple

from aiex.errors import PortBusy
from aiex.settings import AdminSettings, ApiSettings, Settings

PORTS_TRIED_MAX = 50


class MovedPort(NamedTuple):
    """A listener's setting, the port it has and cannot use, and the one it gets instead."""

    setting: str
    taken: int
    port: int


def moved_ports(settings: Settings, fixed: Collection[str]) -> list[MovedPort]:
    """Free ports for the listeners whose own one is taken; raises `PortBusy` if there are none.

    Those named in `fixed` stay where they are, taken or not: somebody chose them.
    """
    listeners: dict[str, ApiSettings | AdminSettings] = {
        "api.port": settings.api,
        "admin.port": settings.admin,
    }
    used = {listener.port for path, listener in listeners.items() if path in fixed}
    moved: list[MovedPort] = []
    for path, listener in listeners.items():
        if path in fixed or listener.port == 0:
            continue
        port = _free_port(listener.host, listener.port, used)
        used.add(port)
        if port != listener.port:
            moved.append(MovedPort(path, listener.port, port))
    return moved


@contextlib.contextmanager
def kept_port(host: str, port: int) -> Iterator[int]:
    """Keep a port to be shared for the nodes of this user; 0 finds one. Raises `PortBusy`.

    Between two lives of the nodes nobody else can take it.
    """
    family = _family(host)
    with socket.socket(family) as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            # Alone first: who is there already would share it with a stranger otherwise.
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
            keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            keeper.bind((host, port))
        except OSError as error:
            raise PortBusy(
                f"Cannot listen on {host}:{port}: {error.strerror}. Stop what uses it, or choose "
                "another port with --port."
            ) from error
        yield keeper.getsockname()[1]


def _free_port(host: str, first: int, used: Collection[int]) -> int:
    for port in range(first, min(first + PORTS_TRIED_MAX, 65536)):
        with socket.socket(_family(host)) as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            if port not in used:
                return port
    raise PortBusy(f"No port from {first} on is free on {host}; choose one with --port.")


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
