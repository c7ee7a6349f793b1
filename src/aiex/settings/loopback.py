"""Whether an address is reached from this machine only."""

from ipaddress import IPv6Address, ip_address


def is_loopback(host: str) -> bool:
    """True for `localhost`, 127.0.0.0/8, also as `::ffff:127.0.0.1`, and ::1.

    Any other name may be anything.
    """
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    # Python 3.12 knows these for what they are only from 3.12.4 on.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
