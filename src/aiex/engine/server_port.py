"""A port for a server that only its own node uses."""

import socket

HOST = "127.0.0.1"


def free_port() -> int:
    """One nobody listens at now, on loopback."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
