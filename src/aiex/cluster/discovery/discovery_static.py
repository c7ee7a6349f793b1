"""Carriers from a list that all nodes have: the seeds.

A carrier's name is its seed's host, in lower case, as the list has it: the same on every node and
over restarts, whatever the node itself is called. A node finds itself among the seeds by its
addresses, and is a client when none of them is its own.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence

from aiex.cluster.discovery.discovery import Found
from aiex.cluster.discovery.own_address import WILDCARDS, IsOwn, is_of_this_machine
from aiex.engine import CarrierAddress
from aiex.settings import ClusterSettings, is_loopback, parse_seed

FIND_EVERY_S = 2.0
RESOLVE_TIMEOUT_S = 5.0

type Resolve = Callable[[str], Awaitable[frozenset[str]]]


async def resolve_host(host: str) -> frozenset[str]:
    """The addresses of a host by the system's own rules, /etc/hosts included; none if unknown."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_TIMEOUT_S):
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        return frozenset()
    return frozenset(str(address[0]) for *_, address in found)


class StaticDiscovery:
    """The seeds of the settings, which are known to be 1, 3 or 5 different hosts."""

    find_every_s = FIND_EVERY_S

    def __init__(
        self,
        settings: ClusterSettings,
        *,
        resolve: Resolve = resolve_host,
        is_of_this_machine: IsOwn = is_of_this_machine,
    ) -> None:
        seeds = [parse_seed(text, settings.route_port) for text in settings.seeds]
        self._carriers = tuple(
            sorted(
                CarrierAddress(seed.host, seed.host, seed.route_port, settings.client_port)
                for seed in seeds
            )
        )
        self._host = settings.host
        self._resolve = resolve
        self._is_of_this_machine = is_of_this_machine

    async def find(self) -> Found:
        hosts = [one.host for one in self._carriers]
        looked_up = await asyncio.gather(*map(self._resolve, [*hosts, self._host]))
        *answers, own = looked_up
        return chosen(
            self._carriers,
            dict(zip(hosts, answers, strict=True)),
            listening_at=self._host,
            listening_addresses=own,
            is_of_this_machine=self._is_of_this_machine,
        )

    def renew(self, carriers: tuple[CarrierAddress, ...], *, epoch: int) -> str:
        """The settings and DNS are a person's."""
        return ""

    def close(self) -> None:
        """Nothing is held."""


def chosen(
    carriers: Sequence[CarrierAddress],
    addresses: Mapping[str, frozenset[str]],
    *,
    listening_at: str,
    listening_addresses: frozenset[str],
    is_of_this_machine: IsOwn,
) -> Found:
    """Which of the carriers this node is, by the address its engine listens at."""
    everybody = tuple(carriers)
    if listening_at in WILDCARDS:
        own = [one for one in carriers if any(map(is_of_this_machine, addresses[one.host]))]
    else:
        own = [
            one
            for one in carriers
            if addresses[one.host] & listening_addresses
            or (_is_at_loopback(addresses[one.host]) and not is_loopback(listening_at))
        ]
    if len(own) > 1:
        names = ", ".join(one.name for one in own)
        return Found(
            everybody,
            trouble=f"several seeds are this machine: {names}; set cluster.host to the address of "
            "the one that this node is",
        )
    if own:
        return Found(everybody, own[0])
    for one in carriers:
        reached = [address for address in addresses[one.host] if not is_loopback(address)]
        if is_loopback(listening_at) and any(map(is_of_this_machine, reached)):
            return Found(
                everybody,
                trouble=f"the seed {one.name} is this machine, but the engine listens at "
                f"{listening_at}, where no other node reaches it; set cluster.host to {one.name}",
            )
    if unknown := [host for host, found in addresses.items() if not found]:
        return Found(
            everybody,
            waiting_for=f"the addresses of {', '.join(unknown)}, to see whether this node is one",
        )
    return Found(everybody)


def _is_at_loopback(addresses: frozenset[str]) -> bool:
    """Whether the name means the machine that asked: Debian's /etc/hosts has it at 127.0.1.1."""
    return bool(addresses) and all(map(is_loopback, addresses))
