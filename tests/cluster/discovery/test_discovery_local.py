"""Nodes of one machine meet: whoever comes first carries, until enough are there."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from aiex.cluster import Found, LocalDiscovery, Meeting
from aiex.cluster.discovery.discovery_local import FIRST_CLIENT_PORT, FIRST_ROUTE_PORT, is_free
from aiex.engine import CarrierAddress
from aiex.settings import ClusterSettings

type Come = Callable[..., LocalDiscovery]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "clusters" / "aiex"


@pytest.fixture
def come(directory: Path) -> Iterator[Come]:
    """`come("a", setting=…)` is a node's discovery; all ports but `taken` are free to it."""
    with ExitStack() as there:

        def discovery(name: str, *, taken: tuple[int, ...] = (), **fields: Any) -> LocalDiscovery:
            settings = ClusterSettings(discovery="local", **fields)
            one = LocalDiscovery(
                settings, name, Meeting(directory), is_free=lambda _, port: port not in taken
            )
            there.callback(one.close)
            return one

        yield discovery


def names(found: Found) -> list[str]:
    return [one.name for one in found.carriers]


async def test_the_first_three_carry_and_the_next_one_is_a_client(come: Come) -> None:
    a, b, c, d = map(come, "abcd")
    found = await b.find()
    assert (names(found), found.own is not None) == (["b"], True)
    assert found.waiting_for == "2 more nodes of this machine to carry the engine"
    assert (await a.find()).waiting_for == "1 more node of this machine to carry the engine"
    assert (await c.find()).is_complete
    everybody = [await one.find() for one in (a, b, c, d)]
    assert {found.carriers for found in everybody} == {everybody[0].carriers}
    assert names(everybody[0]) == ["a", "b", "c"]
    assert [found.own and found.own.name for found in everybody] == ["a", "b", "c", None]
    assert all(found.is_complete for found in everybody)


@pytest.mark.parametrize("count", [1, 5])
async def test_as_many_carry_as_are_wanted(come: Come, count: int) -> None:
    found = [await come(name, carriers=count).find() for name in "abcdefg"[: count + 1]]
    assert [one.is_complete for one in found] == [False] * (count - 1) + [True, True]
    assert len(found[-1].carriers) == count


async def test_the_first_one_decides_how_many(come: Come) -> None:
    await come("a", carriers=1).find()
    found = await come("b", carriers=3).find()
    assert (found.is_complete, names(found), found.own) == (True, ["a"], None)


async def test_who_must_not_carry_waits_as_a_client(come: Come) -> None:
    client = come("a", carries="no")
    found = await client.find()
    assert (found.carriers, found.waiting_for[:7]) == ((), "3 more ")
    for name in "bcd":
        await come(name).find()
    found = await client.find()
    assert (found.is_complete, found.own, names(found)) == (True, None, ["b", "c", "d"])


async def test_every_carrier_has_ports_of_its_own(come: Come) -> None:
    taken = (FIRST_ROUTE_PORT + 1, FIRST_CLIENT_PORT)
    for name in "abc":
        found = await come(name, taken=taken, route_port=0, client_port=0).find()
    assert [(one.route_port, one.client_port) for one in found.carriers] == [
        (6222, 4223),
        (6224, 4224),
        (6225, 4225),
    ]


async def test_ports_that_are_set_are_where_it_begins_to_look(come: Come) -> None:
    found = await come("a", carriers=1, route_port=7000, client_port=7000).find()
    assert found.own == CarrierAddress("a", "127.0.0.1", 7000, 7001)


async def test_without_a_free_port_it_says_what_to_set(come: Come) -> None:
    found = await come("a", taken=tuple(range(65_536))).find()
    assert "choose cluster.route_port" in found.trouble


async def test_a_carrier_that_comes_again_finds_its_place_and_ports(come: Come) -> None:
    first = come("a")
    await first.find()
    for name in "bc":
        await come(name).find()
    first.close()
    # Its own engine may hold its ports already; they are its own for good.
    again = await come("a", taken=(FIRST_ROUTE_PORT, FIRST_CLIENT_PORT)).find()
    assert again.own == CarrierAddress("a", "127.0.0.1", FIRST_ROUTE_PORT, FIRST_CLIENT_PORT)


async def test_before_all_are_there_a_port_taken_by_a_stranger_is_replaced(come: Come) -> None:
    first = come("a")
    await first.find()
    first.close()
    again = await come("a", taken=(FIRST_ROUTE_PORT,)).find()
    assert again.own == CarrierAddress("a", "127.0.0.1", FIRST_ROUTE_PORT + 1, FIRST_CLIENT_PORT)


async def test_who_died_before_all_were_there_is_forgotten(come: Come) -> None:
    dead = come("a")
    await dead.find()
    dead.close()
    found = [await come(name).find() for name in "bcd"]
    assert names(found[-1]) == ["b", "c", "d"]
    late = await come("a").find()
    assert (late.is_complete, late.own) == (True, None)


async def test_who_dies_afterwards_is_not(come: Come) -> None:
    nodes = [come(name) for name in "abc"]
    for one in nodes:
        await one.find()
    nodes[0].close()
    found = await come("d").find()
    assert (names(found), found.own) == (["a", "b", "c"], None)


