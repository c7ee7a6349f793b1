"""The seeds as carriers, and which of them a node is."""

from typing import Any

import pytest

from aiex.cluster import StaticDiscovery
from aiex.cluster.discovery.discovery_static import resolve_host
from aiex.engine import CarrierAddress
from aiex.settings import ClusterSettings

ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
MINE = "10.0.0.2"


async def as_written(host: str) -> frozenset[str]:
    """Addresses are themselves; no name is known."""
    return frozenset({host} if host[0].isdigit() or ":" in host else ())


def discovery(
    *seeds: str, host: str = MINE, here: tuple[str, ...] = (MINE,), **names: str
) -> StaticDiscovery:
    """On a machine that has the addresses `here` and knows the `names`."""

    async def resolve(host: str) -> frozenset[str]:
        return frozenset({names[host]}) if host in names else await as_written(host)

    settings: dict[str, Any] = {"discovery": "static", "seeds": seeds, "host": host}
    return StaticDiscovery(
        ClusterSettings(**settings),
        resolve=resolve,
        is_of_this_machine=lambda address: address in here or address.startswith("127."),
    )


async def test_the_seeds_carry_the_engine_in_the_same_order_everywhere() -> None:
    found = await discovery("10.0.0.3:7000", "10.0.0.1", MINE).find()
    assert found.is_complete
    assert found.carriers == (
        CarrierAddress("10.0.0.1", "10.0.0.1", 6222, 4222),
        CarrierAddress("10.0.0.2", "10.0.0.2", 6222, 4222),
        CarrierAddress("10.0.0.3", "10.0.0.3", 7000, 4222),
    )
    assert found.carriers == (await discovery(*ADDRESSES[:2], "10.0.0.3:7000").find()).carriers


async def test_a_node_finds_itself_by_the_address_its_engine_listens_at() -> None:
    found = await discovery(*ADDRESSES).find()
    assert found.own == found.carriers[1]
    assert [one.name for one in found.others] == ["10.0.0.1", "10.0.0.3"]


@pytest.mark.parametrize("wildcard", ["0.0.0.0", "::"])
async def test_an_engine_that_listens_everywhere_is_at_any_address_of_the_machine(
    wildcard: str,
) -> None:
    found = await discovery(*ADDRESSES, host=wildcard).find()
    assert found.own == found.carriers[1]


async def test_a_node_that_is_no_seed_uses_the_others_engine() -> None:
    found = await discovery(*ADDRESSES, host="127.0.0.1", here=("10.0.0.9",)).find()
    assert (found.is_complete, found.own, len(found.others)) == (True, None, 3)


async def test_loopback_addresses_of_one_machine_are_told_apart() -> None:
    seeds = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
    found = await discovery(*seeds, host="127.0.0.3").find()
    assert found.own == found.carriers[1]
    client = await discovery(*seeds, host="127.0.0.1").find()
    assert (client.is_complete, client.own) == (True, None)


async def test_a_seed_that_listens_on_loopback_only_is_told() -> None:
    found = await discovery(*ADDRESSES, host="127.0.0.1").find()
    assert not found.is_complete
    assert "the seed 10.0.0.2 is this machine" in found.trouble
    assert "set cluster.host to 10.0.0.2" in found.trouble


async def test_a_machine_that_is_several_seeds_is_told() -> None:
    found = await discovery(*ADDRESSES, host="0.0.0.0", here=ADDRESSES[:2]).find()
    assert "several seeds are this machine: 10.0.0.1, 10.0.0.2" in found.trouble


async def test_seeds_by_name_keep_their_names() -> None:
    found = await discovery("a", "b", "c", a="10.0.0.1", b=MINE, c="10.0.0.3").find()
    assert [(one.name, one.host) for one in found.carriers] == [("a", "a"), ("b", "b"), ("c", "c")]
    assert found.own == found.carriers[1]


async def test_a_node_that_knows_itself_does_not_wait_for_the_names_of_others() -> None:
    found = await discovery("a", "b", "c", b=MINE).find()
    assert found.is_complete
    assert found.own == found.carriers[1]


async def test_a_node_that_may_be_one_of_unknown_names_waits_for_them() -> None:
    found = await discovery("a", "b", "c", a="10.0.0.1").find()
    assert not found.is_complete
    assert found.waiting_for.startswith("the addresses of b, c")


async def test_a_name_that_etc_hosts_has_at_loopback_is_this_node() -> None:
    found = await discovery("a", "b", "c", a="10.0.0.1", b="127.0.1.1", c="10.0.0.3").find()
    assert found.own == found.carriers[1]


async def test_the_systems_own_rules_resolve_a_host() -> None:
    assert "127.0.0.1" in await resolve_host("localhost")
    assert await resolve_host("10.0.0.1") == {"10.0.0.1"}
    assert await resolve_host("no.such.host.invalid") == frozenset()
    assert await resolve_host("a" * 300) == frozenset()
