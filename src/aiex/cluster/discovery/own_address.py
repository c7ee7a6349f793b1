"""Which addresses are this machine's own."""

import socket
from collections.abc import Callable
from ipaddress import ip_address

WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - compared, not listened on

type IsOwn = Callable[[str], bool]


def is_of_this_machine(address: str) -> bool:
    """Whether something could listen at the address here; False for what is no address.

    A machine with `net.ipv4.ip_nonlocal_bind` takes every address for its own: there
    `cluster.host` has to name one.
    """
    try:
        family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except (ValueError, OSError):
        return False
    return True
