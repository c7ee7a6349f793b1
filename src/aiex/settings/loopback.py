"""Whether an address is reached from this machine only."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """True for `localhost`, 127.0.0.0/8 and ::1; any other name may be anything."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
