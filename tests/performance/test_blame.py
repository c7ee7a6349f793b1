"""Whose doing a stack is: of who called a library, an installed package, or the node's own code."""

import pytest

from aiex.performance.blame import is_of_python, place_to_blame
from aiex.performance.profile import Frame

OWN = Frame("aiex.node.supervisor:Supervisor.run", "/app/aiex/node/supervisor.py")
INSTALLED_OWN = Frame("aiex.api:Api.respond", "/venv/lib/python3.13/site-packages/aiex/api.py")
SHOP = Frame("shop.orders:Orders.settle", "/app/shop/orders.py")
INSTALLED_SHOP = Frame("shop.orders:Orders.settle", "/venv/lib/python3.13/site-packages/shop.py")
CLIENT = Frame("requests.api:get", "/venv/lib/python3.13/site-packages/requests/api.py")
DEBIAN = Frame("psycopg2:connect", "/usr/lib/python3/dist-packages/psycopg2/__init__.py")
SOCKET = Frame("socket:SocketIO.readinto", "/usr/lib/python3.13/socket.py")
FROZEN = Frame("importlib._bootstrap:_find_and_load", "<frozen importlib._bootstrap>")


@pytest.mark.parametrize(
    ("stack", "blamed"),
    [
        ((OWN, SHOP, SOCKET), SHOP),
        ((OWN, SHOP, FROZEN), SHOP),
        ((OWN, SHOP, CLIENT, SOCKET), SHOP),
        ((OWN, SHOP, DEBIAN, SOCKET), SHOP),
        ((OWN, CLIENT, SHOP), SHOP),
        ((OWN, CLIENT, SOCKET), CLIENT),  # nobody outside of a package has called it
        ((OWN, INSTALLED_SHOP), INSTALLED_SHOP),
        ((SHOP, INSTALLED_OWN, SOCKET), INSTALLED_OWN),
        ((SOCKET,), None),
        ((), None),
    ],
)
def test_who_called_a_library_is_to_blame(stack: tuple[Frame, ...], blamed: Frame | None) -> None:
    place = place_to_blame(stack, lambda one: is_of_python(one.file))
    assert (None if place is None else stack[place]) == blamed
