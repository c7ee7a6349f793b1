"""Which ports `aiex up` takes; the rest of it is in tests/integration."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from aiex.cli.up_ports import PORTS_TRIED_MAX, MovedPort, kept_port, moved_ports
from aiex.errors import PortBusy
from aiex.settings import AdminSettings, ApiSettings, Settings


def settings(api: int, admin: int) -> Settings:
    return Settings(api=ApiSettings(port=api), admin=AdminSettings(port=admin))


@pytest.fixture
def row() -> Iterator[int]:
    """The first of a row of ports, the first three of them taken and the next three free."""
    for first in range(20_000, 32_000, 10):
        with ExitStack() as taken, ExitStack() as free:
            try:
                for port in range(first, first + 6):
                    holder = taken if port < first + 3 else free
                    holder.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            free.close()
            yield first
            return
    pytest.fail("there is no row of free ports")


def test_ports_that_are_free_stay(row: int) -> None:
    assert moved_ports(settings(row + 3, row + 4), ()) == []


def test_a_taken_port_is_moved_to_the_next_free_one(row: int) -> None:
    moved = moved_ports(settings(row, row + 4), ())
    assert moved == [MovedPort("api.port", row, row + 3)]


def test_two_listeners_do_not_move_to_the_same_port(row: int) -> None:
    assert [one.port for one in moved_ports(settings(row, row + 1), ())] == [row + 3, row + 4]


def test_a_listener_does_not_move_to_where_the_other_one_is(row: int) -> None:
    fixed = {"admin.port"}
    assert moved_ports(settings(row, row + 3), fixed) == [MovedPort("api.port", row, row + 4)]
    assert moved_ports(settings(row + 3, row), {"api.port"}) == [
        MovedPort("admin.port", row, row + 4)
    ]


def test_the_admin_listener_gives_way_to_the_api(row: int) -> None:
    assert moved_ports(settings(row, row + 3), ()) == [
        MovedPort("api.port", row, row + 3),
        MovedPort("admin.port", row + 3, row + 4),
    ]


def test_a_port_that_was_asked_for_is_not_replaced(row: int) -> None:
    assert moved_ports(settings(row, row + 1), {"api.port", "admin.port"}) == []


def test_any_free_port_needs_no_looking() -> None:
    assert moved_ports(settings(0, 0), ()) == []


def test_without_a_free_port_it_says_how_to_choose_one() -> None:
    with ExitStack() as taken:
        for port in range(65_535, 65_535 - PORTS_TRIED_MAX, -1):
            try:
                taken.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue  # somebody else has it, which serves as well
        with pytest.raises(PortBusy, match=r"No port from 65500 on .* choose one with --port"):
            moved_ports(settings(65_500, 0), ())


def test_a_port_is_kept_for_nodes_that_share_it() -> None:
    with kept_port("127.0.0.1", 0) as port:
        with socket.socket() as stranger, pytest.raises(OSError):
            stranger.bind(("127.0.0.1", port))
        for _ in range(2):
            with socket.socket() as node:
                node.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                node.bind(("127.0.0.1", port))
                node.listen()
    with kept_port("127.0.0.1", port) as again:
        assert again == port


@pytest.mark.parametrize("is_shared", [True, False])
def test_a_port_somebody_has_is_not_kept_though_they_would_share_it(is_shared: bool) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, is_shared)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortBusy, match="choose another port"), kept_port("127.0.0.1", port):
            pytest.fail("it is taken")