async def test_those_who_may_carry_later_have_ports_of_their_own(come: Come) -> None:
    first, second, third = come("a", carriers=1), come("b"), come("c")
    for one in (first, second, third):
        await one.find()
    spares = [(await one.find()).spare for one in (second, third)]
    assert spares == [
        CarrierAddress("b", "127.0.0.1", FIRST_ROUTE_PORT + 1, FIRST_CLIENT_PORT + 1),
        CarrierAddress("c", "127.0.0.1", FIRST_ROUTE_PORT + 2, FIRST_CLIENT_PORT + 2),
    ]
    # A charter that leaves them out lets them keep these, and so does a new start.
    assert first.renew((await first.find()).carriers, epoch=2) == ""
    second.close()
    assert (await come("d").find()).spare == CarrierAddress(
        "d", "127.0.0.1", FIRST_ROUTE_PORT + 1, FIRST_CLIENT_PORT + 1
    )
    assert (await come("b").find()).spare == CarrierAddress(
        "b", "127.0.0.1", FIRST_ROUTE_PORT + 3, FIRST_CLIENT_PORT + 3
    ), "who was away too long finds its ports taken"
    third.close()
    assert (await come("c").find()).spare == spares[1]


async def test_two_nodes_of_one_name_are_told(come: Come) -> None:
    await come("a").find()
    assert "a node called a is in this cluster already" in (await come("a").find()).trouble


async def test_a_newer_charter_is_kept_for_those_who_come_later(come: Come) -> None:
    nodes = [come(name) for name in "abc"]
    for one in nodes:
        found = await one.find()
    a, b, c = found.carriers
    d = CarrierAddress("d", "127.0.0.1", 1, 2)
    assert nodes[0].renew((d, b, c), epoch=2) == ""
    assert names(await come("e").find()) == ["b", "c", "d"]
    assert nodes[1].renew((a, b, c), epoch=2) == ""
    assert names(await come("f").find()) == ["b", "c", "d"]
    assert nodes[1].renew((b,), epoch=3) == ""
    found = await come("g").find()
    assert (found.is_complete, names(found)) == (True, ["b"])


async def test_a_broken_list_is_told_until_a_charter_mends_it(come: Come, directory: Path) -> None:
    one = come("a")
    await one.find()
    (directory / "carriers.json").write_bytes(b"{")
    assert "is not understood" in (await one.find()).trouble
    own = CarrierAddress("a", "127.0.0.1", 1, 2)
    assert one.renew((own,), epoch=1) == ""
    assert (await one.find()).own == own


async def test_while_another_one_changes_it_nobody_is_held_up(come: Come, directory: Path) -> None:
    one, other = come("a"), Meeting(directory)
    other.open()
    with other.alone():
        assert "lock" in (await one.find()).waiting_for
        assert one.renew((), epoch=1) != ""
    assert (await one.find()).own is not None


async def test_a_list_that_was_deleted_is_entered_anew(come: Come, directory: Path) -> None:
    one = come("a")
    first = await one.find()
    (directory / "carriers.json").unlink()
    assert await one.find() == first


async def test_a_directory_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    one = LocalDiscovery(ClusterSettings(), "a", Meeting(tmp_path / "file" / "aiex"))
    assert "cannot be used" in (await one.find()).trouble


@pytest.mark.platform_specific
async def test_on_a_disc_gone_read_only_a_carrier_still_finds_the_others(
    small_disc: Callable[[int], Path], need: Callable[[str, str], str]
) -> None:
    disc = small_disc(256 * 1024)

    def node(name: str) -> LocalDiscovery:
        return LocalDiscovery(ClusterSettings(), name, Meeting(disc / "aiex"), is_free=is_free)

    nodes = [node(name) for name in "abc"]
    for one in nodes:
        found = await one.find()
    for one in nodes:
        one.close()
    mount = need("mount", "mount")
    subprocess.run([mount, "-o", "remount,ro", str(disc)], check=True)
    again = node("b")
    assert (await again.find()).is_complete
    assert (await node("new").find()).carriers == found.carriers
    again.close()
    subprocess.run([mount, "-o", "remount,rw", str(disc)], check=True)


FIND = """
import asyncio, sys
from pathlib import Path
from aiex.cluster import LocalDiscovery, Meeting
from aiex.settings import ClusterSettings
one = LocalDiscovery(ClusterSettings(discovery="local"), sys.argv[2], Meeting(Path(sys.argv[1])))
async def main():
    while not (found := await one.find()).is_complete:
        assert not found.trouble, found
        await asyncio.sleep(0.001)
    print(*(f"{c.name} {c.route_port} {c.client_port}" for c in found.carriers), sep=", ")
print("here", flush=True)
sys.stdin.readline()
asyncio.run(main())
sys.stdout.flush()
sys.stdin.readline()
"""


@pytest.mark.integration
def test_processes_that_come_at_once_find_the_same_carriers(directory: Path) -> None:
    pipe = subprocess.PIPE
    nodes = [
        subprocess.Popen(
            [sys.executable, "-c", FIND, str(directory), name], stdin=pipe, stdout=pipe, text=True
        )
        for name in "abcde"
    ]
    try:
        assert [_line(node) for node in nodes] == ["here"] * 5
        for node in nodes:
            _go_on(node)
        said = {_line(node) for node in nodes}
    finally:
        for node in nodes:
            node.kill()
            node.communicate()
    (carriers,) = said
    assert len(carriers.split(", ")) == 3
    ports = [port for carrier in carriers.split(", ") for port in carrier.split()[1:]]
    assert len(set(ports)) == 6


def _line(node: "subprocess.Popen[str]") -> str:
    assert node.stdout is not None
    return node.stdout.readline().strip()


def _go_on(node: "subprocess.Popen[str]") -> None:
    assert node.stdin is not None
    node.stdin.write("\n")
    node.stdin.flush()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_is_free_until_somebody_listens(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        port = server.getsockname()[1]
        assert not is_free(host, port)
    assert is_free(host, port)
