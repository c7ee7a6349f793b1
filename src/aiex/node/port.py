"""Ports: taken before granian has them, refused in words, and seen to accept.

Granian shares every port with SO_REUSEPORT, so two nodes on one port would silently split the
requests between them. A port is therefore first taken without it, unless it is meant to be shared.
"""

import asyncio
import contextlib
import errno
import os
import socket
import sys
from typing import Any

from aiex.errors import PortBusy, StartError

ACCEPTING_TIMEOUT_S = 10.0
# A queue that is not emptied within this belongs to a server that takes no more connections.
QUEUE_TIMEOUT_S = 1.0
POLL_S = 0.002
EVERYWHERE, EVERYWHERE_IPV4 = "::", "0.0.0.0"  # noqa: S104 - an operator asks for it
_DESCRIPTORS = "/dev/fd"
_TCP_INFO_BYTES = 104
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

    `::` is every address of the machine, of IPv4 too, also where the kernel knows no IPv6. With
    `is_shared` others of this user may have it as well. Raises `StartError` with why not.
    """
    if host == EVERYWHERE and not _knows_ipv6():
        host = EVERYWHERE_IPV4
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


def connectable(host: str) -> str:
    """Where commands on this machine reach who listens at `host`.

    For `::` that is itself, unless there is no loopback of IPv6, as in a pod of an IPv4 network.
    """
    if host != EVERYWHERE or _knows_ipv6("::1"):
        return host
    return EVERYWHERE_IPV4


def _knows_ipv6(address: str = EVERYWHERE) -> bool:
    """Whether one can listen there; a kernel booted with `ipv6.disable=1` has no such sockets."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


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


def listening(port: int) -> frozenset[int]:
    """The descriptors of this process's sockets that listen there."""
    names = os.listdir(_DESCRIPTORS)  # noqa: PTH208 - names are enough
    return frozenset(int(name) for name in names if listens(int(name), port))


def listens(descriptor: int, port: int) -> bool:
    """Whether this is a socket that listens there; one question to the kernel."""
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


async def accepting(port: int, besides: frozenset[int]) -> int:
    """The descriptor that listens there now and did not before; granian does not say when it does.

    A connection would not tell: on a shared port another node may take it.
    """
    async with asyncio.timeout(ACCEPTING_TIMEOUT_S):
        while True:
            if new := listening(port) - besides:
                return min(new)
            await asyncio.sleep(POLL_S)


async def stop_accepting(descriptor: int) -> None:
    """Close granian's listening socket and nothing else, losing no connection.

    On a shared port the kernel resets what waits in the queue of a socket that is closed (without
    `net.ipv4.tcp_migrate_req`), so it is closed when the queue is empty. And granian, told to stop,
    also closes connections that have not sent a request yet, so it is not told here: its socket is
    replaced under its descriptor by one that nobody connects to, and it goes on with what it has.
    The price: this knows that granian finds its socket by a descriptor, which never changes.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(QUEUE_TIMEOUT_S):
            await _empty(descriptor)
    with socket.socket(socket.AF_UNIX) as nobody:
        nobody.bind("")  # an address of the kernel's choice
        nobody.listen()
        nobody.setblocking(False)
        os.dup2(nobody.fileno(), descriptor, inheritable=False)


async def _empty(descriptor: int) -> None:
    while True:
        if not _queue_len(descriptor):
            return
        await asyncio.sleep(POLL_S)


def _queue_len(descriptor: int) -> int:
    """How many connections wait to be accepted; 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0
    sock = socket.socket(fileno=descriptor)
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
    finally:
        sock.detach()
    # `tcpi_unacked`, which of a listening socket is the length of its queue.
    return int.from_bytes(info[24:28], sys.byteorder)
