"""Which addresses are this machine's own."""

import pytest

from aiex.cluster.discovery.own_address import is_of_this_machine


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3"])
def test_loopback_is_here(address: str) -> None:
    assert is_of_this_machine(address)


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "localhost", "", "127.0.0.1:80"])
def test_addresses_of_nobody_and_what_is_none_are_not(address: str) -> None:
    assert not is_of_this_machine(address)
