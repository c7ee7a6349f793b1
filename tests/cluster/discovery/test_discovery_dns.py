"""Carriers behind a DNS name, asked of a real server on loopback."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from aiex.cluster import DnsDiscovery, DnsLookup, Found
from aiex.cluster.discovery.discovery_dns import ordinal
from aiex.engine import CarrierAddress
from aiex.settings import ClusterSettings
from aiex.testing.dns_server import HOST, DnsServer

DOMAIN = "aiex.default.svc.test"
SRV = f"_route._tcp.{DOMAIN}"


@pytest.fixture
async def server() -> AsyncIterator[DnsServer]:
    async with DnsServer() as running:
        yield running


def discovery(
    server: DnsServer, node: str, *, name: str = SRV, timeout_s: float = 10.0, **fields: Any
) -> DnsDiscovery:
    """Of a node that is called so, at the address 10.0.0.9 unless told otherwise."""
    given: dict[str, Any] = {"host": "10.0.0.9", **fields}
    return DnsDiscovery(
        ClusterSettings(discovery="dns", dns_name=name, **given),
        node,
        lookup=DnsLookup(servers=(HOST,), port=server.port, timeout_s=timeout_s),
        is_of_this_machine=lambda address: address == "10.0.0.9",
    )


def pods(server: DnsServer, *labels: str, port: int = 7000) -> None:
    """From now on these are behind the service, each with an address."""
    server.put(SRV, "SRV", *(f"0 50 {port} {label}.{DOMAIN}." for label in labels))
    for number, label in enumerate(labels):
        server.put(f"{label}.{DOMAIN}", "A", f"10.0.0.{number}")


def names(found: Found) -> list[str]:
    return [one.name for one in found.carriers]


async def test_pods_with_low_numbers_carry_the_engine(server: DnsServer) -> None:
    pods(server, "aiex-4", "aiex-0", "aiex-2", "aiex-1", "aiex-3")
    found = await discovery(server, "aiex-1").find()
    assert found.is_complete
    assert names(found) == ["aiex-0", "aiex-1", "aiex-2"]
    assert found.own == CarrierAddress("aiex-1", f"aiex-1.{DOMAIN}", 7000, 4222)
    assert names(Found(found.others)) == ["aiex-0", "aiex-2"]


@pytest.mark.parametrize("node", ["aiex-3", "web-7d9f8-x2x5q"])
async def test_all_others_use_their_engine(server: DnsServer, node: str) -> None:
    pods(server, "aiex-0", "aiex-1", "aiex-2", "aiex-3")
    found = await discovery(server, node).find()
    assert (found.is_complete, found.own, len(found.carriers)) == (True, None, 3)


async def test_a_name_that_does_not_exist_yet_is_waited_for(server: DnsServer) -> None:
    one = discovery(server, "aiex-0")
    found = await one.find()
    assert not found.trouble
    assert found.waiting_for.startswith(f"{SRV} to be in DNS")
    pods(server, "aiex-0", "aiex-1")
    found = await one.find()
    assert found.waiting_for.startswith(f"1 more behind {SRV}")
    assert "publishNotReadyAddresses" in found.waiting_for
    assert names(found) == ["aiex-0", "aiex-1"]
    pods(server, "aiex-0", "aiex-1", "aiex-2")
    assert (await one.find()).is_complete


async def test_a_server_that_does_not_answer_is_trouble(server: DnsServer) -> None:
    server.is_silent = True
    found = await discovery(server, "aiex-0", timeout_s=0.1).find()
    assert found.trouble == f"no DNS server answers for {SRV}"


async def test_a_server_that_fails_is_trouble_until_it_answers(server: DnsServer) -> None:
    pods(server, "aiex-0", "aiex-1", "aiex-2")
    one = discovery(server, "aiex-0")
    server.is_failing = True
    assert "the DNS server" in (await one.find()).trouble
    server.is_failing = False
    assert (await one.find()).is_complete


async def test_hosts_of_one_number_are_told(server: DnsServer) -> None:
    pods(server, "a-0", "b-0", "a-1", "a-2")
    assert "end in the same number: a-0, a-1, a-2, b-0" in (
        (await discovery(server, "a-0").find()).trouble
    )


async def test_targets_of_one_first_label_are_told(server: DnsServer) -> None:
    server.put(SRV, "SRV", "0 0 1 a-0.x.", "0 0 1 a-0.y.")
    assert "called a-0" in (await discovery(server, "a-0").find()).trouble


async def test_names_without_numbers_are_all_carriers_if_the_count_is_right(
    server: DnsServer,
) -> None:
    pods(server, "10-0-0-1", "10-0-0-2")
    one = discovery(server, "x")
    assert "1 more" in (await one.find()).waiting_for
    pods(server, "10-0-0-1", "10-0-0-2", "10-0-0-3")
    assert (await one.find()).is_complete
    pods(server, "10-0-0-1", "10-0-0-2", "10-0-0-3", "10-0-0-4")
    assert "nothing tells which" in (await one.find()).trouble


async def test_a_node_called_other_than_its_host_finds_itself_by_address(
    server: DnsServer,
) -> None:
    pods(server, "aiex-0", "aiex-1", "aiex-2")
    for host in ("10.0.0.2", "0.0.0.0"):
        server.put(f"aiex-2.{DOMAIN}", "A", "10.0.0.2", "10.0.0.9")
        found = await discovery(server, "custom", host=host).find()
        assert found.own is not None
        assert found.own.name == "aiex-2"


async def test_the_addresses_behind_a_plain_name_are_carriers(server: DnsServer) -> None:
    server.put(DOMAIN, "A", "10.0.0.9", "10.0.0.1")
    one = discovery(server, "node", name=DOMAIN)
    assert (await one.find()).waiting_for.startswith("1 more behind")
    server.put(DOMAIN, "AAAA", "fd00::1")
    found = await one.find()
    assert found.is_complete
    assert names(found) == ["10.0.0.1", "10.0.0.9", "fd00::1"]
    assert found.own == CarrierAddress("10.0.0.9", "10.0.0.9", 6222, 4222)
    assert "10.0.0.9" not in names(Found(found.others))


async def test_a_pod_with_a_number_knows_the_names_of_the_others(server: DnsServer) -> None:
    for number in (0, 1):
        server.put(f"aiex-{number}.{DOMAIN}", "A", f"10.0.0.{number}")
    one = discovery(server, "aiex-1", name=DOMAIN)
    assert f"aiex-2.{DOMAIN} to be known to DNS" in (await one.find()).waiting_for
    server.put(f"aiex-2.{DOMAIN}", "A", "10.0.0.2")
    found = await one.find()
    assert found.is_complete
    assert found.own == CarrierAddress("aiex-1", f"aiex-1.{DOMAIN}", 6222, 4222)
    client = await discovery(server, "aiex-3", name=DOMAIN).find()
    assert (client.carriers, client.own) == (found.carriers, None)


async def test_a_carrier_that_listens_on_loopback_only_is_told(server: DnsServer) -> None:
    pods(server, "aiex-0", "aiex-1", "aiex-2")
    one = discovery(server, "aiex-1", host="127.0.0.1")
    assert "set cluster.host" in (await one.find()).trouble
    server.put(f"aiex-1.{DOMAIN}", "A", "127.0.0.1")
    assert (await one.find()).is_complete


async def test_what_a_node_is_told_to_be_is_held_against_what_dns_says(server: DnsServer) -> None:
    pods(server, "aiex-0", "aiex-1", "aiex-2")
    assert (
        "cluster.carries is 'no'"
        in (await discovery(server, "aiex-0", carries="no").find()).trouble
    )
    assert (await discovery(server, "aiex-0", carries="yes").find()).is_complete
    assert "none of the 3" in (await discovery(server, "web", carries="yes").find()).trouble
    assert (await discovery(server, "web", carries="no").find()).is_complete


async def test_a_service_that_says_it_has_none_is_waited_for(server: DnsServer) -> None:
    server.put(SRV, "SRV", "0 0 0 .")
    assert "to be in DNS" in (await discovery(server, "a-0").find()).waiting_for


async def test_names_are_equal_whatever_their_case(server: DnsServer) -> None:
    pods(server, "AIEX-0", "AIEX-1", "AIEX-2")
    server.put(SRV, "SRV", *(f"0 0 1 AIEX-{number}.{DOMAIN}." for number in range(3)))
    found = await discovery(server, "Aiex-0.example", name=SRV.upper() + ".").find()
    assert names(found) == ["aiex-0", "aiex-1", "aiex-2"]
    assert found.own == found.carriers[0]


@pytest.mark.parametrize(
    ("label", "number"),
    [
        *[("aiex-0", 0), ("my-app-12", 12), ("cafe-ab-1", 1), ("aiex", None), ("aiex-01", None)],
        *[("10-0-0-1", None), ("fd00-10--5", None), ("aiex-99999", None), ("-1", None)],
    ],
)
def test_the_number_at_the_end_of_a_hosts_name(label: str, number: int | None) -> None:
    assert ordinal(label) == number
