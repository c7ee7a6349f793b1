"""Looks at a release's nodes and servers of NATS, and adds what they say to the facts.

With pods known from the API each is asked; without, those whose addresses DNS has. Every question
has a deadline, all are asked at once, and of many pods the first `LOOKED_AT_MAX`.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from aiex.kubernetes.client import KubernetesApi
from aiex.kubernetes.facts import (
    NATS,
    NODE,
    AnswerSeen,
    CertificateSeen,
    DoorSeen,
    EngineSeen,
    Facts,
    Gap,
    NameSeen,
)
from aiex.kubernetes.look.door import knocked
from aiex.kubernetes.look.names import Names
from aiex.kubernetes.look.nats_server import ServerLook, engine_of, server_look
from aiex.kubernetes.look.nodes import ADMIN_PORT, API_PORT, node_answer, unanswered
from aiex.kubernetes.look.reach import DirectReach, ProxiedReach, Reach, Told

LOOKED_AT_MAX = 16
CLIENT_PORT, MONITOR_PORT = 4222, 8222
JETSTREAM_PATH = "/jsz"


class Viewpoint(NamedTuple):
    """From where it is looked, and with what: a node's pod has to reach NATS."""

    is_node: bool = False
    admin_token: str = ""
    nats_ca_file: str = ""


class _Host(NamedTuple):
    """Who is asked: a pod by name, or an address of which no more is known."""

    name: str
    address: str


async def looked_through_api(facts: Facts, api: KubernetesApi) -> Facts:
    """The facts with what pods say through the API server's proxy."""
    reach = ProxiedReach(api, facts.namespace)
    ahead_s = facts.now_s - time.time()
    servers = _hosts(facts, NATS)
    told, monitors = await asyncio.gather(
        _node_answers(reach, _hosts(facts, NODE), has_token=False, clock_ahead_s=ahead_s),
        _monitors(reach, servers),
    )
    engines = [engine_of(monitors[one.name], EngineSeen(one.name)) for one in servers]
    return _with(facts, told, [one for one in engines if one.has_leader is not None])


async def looked_at(facts: Facts, names: Names, view: Viewpoint) -> Facts:
    """The facts with what can be seen from inside the cluster: DNS, ports, nodes, NATS."""
    seen = await _names(facts, names)
    facts = msgspec.structs.replace(facts, names=seen)
    reach = DirectReach(view.admin_token, ADMIN_PORT)
    nodes = _hosts(facts, NODE) or _addresses(seen, f"{facts.full_name}-headless")
    servers = _hosts(facts, NATS) or _addresses(seen, f"{facts.full_name}-nats-headless")
    ahead_s = facts.now_s - time.time()
    told, doors, looks, monitors = await asyncio.gather(
        _node_answers(reach, nodes, has_token=bool(view.admin_token), clock_ahead_s=ahead_s),
        _api_doors(nodes, is_needed=not view.is_node),
        _server_looks(facts, servers, view),
        _monitors(reach, servers),
    )
    engines = [
        engine_of(monitors[host.name], look.engine)
        for host, look in zip(servers, looks, strict=True)
        if look.engine is not None
    ]
    facts = msgspec.structs.replace(
        facts,
        doors=(*doors, *_server_doors(servers, looks, is_needed=view.is_node)),
        certificates=(*facts.certificates, *_certificates(looks)),
    )
    return _with(facts, told, engines)


async def _names(facts: Facts, names: Names) -> tuple[NameSeen, ...]:
    """Services of the release; of an external NATS there are none here."""
    services = [(facts.full_name, NODE), (f"{facts.full_name}-headless", NODE)]
    own = facts.own_settings()
    host = urlsplit(own.engine_url).hostname if own is not None and own.engine_url else None
    if host is None or host.partition(".")[0] == f"{facts.full_name}-nats":
        services += [(f"{facts.full_name}-nats", NATS), (f"{facts.full_name}-nats-headless", NATS)]
    asked = (names.seen(name, facts.namespace, component) for name, component in services)
    return tuple(await asyncio.gather(*asked))


def _hosts(facts: Facts, component: str) -> list[_Host]:
    running = (one for one in facts.pods_of(component) if one.ip and one.phase == "Running")
    return [_Host(one.name, one.ip) for one in running][:LOOKED_AT_MAX]


def _addresses(names: Sequence[NameSeen], service: str) -> list[_Host]:
    found = (one for one in names if one.name.partition(".")[0] == service)
    return [_Host(address, address) for one in found for address in one.addresses][:LOOKED_AT_MAX]


async def _node_answers(
    reach: Reach, nodes: Sequence[_Host], *, has_token: bool, clock_ahead_s: float
) -> dict[str, tuple[AnswerSeen | None, Told]]:
    asked = (
        node_answer(reach, one.name, one.address, has_token=has_token, clock_ahead_s=clock_ahead_s)
        for one in nodes
    )
    answers = await asyncio.gather(*asked)
    return {one.name: answer for one, answer in zip(nodes, answers, strict=True)}


async def _api_doors(nodes: Sequence[_Host], *, is_needed: bool) -> tuple[DoorSeen, ...]:
    states = await asyncio.gather(*(knocked(one.address, API_PORT) for one in nodes))
    return tuple(
        DoorSeen(one.name, API_PORT, NODE, "the API of a node", state, is_needed)
        for one, state in zip(nodes, states, strict=True)
    )


async def _server_looks(
    facts: Facts, servers: Sequence[_Host], view: Viewpoint
) -> list[ServerLook]:
    wanted = (f"{facts.full_name}-nats",)
    return await asyncio.gather(
        *(server_look(one.address, CLIENT_PORT, wanted, view.nats_ca_file) for one in servers)
    )


def _server_doors(
    servers: Sequence[_Host], looks: Sequence[ServerLook], *, is_needed: bool
) -> tuple[DoorSeen, ...]:
    return tuple(
        DoorSeen(one.name, CLIENT_PORT, NATS, "NATS for nodes", look.state, is_needed)
        for one, look in zip(servers, looks, strict=True)
    )


def _certificates(looks: Sequence[ServerLook]) -> tuple[CertificateSeen, ...]:
    """One of each kind: servers usually have the same."""
    seen = {
        (one.ends_at_s, one.names, one.refusal): one
        for look in looks
        if (one := look.certificate) is not None
    }
    return tuple(seen.values())


async def _monitors(reach: Reach, servers: Sequence[_Host]) -> dict[str, bytes]:
    """What servers' monitors say of their cluster; empty where they are not reached."""
    told = await asyncio.gather(
        *(reach.ask(one.name, one.address, MONITOR_PORT, JETSTREAM_PATH) for one in servers)
    )
    return {host.name: one.body for host, one in zip(servers, told, strict=True)}


def _with(
    facts: Facts,
    told: dict[str, tuple[AnswerSeen | None, Told]],
    engines: Sequence[EngineSeen],
) -> Facts:
    gaps = unanswered({pod: why for pod, (_, why) in told.items()})
    if facts.pods_of(NATS) and not any(one.has_leader is not None for one in engines):
        gaps = (*gaps, Gap("what NATS says of its leader", f"port {MONITOR_PORT} is not reached"))
    answers = tuple(answer for answer, _ in told.values() if answer is not None)
    return msgspec.structs.replace(
        facts, answers=answers, engines=tuple(engines), gaps=(*facts.gaps, *gaps)
    )
