"""How much of what was sent to a client its socket still has to deliver.

The socket belongs to granian, which does not show it, so it is found among all sockets of the
process by the addresses of its two ends. Linux only; elsewhere nobody knows.
"""

import os
import socket
import sys
from array import array
from typing import Final

from aiex.clock import Clock

# Looking through all sockets takes milliseconds when there are thousands.
SEARCH_EVERY_S: Final = 1.0
_SIOCOUTQ: Final = 0x5411
_DESCRIPTORS: Final = "/proc/self/fd"

type Ends = tuple[str, str]  # our port, and the client's `host:port`


class OwnSockets:
    """The process's sockets by their ends, looked up again when one is not where it was."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._descriptors: dict[Ends, int] = {}
        self._searched_at_s = float("-inf")

    def unread_bytes(self, port: str, client: str) -> int | None:
        """Bytes not acknowledged by `client` (`host:port`) on our `port`; None if not known."""
        ends = (port, client)
        descriptor = self._descriptors.get(ends)
        if descriptor is None or _ends(descriptor) != ends:
            self._search()
            descriptor = self._descriptors.get(ends)
        return None if descriptor is None else _unread_bytes(descriptor)

    def _search(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._searched_at_s < SEARCH_EVERY_S:
            return
        self._searched_at_s = now_s
        try:
            names = os.listdir(_DESCRIPTORS)  # noqa: PTH208 - names are enough, and there are many
        except OSError:
            return
        found = ((_ends(int(name)), int(name)) for name in names)
        self._descriptors = {ends: descriptor for ends, descriptor in found if ends is not None}


def _ends(descriptor: int) -> Ends | None:
    """None for what is no connection, or none any more."""
    try:
        sock = socket.socket(fileno=descriptor)
    except OSError:
        return None
    try:
        if sock.family not in (socket.AF_INET, socket.AF_INET6):
            return None
        host, port = sock.getpeername()[:2]
        written = f"[{host}]" if ":" in host else host
        return str(sock.getsockname()[1]), f"{written}:{port}"
    except OSError:
        return None
    finally:
        sock.detach()  # only looked at; its owner closes it


if sys.platform == "linux":
    from fcntl import ioctl

    def _unread_bytes(descriptor: int) -> int | None:
        count = array("i", [0])
        try:
            ioctl(descriptor, _SIOCOUTQ, count)
        except OSError:
            return None
        return count[0]

else:

    def _unread_bytes(descriptor: int) -> int | None:
        return None
