"""A seed as people write it: a host, with a port or without."""

import pytest

from aiex.settings import Seed, parse_seed


@pytest.mark.parametrize(
    ("text", "seed"),
    [
        ("10.0.0.1", Seed("10.0.0.1", 6222)),
        ("10.0.0.1:7", Seed("10.0.0.1", 7)),
        (" Node-1.Example:65535 ", Seed("node-1.example", 65535)),
        ("[fd00::1]:7", Seed("fd00::1", 7)),
        ("[fd00::1]", Seed("fd00::1", 6222)),
        ("fd00::1", Seed("fd00::1", 6222)),
    ],
)
def test_a_seed_is_a_host_and_a_port(text: str, seed: Seed) -> None:
    assert parse_seed(text, 6222) == seed


@pytest.mark.parametrize("text", ["10.0.0.1:7", "node.example:6222", "[fd00::1]:7"])
def test_written_again_it_is_the_same(text: str) -> None:
    assert parse_seed(text, 1).text == text


@pytest.mark.parametrize(
    "text",
    [
        *["", ":7", "a:", "a:0", "a:65536", "a:99999999999", "a:x", "a:-1", "a:٣", "nats://a:7"],
        *["a b", "a@b", "[fd00::1]7", "[fd00::1", "a/b", "[]:7", "[fd00::1]:"],
    ],
)
def test_what_is_none_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="'"):
        parse_seed(text, 6222)
