"""Which addresses are reached from this machine only."""

import pytest

from aiex.settings import is_loopback


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"]
)
def test_this_machine_only(host: str) -> None:
    assert is_loopback(host)


# The last ones may resolve to 127.0.0.1, or to anything.
@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "10.0.0.1", "", "::ffff:10.0.0.1", "node.example", "localhost.example"],
)
def test_anything_else_may_be_reached_from_elsewhere(host: str) -> None:
    assert not is_loopback(host)
