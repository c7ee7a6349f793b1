"""Carriers from DNS: the name of a headless service, asked again and again.

Two kinds of names, told apart by their beginning:

    _route._tcp.aiex.default.svc.cluster.local    SRV records: one target a node, by name
    aiex.default.svc.cluster.local                addresses, one a node

A carrier's name is the first label of its target (`aiex-0`), which is the name of its pod and of
its node, the same on all nodes and over restarts. Its ordinal says whether it carries: those below
`cluster.carriers` do. Where only addresses can be asked for, a node that has an ordinal itself
(`aiex-1`) looks for the hosts `aiex-0`, `aiex-1`, … in the service's domain, which is how pods of a
StatefulSet are called.

Names without ordinals, and addresses, are all carriers: they have to be exactly as many as
`cluster.carriers`, since nothing tells which of more it would be.

Carriers find each other before they are ready, so a headless service needs
`publishNotReadyAddresses: true`.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence

from aiex.cluster.discovery.discovery import Found
from aiex.cluster.discovery.name_lookup import LookupFailed, NameLookup
from aiex.cluster.discovery.own_address import WILDCARDS, IsOwn, is_of_this_machine
from aiex.engine import CarrierAddress
from aiex.settings import ClusterSettings, is_loopback

# A pod's record appears seconds after its start; asking is one datagram.
FIND_EVERY_S = 1.0
PUBLISH_HINT = "a headless service needs publishNotReadyAddresses: true"

_ORDINAL = re.compile(r".+-(0|[1-9][0-9]{0,3})")
# Kubernetes calls a pod without a host name after its address: 10-0-0-1, fd00-10--5.
_DASHED_ADDRESS = re.compile(
    r"([0-9]{1,3}-){3}[0-9]{1,3}|([0-9a-f]{1,4}-){7}[0-9a-f]{1,4}|[0-9a-f-]*--[0-9a-f-]*"
)


class DnsDiscovery:
    """`node_name` is the node's own, its host's as a rule."""

    find_every_s = FIND_EVERY_S

    def __init__(
        self,
        settings: ClusterSettings,
        node_name: str,
        *,
        lookup: NameLookup,
        is_of_this_machine: IsOwn = is_of_this_machine,
    ) -> None:
        self._settings = settings
        self._name = settings.dns_name.lower().rstrip(".")
        self._label = node_name.lower().partition(".")[0]
        self._lookup = lookup
        self._is_of_this_machine = is_of_this_machine

    async def find(self) -> Found:
        try:
            if self._name.startswith("_"):
                return await self._among_services()
            if (own := ordinal(self._label)) is not None:
                return await self._among_hosts(self._label[: -len(str(own)) - 1])
            return await self._among_addresses()
        except LookupFailed as error:
            return Found(trouble=str(error))

    def renew(self, carriers: tuple[CarrierAddress, ...], *, epoch: int) -> str:
        """The settings and DNS are a person's."""
        return ""

    def close(self) -> None:
        """Nothing is held."""

    async def _among_services(self) -> Found:
        services = await self._lookup.services(self._name)
        carriers = [self._carrier(host.partition(".")[0], host, port) for host, port in services]
        found = choose(carriers, self._settings.carriers, where=self._name)
        return await self._placed(found)

    async def _among_hosts(self, stem: str) -> Found:
        """By the names that the hosts beside this one must have."""
        names = [f"{stem}-{number}" for number in range(self._settings.carriers)]
        hosts = [f"{name}.{self._name}" for name in names]
        answers = await asyncio.gather(*map(self._lookup.addresses, hosts))
        known = tuple(
            self._carrier(name, host)
            for name, host, addresses in zip(names, hosts, answers, strict=True)
            if addresses
        )
        missing = [host for host, addresses in zip(hosts, answers, strict=True) if not addresses]
        waiting_for = f"{', '.join(missing)} to be known to DNS ({PUBLISH_HINT})" if missing else ""
        return await self._placed(Found(known, waiting_for=waiting_for))

    async def _among_addresses(self) -> Found:
        addresses = await self._lookup.addresses(self._name)
        carriers = [self._carrier(address, address) for address in addresses]
        return await self._placed(choose(carriers, self._settings.carriers, where=self._name))

    def _carrier(self, name: str, host: str, port: int = 0) -> CarrierAddress:
        """An SRV record's port is where the engines talk to each other."""
        settings = self._settings
        return CarrierAddress(name, host, port or settings.route_port, settings.client_port)

    async def _placed(self, found: Found) -> Found:
        """The answer with this node's own place in it, held against `cluster.carries`."""
        if found.trouble:
            return found
        own = await self._own(found.carriers)
        if own is not None and (trouble := await self._unreachable(own)):
            return Found(found.carriers, own, trouble=trouble)
        carries = self._settings.carries
        if own is not None and carries == "no":
            trouble = (
                f"DNS has this node as the carrier {own.name} and cluster.carries is 'no'; let "
                f"{self._name} name the carriers only, or end the host's name in a higher number"
            )
            return Found(found.carriers, own, trouble=trouble)
        if own is None and carries == "yes" and found.is_complete:
            trouble = (
                f"cluster.carries is 'yes' and this node ({self._label}) is none of the "
                f"{len(found.carriers)} carriers behind {self._name}"
            )
            return Found(found.carriers, trouble=trouble)
        return Found(found.carriers, own, found.waiting_for)

    async def _own(self, carriers: Sequence[CarrierAddress]) -> CarrierAddress | None:
        """By its name, else by its address, as a node may be called other than its host."""
        for one in carriers:
            if one.name == self._label:
                return one
        host = self._settings.host
        for one in carriers:
            addresses = await self._addresses(one)
            if host in addresses or (
                host in WILDCARDS and any(map(self._is_of_this_machine, addresses))
            ):
                return one
        return None

    async def _unreachable(self, own: CarrierAddress) -> str:
        """Why the others cannot reach this node's engine, if so."""
        listening_at = self._settings.host
        if not is_loopback(listening_at) or all(map(is_loopback, await self._addresses(own))):
            return ""
        return (
            f"this node is the carrier {own.name}, but its engine listens at {listening_at}, where "
            "no other node reaches it; set cluster.host to its address or 0.0.0.0"
        )

    async def _addresses(self, carrier: CarrierAddress) -> tuple[str, ...]:
        if carrier.name == carrier.host:  # it was found by its address
            return (carrier.host,)
        return await self._lookup.addresses(carrier.host)


