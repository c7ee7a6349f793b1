"""What a client has not read is known by the two ends of its connection."""

import socket
from collections.abc import Iterator

import pytest

from aiex.assistant.own_sockets import SEARCH_EVERY_S, OwnSockets
from aiex.testing.clock import FakeClock

HOSTS = [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")]


class Connection:
    """Both ends in this process; `ours` sends, `client` reads."""

    def __init__(self, host: str, written: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, 0), family=family) as listener:
            self.client = socket.create_connection(listener.getsockname()[:2])
            self.ours, _ = listener.accept()
        self.ours.setblocking(False)
        self.port = str(self.ours.getsockname()[1])
        self.name = f"{written}:{self.client.getsockname()[1]}"

    def fill(self) -> None:
        """Send until nothing more goes."""
        try:
            while True:
                self.ours.send(b"x" * 65536)
        except BlockingIOError:
            pass

    def close(self) -> None:
        self.ours.close()
        self.client.close()


@pytest.fixture(params=HOSTS, ids=["IPv4", "IPv6"])
def connection(request: pytest.FixtureRequest) -> Iterator[Connection]:
    made = Connection(*request.param)
    yield made
    made.close()


def test_a_client_that_reads_nothing_has_much_unread(connection: Connection) -> None:
    sockets = OwnSockets(FakeClock())
    assert sockets.unread_bytes(connection.port, connection.name) == 0
    connection.fill()
    assert (sockets.unread_bytes(connection.port, connection.name) or 0) > 10_000


def test_looking_leaves_the_connection_as_it_was(connection: Connection) -> None:
    sockets = OwnSockets(FakeClock())
    for _ in range(3):
        assert sockets.unread_bytes(connection.port, connection.name) == 0
    connection.ours.sendall(b"still here")
    assert connection.client.recv(100) == b"still here"


def test_of_a_closed_connection_and_of_a_stranger_nothing_is_known(
    connection: Connection,
) -> None:
    sockets = OwnSockets(FakeClock())
    assert sockets.unread_bytes(connection.port, "192.0.2.1:1") is None
    connection.close()
    assert sockets.unread_bytes(connection.port, connection.name) is None


async def test_all_sockets_are_looked_through_at_most_once_a_second() -> None:
    clock = FakeClock()
    sockets = OwnSockets(clock)
    assert sockets.unread_bytes("1", "192.0.2.1:1") is None
    connection = Connection("127.0.0.1", "127.0.0.1")
    try:
        assert sockets.unread_bytes(connection.port, connection.name) is None
        await clock.advance(SEARCH_EVERY_S)
        assert sockets.unread_bytes(connection.port, connection.name) == 0
    finally:
        connection.close()