def ordinal(label: str) -> int | None:
    """The number at the end of a host's name, as `2` in `aiex-2`; None where there is none."""
    match = _ORDINAL.fullmatch(label)
    if match is None or _DASHED_ADDRESS.fullmatch(label):
        return None
    return int(match[1])


def choose(nodes: Sequence[CarrierAddress], count: int, *, where: str) -> Found:
    """The carriers among the nodes behind a name, `count` of them."""
    for name, times in Counter(one.name for one in nodes).items():
        if times > 1:
            return Found(
                trouble=f"{times} targets behind {where} are called {name}: they need different "
                "host names, of which the first label counts"
            )
    numbers = {one: number for one in nodes if (number := ordinal(one.name)) is not None}
    chosen = [one for one, number in numbers.items() if number < count] if numbers else list(nodes)
    is_number_twice = numbers and len({numbers[one] for one in chosen}) < len(chosen)
    if is_number_twice or len(chosen) > count:
        return Found(trouble=_too_many(chosen, count, where, are_numbered=bool(numbers)))
    waiting_for = ""
    if len(chosen) < count:
        what = f"{count - len(chosen)} more behind {where}" if nodes else f"{where} to be in DNS"
        waiting_for = f"{what} ({PUBLISH_HINT})"
    return Found(tuple(sorted(chosen)), waiting_for=waiting_for)


def _too_many(
    chosen: Sequence[CarrierAddress], count: int, where: str, *, are_numbered: bool
) -> str:
    names = ", ".join(sorted(one.name for one in chosen))
    if are_numbered:
        return (
            f"hosts behind {where} end in the same number: {names}; the numbers say who carries "
            "the engine, so each is there once"
        )
    return (
        f"{where} has {len(chosen)} nodes, cluster.carriers is {count}, and nothing tells which of "
        f"them: {names}; end their host names in -0, -1, … and ask for SRV records, or let the "
        "name have the carriers only"
    )
